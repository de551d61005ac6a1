import test from 'ava'
import fc from 'fast-check'
import { WriteBehind } from '../../../lib/stages/part-sink/write-behind.js'
import type { FileWrite } from '../../../lib/stages/part-sink/writes.js'
import type { Entry } from '../../../lib/wire/entry.js'
import { scale } from '../../helpers/scale.js'

const MOST_BYTES = 1024 * 1024

const entryOf = (index: number): Entry => ({
  index,
  type: 'file',
  path: `f${index}`,
  start: 0,
  size: null,
  mtime: 0,
  mode: 0o600,
})
const [A, B] = [entryOf(0), entryOf(1)]

function writeOf(entry: Entry, offset: number, ...buffers: Buffer[]): FileWrite {
  const length = buffers.reduce((sum, { length }) => sum + length, 0)
  return { entry, offset, length, buffers, last: false }
}

const text = (entry: Entry, offset: number, content: string) => writeOf(entry, offset, Buffer.from(content))

/** A disk whose writes end when the test says so. */
function slowDisk() {
  const writes: FileWrite[] = []
  const ends: (() => void)[] = []
  const behind = new WriteBehind((write) => {
    writes.push(write)
    return new Promise((done) => ends.push(() => done(undefined)))
  })
  /** Ends the write that runs, and waits until the next one begins or none does. */
  const end = async () => {
    ends.shift()!()
    await new Promise((done) => setImmediate(done))
  }
  const written = () =>
    writes.map(({ entry, offset, buffers }) => [entry.path, offset, String(Buffer.concat(buffers))])
  return { behind, ends, end, written, writes }
}

test('what comes while one is written takes one write, afterwards', async (t) => {
  const { behind, end, ends, written } = slowDisk()
  for (const [offset, content] of [
    [0, 'ab'],
    [2, 'cd'],
    [4, 'e'],
    [5, 'fgh'],
  ] as const)
    t.deepEqual(await behind.add(text(A, offset, content)), [])
  t.deepEqual(written(), [['f0', 0, 'ab']])
  await end()
  t.deepEqual(written(), [
    ['f0', 0, 'ab'],
    ['f0', 2, 'cdefgh'],
  ])
  const settled = behind.settle()
  await end()
  t.deepEqual(await settled, [])
  t.is(ends.length, 0)
})

test('what does not follow waits for its turn: another file, and a gap', async (t) => {
  const { behind, end, written } = slowDisk()
  await behind.add(text(A, 0, 'a'))
  await behind.add(text(B, 0, 'b'))
  const gap = behind.add(text(B, 7, 'c'))
  t.is(await Promise.race([gap, 'waits']), 'waits')
  await end()
  await gap
  await end()
  await end()
  t.deepEqual(written(), [
    ['f0', 0, 'a'],
    ['f1', 0, 'b'],
    ['f1', 7, 'c'],
  ])
})

test('no more waits than a mebibyte, and no more buffers than one write takes', async (t) => {
  const most = 3
  for (const buffers of [[Buffer.alloc(300 * 1024)], Array.from({ length: 300 }, () => Buffer.alloc(1))]) {
    const { behind, end, ends, writes } = slowDisk()
    const { length } = writeOf(A, 0, ...buffers)
    const all = []
    for (let n = 0; n < 12; n++) all.push(behind.add(writeOf(A, n * length, ...buffers)))
    await Promise.all(all.slice(0, 1 + most))
    t.is(await Promise.race([all[1 + most], 'waits']), 'waits')
    while (ends.length > 0) await end()
    await Promise.all(all)
    t.deepEqual(await behind.settle(), [])
    for (const write of writes) {
      t.true(write.length <= MOST_BYTES)
      t.true(write.buffers.length <= 1024)
    }
    t.is(
      writes.reduce((sum, { length }) => sum + length, 0),
      12 * length,
    )
  }
})

test('an entry that ended is told once, by the next call', async (t) => {
  const ended = { entries: [], first: 0, last: 0, entry: A }
  const behind = new WriteBehind(async ({ offset }) => (offset === 1 ? ended : undefined))
  t.deepEqual(await behind.add(text(A, 0, 'a')), [])
  t.deepEqual(await behind.settle(), [])
  await behind.add(text(A, 1, 'b'))
  t.deepEqual(await behind.settle(), [ended])
  t.deepEqual(await behind.settle(), [])
})

test('what is thrown stops everything: no later write begins', async (t) => {
  const error = new Error('the disk is full')
  const written: number[] = []
  const behind = new WriteBehind(async ({ offset }) => {
    written.push(offset)
    if (offset === 1) throw error
    return undefined
  })
  await behind.add(text(A, 0, 'a'))
  await behind.settle()
  await behind.add(text(A, 1, 'b'))
  await behind.add(text(A, 2, 'c')).catch(() => {})
  t.is(await t.throwsAsync(behind.settle()), error)
  t.is(await t.throwsAsync(behind.add(text(A, 3, 'd'))), error)
  t.deepEqual(written, [0, 1])
})

test('what waits when one throws is not written', async (t) => {
  const error = new Error('the disk is full')
  const written: number[] = []
  let fail = () => {}
  const behind = new WriteBehind(({ offset }) => {
    written.push(offset)
    return new Promise((_, reject) => {
      fail = () => reject(error)
    })
  })
  await behind.add(text(A, 0, 'a'))
  await behind.add(text(A, 1, 'b'))
  const parked = behind.add(text(B, 0, 'c'))
  fail()
  t.is(await t.throwsAsync(parked), error)
  t.is(await t.throwsAsync(behind.settle()), error)
  t.deepEqual(written, [0])
})

test('after a stop no write begins: what waits is dropped, and what still comes', async (t) => {
  const { behind, end, written } = slowDisk()
  await behind.add(text(A, 0, 'a'))
  await behind.add(text(A, 1, 'b'))
  const parked = behind.add(text(B, 0, 'c'))
  behind.stop()
  const settled = behind.settle()
  await end()
  t.deepEqual(await parked, [])
  t.deepEqual(await settled, [])
  t.deepEqual(await behind.add(text(A, 2, 'd')), [])
  t.deepEqual(written(), [['f0', 0, 'a']])
})

test('whatever comes, and however long each write takes: all of it, in order, one write at a time', async (t) => {
  const given = fc.array(fc.tuple(fc.constantFrom(A, B), fc.nat({ max: 2 }), fc.string({ maxLength: 9 })))
  await fc.assert(
    fc.asyncProperty(given, fc.scheduler(), async (given, scheduler) => {
      const bytes: string[] = []
      let running = 0
      const behind = new WriteBehind(async ({ entry, offset, buffers }) => {
        running++
        t.is(running, 1)
        await scheduler.schedule(Promise.resolve())
        for (const [i, byte] of [...Buffer.concat(buffers)].entries())
          bytes.push(`${entry.path}:${offset + i}:${byte}`)
        running--
        return undefined
      })
      const expected: string[] = []
      let offset = 0
      const adding = (async () => {
        for (const [entry, gap, content] of given) {
          offset += gap
          const buffer = Buffer.from(content)
          for (const [i, byte] of [...buffer].entries()) expected.push(`${entry.path}:${offset + i}:${byte}`)
          await behind.add(writeOf(entry, offset, buffer))
          offset += buffer.length
        }
        await behind.settle()
      })()
      await scheduler.waitFor(adding)
      t.deepEqual(bytes, expected)
    }),
    { numRuns: scale(200, 5000) },
  )
})
