import test from 'ava'
import fc from 'fast-check'
import { SluiceError } from '../../../lib/errors.js'
import { MemoryPool } from '../../../lib/stages/bytes/memory-pool.js'
import { RunWriter } from '../../../lib/stages/part-sink/run-writer.js'
import type { DigestsItem, StoredRun } from '../../../lib/stages/river/items.js'
import { StoreCalls } from '../../../lib/stages/river/store-calls.js'
import type { Part, PartStore } from '../../../lib/stores/parts.js'
import type { Entry } from '../../../lib/wire/entry.js'
import { cutsOf, type Run, runOf } from '../../../lib/wire/run.js'
import { bytesOf, type Content, cutRun, itemsOf, offerOf, runsOver } from '../../helpers/items.js'
import { scale } from '../../helpers/scale.js'

/** A store that says what it was asked, and keeps the bytes of each file at their places. */
class Recorder {
  readonly calls: string[] = []
  readonly files = new Map<string, Buffer>()
  /** Writes of one file that run at the same time, at most. */
  most = 0
  /** Fails a call by what it says. */
  fails: (call: string) => string | undefined = () => undefined
  /** Waits before each write. */
  delay: () => Promise<void> | void = () => {}
  readonly store: PartStore

  constructor({ bulk = false } = {}) {
    this.store = {
      makeFolder: ({ path }) => this.#say(`folder ${path}`),
      begin: ({ path }) => {
        this.#say(`begin ${path}`)
        return this.#part(path)
      },
      alive: () => {},
      ...(bulk && { writeRun: (run: Run) => this.#writeRun(run) }),
    }
  }

  #say(call: string): void {
    this.calls.push(call)
    const code = this.fails(call)
    if (code !== undefined) throw Object.assign(new Error(call), { code })
  }

  #part(path: string): Part {
    let running = 0
    return {
      write: async (offset, buffers, ends) => {
        running++
        this.most = Math.max(this.most, running)
        try {
          const bytes = Buffer.concat(buffers)
          this.#say(`write ${path} ${offset}+${bytes.length}${ends ? ' ends' : ''}`)
          await this.delay()
          const before = this.files.get(path) ?? Buffer.alloc(0)
          const after = Buffer.alloc(Math.max(before.length, offset + bytes.length))
          before.copy(after)
          bytes.copy(after, offset)
          this.files.set(path, after)
        } finally {
          running--
        }
      },
      publish: () => {},
      discard: () => {},
      keep: ({ code }) => void this.calls.push(`keep ${path} ${code}`),
    }
  }

  async #writeRun(run: Run) {
    const failures = new Map<number, SluiceError>()
    this.calls.push(`together ${run.first} to ${run.last}`)
    for (const { entry, bytes } of cutsOf(run)) {
      const code = this.fails(`together ${entry.path}`)
      if (code !== undefined) failures.set(entry.index, new SluiceError(code as 'ERR_WRITE', 'no'))
      else if (entry.type === 'file')
        this.files.set(entry.path, Buffer.concat([this.files.get(entry.path) ?? Buffer.alloc(0), bytes]))
    }
    return { failures, publish: async () => [], part: (index: number) => this.#part(`${index}`) }
  }
}

function writerOf(recorder: Recorder, concurrency = 4, memory?: MemoryPool): RunWriter {
  return new RunWriter(new StoreCalls(recorder.store, concurrency), { concurrency, memory })
}

/** The run with buffers as a socket makes them, each with memory of its own, which is free once it was written. */
function received(run: Run, memory: MemoryPool): Run {
  const buffers = run.buffers.map((bytes) => Buffer.from(Uint8Array.from(bytes).buffer))
  for (const buffer of buffers) memory.adopt(buffer)
  return { ...run, buffers }
}

/** What was stored, entry by entry: as what, or why not. */
function saidOf(stored: readonly StoredRun[]): string[] {
  return stored.flatMap(({ first, last, entries, entry, run, part, failures, isWhole }) =>
    Array.from({ length: last - first + 1 }, (_, i) => {
      const { path, type } = entry ?? entries[first + i]!
      const failure = failures?.get(first + i)
      if (failure) return `${path}: ${failure.code}`
      return `${path}: ${type !== 'file' ? type : run ? 'together' : part ? (isWhole ? 'whole' : 'in part') : 'nothing'}`
    }),
  )
}

const CONTENT: Content = {
  d: null,
  'd/a': 'hello',
  'd/empty': '',
  b: 'world',
  large: 'l'.repeat(100),
  z: 'zz',
}
const offer = offerOf(CONTENT)
const [, A, , B, LARGE] = offer.entries as [Entry, Entry, Entry, Entry, Entry]
const runs = (from: number, end: number) => runsOver(offer, CONTENT, [from, end])
const only = (from: number, end: number) => runs(from, end).at(-1)!

