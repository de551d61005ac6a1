import test from 'ava'
import fc from 'fast-check'
import type { SyncCalls } from '../../../lib/files/disk/fs.js'
import { FreeNames, writeAll } from '../../../lib/stores/disk/sync-file-calls.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

/** A file to which each write gives as many bytes as the disk pleases. */
function fileOf(portions: Iterator<number>) {
  const content: number[] = []
  const write = (_fd: number, [bytes]: readonly Uint8Array[], position: number | null) => {
    const taken = Math.min(portions.next().value ?? 1, bytes!.length)
    for (let i = 0; i < taken; i++) content[(position ?? content.length) + i] = bytes![i]!
    return taken
  }
  return { content, calls: { write } as unknown as SyncCalls }
}

test('a write is done again until all bytes are out, however few the disk takes', (t) => {
  const lists = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 5 })
  fc.assert(
    fc.property(lists, fc.infiniteStream(fc.integer({ min: 1, max: 8 })), (list, portions) => {
      const { content, calls } = fileOf(portions[Symbol.iterator]())
      const buffers = list.map((bytes) => Buffer.from(bytes))
      writeAll(calls, 0, buffers)
      return Buffer.concat(buffers).equals(Buffer.from(content))
    }),
  )
  t.pass()
})

test('a disk that takes nothing more is full', (t) => {
  const { calls } = fileOf([3, 0, 0].values())
  t.throws(() => writeAll(calls, 0, [Buffer.alloc(10)]), { message: /ENOSPC/ })
})

const contents = (disk: MemoryDisk) =>
  Object.fromEntries(Array.from(disk.snapshot(), ([path, bytes]) => [path, bytes.toString()]))

/** A part that is to get the name `/name`, and the calls for that by name. */
async function partOf(content = 'content') {
  const disk = new MemoryDisk({ renameNoReplace: true })
  disk.put('/name.part', content)
  const written = await disk.lstat('/name.part')
  const calls: string[] = []
  disk.hook = ({ call }) => void calls.push(call)
  const names = new FreeNames()
  const give = (mode: number | null = null) => names.give(disk.sync!, '/name.part', '/name', written, mode)
  return { disk, calls, give }
}

test('a part is renamed where the disk can do that without replacing anything', async (t) => {
  const { disk, calls, give } = await partOf()
  t.is(give(), 'moved')
  t.deepEqual(calls, ['renameNoReplace'])
  t.deepEqual(contents(disk), { '/name': 'content' })
})

test('a name that is taken stays with what has it', async (t) => {
  const { disk, give } = await partOf()
  disk.put('/name', 'mine')
  t.throws(() => give(), { code: 'EEXIST' })
  t.deepEqual(contents(disk), { '/name': 'mine', '/name.part': 'content' })
})

for (const error of ['ENOSYS', 'EINVAL', 'EPERM', 'ENOTSUP']) {
  test(`a disk that says ${error} to the rename is not asked again: parts are linked`, async (t) => {
    const { disk, calls, give } = await partOf()
    disk.fail({ call: 'renameNoReplace', error, once: false })
    t.is(give(), 'linked')
    await disk.unlink('/name')
    calls.length = 0
    t.is(give(), 'linked')
    t.deepEqual(calls, ['link'])
  })
}

test('a rename whose answer was lost counts, and one that failed does not', async (t) => {
  const { disk, give } = await partOf()
  disk.fail({ call: 'renameNoReplace', error: 'EIO' })
  t.throws(() => give(), { code: 'EIO' })
  disk.fail({ call: 'renameNoReplace', error: 'EIO', after: true })
  t.is(give(), 'moved')
  t.deepEqual(contents(disk), { '/name': 'content' })
})

test('another file that has the name after a failed rename is not taken for the part', async (t) => {
  const { disk, give } = await partOf()
  disk.hook = ({ call }) => {
    if (call !== 'renameNoReplace') return
    disk.remove('/name.part')
    disk.put('/name', 'content')
  }
  t.throws(() => give())
})

test('a part with a mode in which it cannot be opened again is linked', async (t) => {
  const { disk, give } = await partOf()
  t.is(give(0o444), 'linked')
  t.is((await disk.lstat('/name')).mode & 0o777, 0o444)
})
