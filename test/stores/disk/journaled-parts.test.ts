import test from 'ava'
import { collectLeftovers, Tree } from '../../../lib/files/index.js'
import type { ProcessSystem } from '../../../lib/files/own/owner.js'
import { diskParts } from '../../../lib/stores/disk/disk-store.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import type { Entry } from '../../../lib/wire/entry.js'

const ID = 'ab'.repeat(16)
const GRAVE: ProcessSystem = { pid: 1, hostname: () => 'h', read: () => undefined, isAlive: () => false }

/** Files of which a first piece is there, and then the process is gone. */
async function interrupted(disk: MemoryDisk, names: readonly string[]) {
  disk.putFolder('/d')
  const entries = names.map(
    (path, index): Entry => ({
      index,
      type: 'file',
      path,
      start: index * 100,
      size: 100,
      mtime: 1,
      mode: 0o644,
    }),
  )
  const store = diskParts({ dir: '/d', durability: 'crash', fs: disk, handles: 16 })
  await store.expect?.({ id: ID, first: 0, entries } as never, 0)
  for (const entry of entries) {
    const part = await store.begin(entry)
    await part.write(0, [Buffer.from('abc')], false)
  }
  return store
}

test('after a first piece nothing but this very part is taken for it, although its process died at once', async (t) => {
  const disk = new MemoryDisk()
  // a name that is taken: then the part has the next one
  disk.put('/d/b.part', 'mine')
  const store = await interrupted(disk, ['a', 'b', 'c'])
  t.true(disk.list().includes('/d/b.1.part'))
  disk.remove('/d/a.part')
  disk.put('/d/a.part', 'xyz')
  disk.remove('/d/b.1.part')
  disk.put('/d/b.1.part', 'xyz')
  const tree = await Tree.open('/d', { fs: disk })
  t.like(await collectLeftovers(tree, { system: GRAVE, force: true }), [
    { path: 'c.part', state: 'part' },
    { state: 'journal' },
  ])
  await tree.close()
  t.deepEqual(
    disk.list().filter((path) => path.startsWith('/d/')),
    ['/d/', '/d/a.part', '/d/b.1.part', '/d/b.part'],
  )
  await store.close?.()
})