/** Digests of consecutive entries; what they are does not matter here. */
function saying(first: number, count: number): DigestsItem {
  return { kind: 'digests', first, count, bytes: Buffer.alloc(count * 32, 1) }
}

async function writeAll(writer: RunWriter, runs: readonly Run[]): Promise<StoredRun[]> {
  const stored: StoredRun[] = []
  for (const run of runs) stored.push(...(await writer.write(run)))
  stored.push(...(await writer.settle()))
  return stored
}

const contentOf = (content: Content) =>
  Object.fromEntries(
    Object.entries(content).flatMap(([path, value]) => (value === null ? [] : [[path, bytesOf(value)]])),
  )

test('folders come before their files, and each file is written and ended', async (t) => {
  const recorder = new Recorder()
  const stored = await writeAll(writerOf(recorder, 1), runs(0, 10))
  t.deepEqual(saidOf(stored), ['d: directory', 'd/a: whole', 'd/empty: whole', 'b: whole'])
  t.deepEqual(recorder.calls, [
    'folder d',
    'begin d/a',
    'begin d/empty',
    'begin b',
    'write d/a 0+5 ends',
    'write d/empty 0+0 ends',
    'write b 0+5 ends',
  ])
  for (const { part, digests } of stored.slice(1)) t.truthy(part && digests)
})

test('small whole files go together, and those at the ends of the run that are not whole alone', async (t) => {
  const recorder = new Recorder({ bulk: true })
  const writer = writerOf(recorder)
  const content = {
    d: null,
    'd/a': 'hello',
    'd/empty': '',
    b: 'world',
    c: 'ccc',
    large: 'l'.repeat(100),
    z: 'zz',
  }
  const offer = offerOf(content)
  const over = (from: number, end: number) => runsOver(offer, content, [from, end]).at(-1)!
  t.deepEqual(saidOf(await writer.write(over(0, 2))), ['d: directory'])
  recorder.calls.length = 0
  const stored = await writer.write(over(2, 63))
  t.deepEqual(recorder.calls, ['write d/a 2+3 ends', 'together 2 to 4', 'begin large', 'write large 0+50'])
  t.deepEqual(saidOf(stored), ['d/a: whole', 'd/empty: together', 'b: together', 'c: together'])
  t.is(writer.unfinished?.path, 'large')
  t.deepEqual(recorder.files.get('b'), Buffer.from('world'))
})

test('files without bytes go together', async (t) => {
  const recorder = new Recorder({ bulk: true })
  const runs = itemsOf({ d: null, 'd/a': '', 'd/b': '', 'd/c': '' }).filter((item) => item.kind === 'run')
  const stored = await writeAll(writerOf(recorder), runs)
  t.deepEqual(saidOf(stored), ['d: directory', 'd/a: together', 'd/b: together', 'd/c: together'])
  t.deepEqual(recorder.calls, ['folder d', 'together 0 to 3'])
})

test('a single file, one of unknown beginning, and one that failed before do not go together with others', async (t) => {
  const recorder = new Recorder({ bulk: true })
  recorder.fails = (call) => (call === 'begin b' ? 'EACCES' : undefined)
  const writer = writerOf(recorder)
  await writer.write(only(5, 8))
  recorder.calls.length = 0
  t.deepEqual(saidOf(await writer.write(only(8, 10))), [])
  t.deepEqual(recorder.calls, [])
  await writer.write(only(110, 112))
  t.deepEqual(recorder.calls, ['begin z', 'write z 0+2 ends'])
})

test('some files of a run fail, and the others are stored', async (t) => {
  const recorder = new Recorder({ bulk: true })
  const content = { d: null, a: 'a', b: 'b', c: 'c' }
  const [run] = runsOver(offerOf(content), content, [0, 3])
  recorder.fails = (call) =>
    call === 'folder d' ? 'EACCES' : call === 'together b' ? 'ERR_WRITE' : undefined
  const [stored] = await writerOf(recorder).write(run!)
  t.deepEqual(saidOf([stored!]), ['d: ERR_PERMISSION', 'a: together', 'b: ERR_WRITE', 'c: together'])
  t.deepEqual(stored!.digests, run!.digests)
})

