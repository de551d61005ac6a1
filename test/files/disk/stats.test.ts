import test from 'ava'
import type { FileStats } from '../../../lib/files/disk/fs.js'
import { Births, isStillWritten, type WrittenFile, writtenOf } from '../../../lib/files/disk/stats.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

const CASES: [what: string, there: Partial<FileStats>, isIt: boolean, written?: Partial<WrittenFile>][] = [
  ['nothing changed', {}, true],
  ['only its rights and times changed', { mode: 0o100600, mtimeMs: 1, ctimeMs: 2, nlink: 2 }, true],
  ['it has the same number: not where that is another one', { ino: 99n }, false],
  ['it has the same number of the same disk', { dev: 99n }, false],
  ['it is as long as it was then', { size: 4 }, false],
  ['its length does not count, since others may write to it', { size: 4 }, true, { size: undefined }],
  ['it was made then: a file that is gone gives its number to the next one', { birthtimeMs: 1 }, false],
  ['its disk does not say when it was made', { birthtimeMs: 0 }, true],
  ['its disk did not say when it was made', { birthtimeMs: 1 }, true, { birthtimeMs: undefined }],
  ['it is no link', { isFile: () => false, isSymbolicLink: () => true }, false],
  ['it is no file, but the link that was made', {}, false, { isSymbolicLink: () => true }],
]

for (const [what, change, isIt, written] of CASES)
  test(`a file is the one that was written if ${what}`, async (t) => {
    const disk = new MemoryDisk()
    disk.put('/file', 'new')
    const stats = await disk.lstat('/file')
    t.is(isStillWritten({ ...stats, ...change }, { ...writtenOf(stats), ...written }), isIt)
  })

const times = (birthtimeNs: bigint, ctimeNs: bigint) => ({ birthtimeNs, ctimeNs })

test('a birth that is always the last change is none', (t) => {
  const births = new Births()
  t.is(births.of(times(5n, 5n)), 0n)
  t.is(births.of(times(7n, 7n)), 0n)
})

test('one file that was changed since its birth shows that births are true, also of files that were not', (t) => {
  const births = new Births()
  t.is(births.of(times(5n, 9n)), 5n)
  t.is(births.of(times(7n, 7n)), 7n)
})

test('a disk that knows no births shows nothing', (t) => {
  const births = new Births()
  t.is(births.of(times(0n, 9n)), 0n)
  t.is(births.of(times(7n, 7n)), 0n)
})
