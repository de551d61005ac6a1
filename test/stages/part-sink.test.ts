import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import test from 'ava'
import { MemoryDisk } from '../../lib/testing/index.js'
import { listing, temporary } from '../helpers/folders.js'
import { itemsOf, MTIME, receiveItems, statuses } from '../helpers/river.js'

const TREE = {
  photos: null,
  'photos/a.txt': 'hello',
  'photos/empty': '',
  'photos/nothing': null,
  'photos/deep': null,
  'photos/deep/c': randomBytes(70_000),
  'implied/parent/x': 'x',
  'report.pdf': randomBytes(250_000),
}

function memory(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.putFolder('/dst')
  return disk
}

for (const [how, options] of [
  ['in the usual pieces', {}],
  ['in runs of 10,000 bytes', { run: 10_000 }],
  ['in cuts of 7 bytes', { cut: 7, run: 4096 }],
  ['without digests of a tap', { tapped: false, run: 30_000 }],
] as const) {
  test(`a tree arrives as it was, ${how}`, async (t) => {
    const disk = memory()
    const { outcomes, error } = await receiveItems(itemsOf(TREE, options), { dir: '/dst', fs: disk })
    t.is(error, undefined)
    t.deepEqual(new Set(Object.values(statuses(outcomes))), new Set(['published']))
    t.deepEqual(
      outcomes.map(({ path }) => path),
      Object.keys(TREE),
    )
    for (const [path, content] of Object.entries(TREE)) {
      if (content !== null) t.deepEqual(disk.snapshot().get(`/dst/${path}`), Buffer.from(content))
    }
    t.deepEqual(disk.openHandles(), [])
    t.deepEqual(
      disk.list().filter((path) => path.includes('sluice') || path.endsWith('.part')),
      [],
    )
  })
}

test('on the real disk modes and times are kept, and nothing of ours is left', async (t) => {
  const dir = join(await temporary(t), 'not/there/yet')
  const modes = { photos: 0o555, 'photos/a.txt': 0o400, 'report.pdf': 0o666, 'photos/deep': 0o700 }
  const { error } = await receiveItems(itemsOf(TREE, { modes }), { dir })
  t.is(error, undefined)
  const found = await listing(dir)
  t.is(found.photos, 'folder 555')
  t.is(found['photos/deep'], 'folder 700')
  t.regex(found['photos/a.txt']!, new RegExp(`^file 400 5 ${MTIME} `))
  t.regex(found['report.pdf']!, new RegExp(`^file 666 250000 ${MTIME} `))
  t.deepEqual(Object.keys(found).sort(), [...Object.keys(TREE), 'implied', 'implied/parent'].sort())
})