test('bytes in the middle of a file are written while more comes, and what waits takes one write', async (t) => {
  const recorder = new Recorder()
  const writer = writerOf(recorder)
  await writer.write(only(10, 20))
  let goOn = () => {}
  recorder.delay = () => new Promise((resolve) => (goOn = resolve))
  for (let at = 20; at < 50; at += 10) t.deepEqual(await writer.write(only(at, at + 10)), [])
  t.deepEqual(recorder.calls.slice(1), ['write large 0+10', 'write large 10+10'])
  recorder.delay = () => {}
  goOn()
  t.deepEqual(saidOf(await writer.write(only(50, 110))), ['large: whole'])
  t.deepEqual(recorder.calls.slice(2), ['write large 10+10', 'write large 20+20', 'write large 40+60 ends'])
})

test('a file in cuts is written behind as well', async (t) => {
  const recorder = new Recorder()
  const writer = writerOf(recorder)
  await writer.write(cutRun(only(10, 20)))
  let goOn = () => {}
  recorder.delay = () => new Promise((resolve) => (goOn = resolve))
  t.deepEqual(await writer.write(cutRun(only(20, 30))), [])
  t.deepEqual(await writer.write(cutRun(only(30, 40))), [])
  recorder.delay = () => {}
  goOn()
  await writer.settle()
  t.deepEqual(recorder.calls.slice(2), ['write large 10+10', 'write large 20+10'])
})

test('pieces of a file may come in any order: it ends when all of them are there', async (t) => {
  const recorder = new Recorder()
  const writer = writerOf(recorder)
  const stored: StoredRun[] = []
  for (const [from, end] of [
    [60, 110],
    [10, 20],
    [30, 60],
    [20, 30],
  ] as const)
    stored.push(...(await writer.write(only(from, end))))
  t.deepEqual(saidOf([...stored, ...(await writer.settle())]), ['large: whole'])
  t.is(recorder.calls.filter((call) => call.startsWith('begin')).length, 1)
  t.deepEqual(recorder.files.get('large'), Buffer.alloc(100, 'l'))
})

test('of a file that is given up it is known whether it is whole', async (t) => {
  const other = new Recorder()
  const filled = writerOf(other)
  await filled.write(only(10, 30))
  await filled.write(only(50, 100))
  await filled.write(only(30, 50))
  t.deepEqual(saidOf(await filled.giveUp(saying(LARGE.index, 1))), ['large: in part'])
  t.is(filled.unfinished, undefined)
  t.deepEqual(other.files.get('large'), Buffer.alloc(90, 'l'))
})

test('cuts of one file may each have a copy of its entry, and others between them: they are one file, in order', async (t) => {
  const recorder = new Recorder()
  const cuts = (
    [
      [A, 0, 'he'],
      [B, 0, 'world'],
      [A, 2, 'll'],
      [A, 4, 'o'],
    ] as const
  ).map(([entry, offset, text]) => ({
    entry: { ...entry, path: `in/${entry.path}` },
    offset,
    bytes: Buffer.from(text),
    last: offset + text.length === entry.size,
  }))
  const stored = await writerOf(recorder).write(runOf(only(0, 10), cuts))
  t.deepEqual(saidOf(stored), ['in/b: whole', 'in/d/a: whole'])
  t.is(recorder.most, 1)
  t.deepEqual(
    recorder.calls.filter((call) => call.startsWith('begin')),
    ['begin in/d/a', 'begin in/b'],
  )
  t.deepEqual(recorder.files.get('in/d/a'), Buffer.from('hello'))
})

test('a file that fails is kept, told once, and nothing more of it is written', async (t) => {
  const recorder = new Recorder()
  recorder.fails = (call) => (call.startsWith('write large 20') ? 'EIO' : undefined)
  const writer = writerOf(recorder)
  await writer.write(only(10, 30))
  const stored = [...(await writer.write(only(30, 50))), ...(await writer.settle())]
  t.deepEqual(saidOf(stored), ['large: ERR_WRITE'])
  t.is(recorder.calls.filter((call) => call.startsWith('keep')).length, 1)
  recorder.calls.length = 0
  const more = [...(await writer.write(only(50, 60))), ...(await writer.write(only(60, 112)))]
  t.deepEqual(saidOf(more), ['z: whole'])
  t.deepEqual(recorder.calls, ['begin z', 'write z 0+2 ends'])
  t.is(writer.unfinished, undefined)
})

test('a file that cannot begin fails alone', async (t) => {
  const recorder = new Recorder()
  recorder.fails = (call) => (call === 'begin b' ? 'EACCES' : undefined)
  t.deepEqual(saidOf(await writerOf(recorder).write(only(0, 10))), [
    'd: directory',
    'd/a: whole',
    'd/empty: whole',
    'b: ERR_PERMISSION',
  ])
})

