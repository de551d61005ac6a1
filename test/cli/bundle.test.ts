import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { Command, MAIN, ROOT } from '../helpers/command.js'
import { temporary } from '../helpers/folders.js'

test('the bundle needs no package beside it: without the native modules BLAKE3 comes from its own chunk', async (t) => {
  const dir = await temporary(t)
  // as it is installed, but in a folder from which no node_modules is found
  await cp(dirname(MAIN), join(dir, 'dist/bin'), { recursive: true })
  await cp(join(ROOT, 'package.json'), join(dir, 'package.json'))
  const main = join(dir, 'dist/bin/sluice.js')
  await writeFile(join(dir, 'file'), 'content')
  const pack = new Command(t, ['pack', join(dir, 'file'), '--hash', 'blake3'], { main })
  const unpack = new Command(t, ['unpack', '--dir', join(dir, 'to')], { main, input: 'pipe' })
  await pipeline(pack.child.stdout!, unpack.child.stdin!)
  for (const { ended } of [pack, unpack]) {
    const { code, err } = await ended
    t.is(code, 0, err)
  }
  t.is(await readFile(join(dir, 'to/file'), 'utf8'), 'content')
})

test('the command that is installed is the bundle, and its maps lead to what is in the package', async (t) => {
  const { bin, version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  t.is(join(ROOT, bin.sluice), MAIN)
  t.is((await new Command(t, ['--version']).ended).out, version)
  const folder = dirname(MAIN)
  const maps = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.map'))
  t.true(maps.length > 0)
  const ours = new Set(await readdir(join(ROOT, 'lib'), { recursive: true }))
  for (const map of maps) {
    const { sources } = JSON.parse(await readFile(join(folder, map), 'utf8')) as { sources: string[] }
    const paths = sources.map((source) => join(dirname(join(folder, map)), source))
    t.deepEqual(
      paths.filter((path) => !ours.has(path.slice(join(ROOT, 'lib/').length))),
      [],
      map,
    )
  }
})
