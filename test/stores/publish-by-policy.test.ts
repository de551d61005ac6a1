import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { publishByPolicy } from '../../lib/index.js'
import { POLICY } from '../helpers/claims-scene.js'

for (const policy of [{ conflict: 'overwrite' }, { conflict: 'replace' }, { unless: 'newer' }] as const)
  test(`a file that is seen before the store says that it has its name is nobody's old version: ${JSON.stringify(policy)}`, async (t) => {
    const files = new Map<string, string>()
    const brought = new Set<string>()
    const publish = (text: string) =>
      publishByPolicy(
        { path: 'a', size: 1, mtime: 1 },
        { ...POLICY, conflict: 'rename', unless: 'nothing', ...policy, brought },
        {
          take: async (path, how) => {
            if (how === 'create' && files.has(path)) return false
            files.set(path, text)
            // as a database whose answer is on its way
            await setImmediate()
            return true
          },
          look: async () => ({ size: 1, mtime: 1, isSame: () => false }),
        },
      )
    const placed = await Promise.all(['x', 'y', 'z'].map(publish))
    t.deepEqual(
      placed.map(({ name, skipped }) => [name, skipped]),
      [
        ['a', undefined],
        ['a_1', undefined],
        ['a_2', undefined],
      ],
    )
    t.deepEqual(
      [...files],
      [
        ['a', 'x'],
        ['a_1', 'y'],
        ['a_2', 'z'],
      ],
    )
  })

test('a name that could not be taken is there for the next, and one that failed', async (t) => {
  const brought = new Set<string>()
  let times = 0
  const publish = () =>
    publishByPolicy(
      { path: 'a', size: 1, mtime: 1 },
      { ...POLICY, conflict: 'overwrite', brought },
      {
        take: async () => {
          if (times++ === 0) throw new Error('no')
          return true
        },
      },
    )
  const [first, second] = await Promise.allSettled([publish(), publish()])
  t.is(first.status, 'rejected')
  t.is(second.status, 'fulfilled')
})