for (const [what, fails] of [
  ['begin', (call: string) => call === 'begin b'],
  ['write', (call: string) => call.startsWith('write b')],
  ['folder', (call: string) => call === 'folder d'],
  ['together', (call: string) => call === 'together b'],
] as const)
  test(`what would be so for every file is thrown: ${what}`, async (t) => {
    const recorder = new Recorder({ bulk: what === 'together' })
    const code = what === 'together' ? 'ERR_DISK_FULL' : 'ENOSPC'
    recorder.fails = (call) => (fails(call) ? code : undefined)
    await t.throwsAsync(writerOf(recorder).write(only(0, 10)), { code: 'ERR_DISK_FULL' })
  })

test('what is thrown behind the back is thrown by the next call', async (t) => {
  const recorder = new Recorder()
  recorder.fails = (call) => (call === 'write large 10+10' ? 'ENOSPC' : undefined)
  const writer = writerOf(recorder)
  await writer.write(only(10, 20))
  await writer.write(only(20, 30))
  await t.throwsAsync(writer.settle(), { code: 'ERR_DISK_FULL' })
  await t.throwsAsync(writer.write(only(0, 10)), { code: 'ERR_DISK_FULL' })
})

test('stopped, it begins no write any more', async (t) => {
  const recorder = new Recorder()
  const writer = writerOf(recorder, 1)
  recorder.delay = () => writer.stop()
  await writer.write(only(0, 10))
  t.deepEqual(
    recorder.calls.filter((call) => call.startsWith('write')),
    ['write d/a 0+5 ends'],
  )
  await writer.settle()
})

test('what the sender said all of, and did not end, is given up; what ended is not', async (t) => {
  const recorder = new Recorder()
  const writer = writerOf(recorder)
  await writer.write(only(0, 30))
  t.deepEqual(await writer.giveUp(saying(0, 4)), [])
  const nothing = { ...saying(0, 6), bytes: Buffer.alloc(6 * 32) }
  t.deepEqual(await writer.giveUp(nothing), [], 'the rest may come of a file of which nothing was said')
  t.deepEqual(saidOf(await writer.giveUp(saying(0, 6))), ['large: in part'])
  t.deepEqual(await writer.giveUp(saying(0, 6)), [])
})

test('a store that takes bytes in ascending order only refuses others, of that file alone', async (t) => {
  const recorder = new Recorder()
  Object.assign(recorder.store, { features: { order: 'ascending' } })
  const writer = writerOf(recorder)
  t.deepEqual(saidOf(await writer.write(only(60, 112))), ['large: ERR_UNSUPPORTED', 'z: whole'])
})

test('what of a run was written may be freed, although the rest of it is not written yet', async (t) => {
  const memory = new MemoryPool()
  const recorder = new Recorder({ bulk: true })
  const content = { before: 'b'.repeat(80), one: '1'.repeat(20), two: '2'.repeat(20), behind: 'c'.repeat(90) }
  const runs = itemsOf(content, { run: 60, cut: 10 }).filter((item) => item.kind === 'run')
  const stored = await writeAll(
    writerOf(recorder, 1, memory),
    runs.map((run) => received(run, memory)),
  )
  t.deepEqual(saidOf(stored), ['before: whole', 'one: together', 'two: together', 'behind: whole'])
  t.deepEqual(Object.fromEntries(recorder.files), contentOf(content))
})

test('whatever the files, the runs and the buffers: each file has its bytes, and each entry is told once', async (t) => {
  const value = fc.oneof(fc.constantFrom('', null), fc.string({ maxLength: 60 }))
  const bytes = fc.integer({ min: 1, max: 80 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 10 }),
      fc.record({ run: bytes, cut: bytes, inCuts: fc.boolean(), tapped: fc.boolean() }),
      fc.boolean(),
      fc.boolean(),
      async (values, options, bulk, isFreed) => {
        const content = Object.fromEntries(values.map((value, i) => [`e${i}`, value]))
        const recorder = new Recorder({ bulk })
        const runs = itemsOf(content, options).filter((item) => item.kind === 'run')
        const memory = isFreed && !options.inCuts ? new MemoryPool() : undefined
        const given = memory ? runs.map((run) => received(run, memory)) : runs
        const stored = await writeAll(writerOf(recorder, 4, memory), given)
        t.deepEqual(Object.fromEntries(recorder.files), contentOf(content))
        const told = saidOf(stored).map((said) => said.split(':')[0])
        t.deepEqual(told.sort(), Object.keys(content).sort())
        t.true(recorder.most <= 1)
      },
    ),
    { numRuns: scale(200, 5000) },
  )
})
