import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { temporary } from '../helpers/folders.js'
import { BARS } from './figures/bars.js'
import { CHECKOUT } from './movers/build.js'
import { benchOptions } from './options.js'

const namesOf = (...args: string[]) => benchOptions(args, '.').scenes.map(({ name }) => name)

test('the benchmark plays the scenes of the table, in five rounds, unless asked otherwise', async (t) => {
  t.like(benchOptions([], '.'), { quick: false, rounds: 5, fresh: false, json: undefined, plots: undefined })
  const names = namesOf()
  for (const { scene } of BARS) t.true(names.some((name) => name.split(':')[0] === scene.split(':')[0]))
  t.false(names.includes('profile:large'))
  t.is(benchOptions(['--quick'], '.').rounds, 1)
})

test('scenes are chosen by their names, or by the word before the colon', (t) => {
  t.deepEqual(namesOf('--only', 'start,far'), ['far:large', 'far:capped', 'far:connections', 'start'])
  t.deepEqual(namesOf('--only', 'growth:million,profile'), [
    'growth:million',
    'profile:large',
    'profile:small',
  ])
})

test('another build is measured beside this one', async (t) => {
  const { builds } = benchOptions(['--against', CHECKOUT], '.')
  const [build, before] = builds
  t.is(builds.length, 2)
  t.deepEqual({ ...before, name: '', checkout: build.checkout }, build)
})

test('the command and the library of a build are those that its package.json names', async (t) => {
  const dir = await temporary(t)
  const exports = { '.': { default: './built/index.js' } }
  await writeFile(
    join(dir, 'package.json'),
    JSON.stringify({ bin: { sluice: 'elsewhere/main.js' }, exports }),
  )
  const options = () => benchOptions(['--against', dir], dir)
  t.throws(options, { message: /--against must be a built checkout.*built/ })
  await mkdir(join(dir, 'built'))
  const [, before] = options().builds
  t.is(before!.command, join(dir, 'elsewhere/main.js'))
  t.is(before!.library, join(dir, 'built'))
})

const WRONG: [args: string[], message: RegExp][] = [
  [['--bogus'], /--bogus/],
  [['extra'], /extra/],
  [['--rounds', 'many'], /--rounds.*many/],
  [['--rounds', '0'], /--rounds/],
  [['--only', 'large,huge'], /--only knows large.*'huge'/],
  [['--dir', '/nowhere/at/all'], /--dir.*nowhere/],
  [['--disk', 'old'], /--disk.*'old'/],
  [['--node', '/nowhere/node'], /--node.*nowhere/],
  [['--against', '/nowhere/at/all'], /--against.*nowhere/],
]
test('wrong use of the benchmark is an error that names the option', async (t) => {
  const dir = await temporary(t)
  for (const [args, message] of WRONG) t.throws(() => benchOptions(args, dir), { message })
})

test('wrong use of the benchmark is one line on standard error, and exit 2', (t) => {
  const main = fileURLToPath(new URL('main.js', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--bogus'], { encoding: 'utf8' })
  t.is(status, 2)
  t.is(stdout, '')
  t.regex(stderr, /^bench: [^\n]*--bogus[^\n]*\n$/)
})
