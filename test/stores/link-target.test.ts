import { lstat, mkdir, realpath, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { errorCode } from '../../lib/files/index.js'
import { staysInside } from '../../lib/stores/link-target.js'
import { temporary } from '../helpers/folders.js'
import { scale } from '../helpers/scale.js'

test('a link stays inside if it climbs only at its beginning, and not out', (t) => {
  for (const [path, target, inside] of [
    ['a', 'b', true],
    ['a', '.', true],
    ['d/a', '..', true],
    ['d/a', '../b', true],
    ['d/e/a', '.././/../b/', true],
    ['d/a', './x/../b', false],
    ['e', 'sub/d/../../secret', false],
    ['a', '../b', false],
    ['d/a', '../../b', false],
    ['d/a', '..\\x\\..\\b', false],
    ['a', '/b', false],
    ['a', 'C:x', false],
    ['a', '..\\b', false],
    ['a', '', false],
  ] as const) {
    t.is(staysInside(path, target), inside, `${path} -> ${target}`)
  }
})

const NAMES = ['a', 'b', 'c']
const FOLDERS = ['', 'a', 'b', 'a/b', 'a/b/c', 'b/c']

const name = fc.constantFrom(...NAMES)
const link = fc.record({
  folder: fc.constantFrom(...FOLDERS),
  name,
  target: fc
    .tuple(
      fc.array(fc.constant('..'), { maxLength: 3 }),
      fc.array(
        fc.oneof({ weight: 6, arbitrary: name }, { weight: 1, arbitrary: fc.constantFrom('..', '.') }),
        {
          maxLength: 4,
        },
      ),
    )
    .map(([up, down]) => [...up, ...down].join('/')),
})

test('links that stay inside lead nowhere outside together either, on the real disk', async (t) => {
  let followed = 0
  const dir = await realpath(await temporary(t))
  // what they would find outside has every name
  for (const outside of NAMES) await mkdir(join(dir, outside))
  let run = 0
  const property = fc.asyncProperty(fc.array(link, { minLength: 2, maxLength: 8 }), async (links) => {
    const above = join(dir, `run-${++run}`)
    const root = join(above, 'root')
    for (const folder of FOLDERS) await mkdir(join(root, folder), { recursive: true })
    for (const outside of NAMES) await writeFile(join(above, outside), 'outside')
    const made: string[] = []
    for (const one of links) {
      const path = one.folder === '' ? one.name : `${one.folder}/${one.name}`
      if (!staysInside(path, one.target)) continue
      // in a real folder, and never over anything
      const there = await lstat(join(root, path)).catch(() => undefined)
      if (there) continue
      await symlink(one.target, join(root, path))
      made.push(path)
    }
    for (const path of made) {
      for (const way of [path, `${path}/a`, `${path}/a/b`, `${path}/c`]) {
        const end = await realpath(join(root, way)).catch((error) => errorCode(error)!)
        if (end.startsWith('/')) followed++
        if (end.startsWith('/') && end !== root && !end.startsWith(`${root}/`)) {
          throw new Error(`${way} leads to ${end}`)
        }
      }
    }
  })
  await fc.assert(property, { numRuns: scale(150, 5000) })
  t.true(followed > 50, `${followed} ways led somewhere`)
})
