import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { benchOptions } from './bench/options.js'
import { temporary } from './helpers/folders.js'

test('the benchmark runs all of its parts, five times, unless asked otherwise', async (t) => {
  const dir = await temporary(t)
  t.like(benchOptions([], dir), { quick: false, rounds: 5, dir })
  const { rounds, parts } = benchOptions(['--quick', '--only', 'small,delay'], dir)
  t.is(rounds, 1)
  t.deepEqual([...parts], ['small', 'delay'])
})

test('with another build, the benchmark runs the parts that both can take', async (t) => {
  const dir = await temporary(t)
  t.is(benchOptions([], dir).against, undefined)
  const checkout = fileURLToPath(new URL('../..', import.meta.url))
  const { parts, build, against } = benchOptions(['--against', checkout, '--disk', 'fresh'], dir)
  t.deepEqual([...parts], ['large', 'small', 'memory', 'delay'])
  t.deepEqual(against?.build, build)
})

const WRONG: [args: string[], message: RegExp][] = [
  [['--bogus'], /--bogus/],
  [['extra'], /extra/],
  [['--runs', 'many'], /--runs.*many/],
  [['--runs', '0'], /--runs/],
  [['--only', 'large,huge'], /--only knows large.*'huge'/],
  [['--dir', '/nowhere/at/all'], /--dir.*nowhere/],
  [['--disk', 'old'], /--disk.*'old'/],
  [['--node', '/nowhere/node'], /--node.*nowhere/],
  [['--against', '/nowhere/at/all'], /--against.*nowhere/],
  [['--against', '.', '--only', 'atomic'], /--only.*--against.*'atomic'/],
]
test('wrong use of the benchmark is an error that names the option', async (t) => {
  const dir = await temporary(t)
  for (const [args, message] of WRONG) t.throws(() => benchOptions(args, dir), { message })
})

test('wrong use of the benchmark is one line on standard error, and exit 2', (t) => {
  const main = fileURLToPath(new URL('bench/main.js', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--bogus'], { encoding: 'utf8' })
  t.is(status, 2)
  t.is(stdout, '')
  t.regex(stderr, /^bench: [^\n]*--bogus[^\n]*\n$/)
})
