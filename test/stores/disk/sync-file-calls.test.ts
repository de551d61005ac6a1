import test from 'ava'
import fc from 'fast-check'
import type { SyncCalls } from '../../../lib/files/disk/fs.js'
import { writeAll } from '../../../lib/stores/disk/sync-file-calls.js'

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
