// What steers a transfer that runs, from either side.
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { prepareDigest } from '../../lib/digest/digests.js'
import type { SluiceError } from '../../lib/errors.js'
import { collectLeftovers } from '../../lib/files/journal/leftovers.js'
import { processSystem } from '../../lib/files/own/owner.js'
import { Tree } from '../../lib/files/tree/tree.js'
import { type ReceiveOptions, receive } from '../../lib/receive.js'
import { type SendOptions, send } from '../../lib/send.js'
import { manifestOfEntries } from '../../lib/stages/manifest/manifest-from.js'
import { diskParts } from '../../lib/stores/disk/disk-store.js'
import { type MemoryParts, memoryParts } from '../../lib/stores/memory-parts.js'
import { memorySources } from '../../lib/stores/memory-sources.js'
import type { PartStore } from '../../lib/stores/parts.js'
import type { SourceStore } from '../../lib/stores/sources.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { randomContent } from '../../lib/testing/splits.js'
import { type CancelOptions, nextState } from '../../lib/transfer/lifecycle.js'
import type { Transfer } from '../../lib/transfer/transfer.js'
import type { Entry, Offer } from '../../lib/wire/entry.js'
import { scale } from '../helpers/scale.js'
import { crashSweep } from '../helpers/sweep.js'

const MIB = 1024 * 1024

/** Both sides of a transfer in memory, over a clock that stands still until it is told. */
function scene(
  contents: Record<string, Buffer | string>,
  options: { algorithm?: string; send?: SendOptions; receive?: Partial<ReceiveOptions> } = {},
) {
  const sources = memorySources(new Map(Object.entries(contents)))
  const counts = { reads: 0, open: 0 }
  const counted: SourceStore = {
    rereadable: () => true,
    open: async (entry, signal) => {
      const source = await sources.open!(entry, signal)
      counts.open++
      return {
        read: (at, bytes) => {
          counts.reads++
          return source.read(at, bytes)
        },
        verify: () => source.verify(),
        close: async () => void counts.open--,
      }
    },
  }
  const clock = new FakeClock()
  const [near, far] = duplexPair()
  const entries = sources.entries.map((entry) => ({ ...entry, mtime: 0 }))
  const manifest = manifestOfEntries(entries, counted, {
    name: 'test',
    algorithm: options.algorithm ?? 'blocks',
  })
  const store = memoryParts()
  const receiver = receive(far, { store, accept: 'all', clock, ...options.receive })
  const sender = send(near, manifest, { clock, ...options.send })
  return { sender, receiver, both: [sender, receiver] as const, store, clock, counts, near, far }
}

/** Lets everything happen that can without anybody doing anything. */
async function settled(counts: { reads: number }): Promise<void> {
  for (let quiet = 0, reads = -1; quiet < 100; quiet++) {
    if (counts.reads !== reads) quiet = 0
    reads = counts.reads
    await setImmediate()
  }
}

async function until(transfer: Transfer, state: string): Promise<void> {
  while (transfer.state !== state) await once(transfer, 'state')
}

/** Resolves when so many bytes came. */
async function arrived(transfer: Transfer, bytes: number): Promise<void> {
  while (transfer.progress.bytes < bytes && !transfer.isOver) await setImmediate()
}

function statesOf(transfer: Transfer): string[] {
  const states: string[] = []
  transfer.on('state', (state) => states.push(state))
  return states
}

/** Hours, in steps in which each side hears of the other's signs of life. */
async function hours(clock: FakeClock, number: number): Promise<void> {
  for (let quarter = 0; quarter < number * 4 * 60; quarter++) {
    clock.advance(15_000)
    for (let turn = 0; turn < 4; turn++) await setImmediate()
  }
}

const BIG = randomContent(24 * MIB)

for (const [who, other] of [
  ['sender', 'receiver'],
  ['receiver', 'sender'],
] as const) {
  test(`a pause of the ${who} stops the reading on both sides, for longer than every time-out, and then goes on`, async (t) => {
    const it = scene({ a: BIG })
    const states = statesOf(it[other])
    await until(it.receiver, 'receiving')
    it[who].pause()
    t.deepEqual([it[who].state, it[who].pausedBy], ['paused', 'here'])
    await until(it[other], 'paused')
    t.is(it[other].pausedBy, 'peer')
    await settled(it.counts)
    const { reads } = it.counts
    t.true(reads < 8, `${reads}`)
    t.is(it.counts.open, 0)
    await hours(it.clock, 1)
    t.is(it.counts.reads, reads)
    t.deepEqual([it.sender.progress.rate, it.receiver.progress.rate], [0, 0])
    it[who].resume()
    const results = await Promise.all(it.both.map(({ finished }) => finished))
    t.deepEqual(
      results.map(({ published }) => published),
      [1, 1],
    )
    t.true(it.store.files.get('a')!.bytes.equals(BIG))
    const running = other === 'sender' ? 'sending' : 'receiving'
    t.deepEqual(states.slice(-4), [running, 'paused', running, 'completed'])
  })
}

test('what is paused by both sides goes on when neither wants it any more, in whatever order', async (t) => {
  for (const [first, second] of [
    [0, 1],
    [1, 0],
  ]) {
    const it = scene({ a: BIG })
    await until(it.receiver, 'receiving')
    for (const one of it.both) one.pause()
    await settled(it.counts)
    for (const one of it.both) t.is(one.pausedBy, 'both')
    it.both[first!]!.resume()
    await settled(it.counts)
    for (const one of it.both) t.is(one.state, 'paused')
    t.is(it.both[first!]!.pausedBy, 'peer')
    it.both[second!]!.resume()
    await Promise.all(it.both.map(({ finished }) => finished))
    for (const one of it.both) t.is(one.pausedBy, null)
  }
})

test('pauses and their ends that cross leave both sides of one mind', async (t) => {
  const it = scene({ a: BIG })
  await until(it.receiver, 'receiving')
  it.sender.pause()
  it.receiver.pause()
  it.sender.resume()
  it.sender.pause()
  it.sender.pause()
  it.receiver.resume()
  it.sender.resume()
  it.receiver.pause()
  await settled(it.counts)
  t.deepEqual([it.sender.pausedBy, it.receiver.pausedBy], ['peer', 'here'])
  it.receiver.resume()
  await Promise.all(it.both.map(({ finished }) => finished))
  t.true(it.store.files.get('a')!.bytes.equals(BIG))
})

for (const who of ['sender', 'receiver'] as const) {
  test(`a ${who} that pauses before the answer asks all the same, and stops at the beginning`, async (t) => {
    let answer = (_yes: boolean) => {}
    const asked = new Promise<boolean>((resolve) => {
      answer = resolve
    })
    const it = scene({ a: BIG }, { receive: { accept: () => asked } })
    it[who].pause()
    await until(it.receiver, 'offered')
    t.is(it[who].state, who === 'sender' ? it.sender.state : 'offered')
    await hours(it.clock, 0.25)
    answer(true)
    for (const one of it.both) await until(one, 'paused')
    await settled(it.counts)
    t.is(it.counts.reads, 0)
    it[who].resume()
    await Promise.all(it.both.map(({ finished }) => finished))
    t.true(it.store.files.get('a')!.bytes.equals(BIG))
  })
}

test('no file is read for proof in a pause', async (t) => {
  const it = scene({ a: BIG })
  await until(it.receiver, 'receiving')
  // what is there of it is claimed by the next one
  const half = await interrupted(it)
  const next = scene({ a: BIG }, { receive: { store: half } })
  next.receiver.pause()
  for (const one of next.both) await until(one, 'paused')
  await settled(next.counts)
  t.is(next.counts.reads, 0)
  next.receiver.resume()
  while (next.counts.reads === 0) await setImmediate()
  next.sender.pause()
  await settled(next.counts)
  const { reads } = next.counts
  await settled(next.counts)
  t.is(next.counts.reads, reads)
  next.sender.resume()
  const { resumedBytes } = await next.sender.finished
  t.true(resumedBytes > 0)
  t.true(half.files.get('a')!.bytes.equals(BIG))
})

/** Breaks the connection in the middle; gives the store. */
async function interrupted(it: ReturnType<typeof scene>) {
  await arrived(it.receiver, 3 * MIB)
  it.near.destroy()
  await Promise.all(it.both.map(({ finished }) => finished.catch(() => {})))
  return it.store
}

test('what was sent to its end completes, although it is paused; after that a pause does nothing', async (t) => {
  const it = scene({ a: 'hello' })
  it.sender.on('progress', ({ files }) => files === 1 && it.sender.pause())
  it.receiver.on('file', () => it.receiver.pause())
  const results = await Promise.all(it.both.map(({ finished }) => finished))
  t.is(results[0]!.published, 1)
  for (const one of it.both) {
    one.pause()
    one.resume()
    t.is(one.state, 'completed')
  }
})

test('a paused transfer can be cancelled from either side, and its stream is closed', async (t) => {
  for (const who of [0, 1]) {
    const it = scene({ a: BIG })
    await until(it.receiver, 'receiving')
    it.sender.pause()
    await until(it.receiver, 'paused')
    await it.both[who]!.cancel('enough')
    for (const one of it.both) await t.throwsAsync(one.finished, { code: 'ERR_CANCELLED' })
    t.is(it.counts.open, 0)
  }
})

test('a connection that breaks in a pause interrupts the transfer', async (t) => {
  const it = scene({ a: BIG })
  await until(it.receiver, 'receiving')
  it.receiver.pause()
  await until(it.sender, 'paused')
  it.near.destroy()
  for (const one of it.both) {
    await t.throwsAsync(one.finished)
    t.is(one.state, 'interrupted')
  }
})

/** A receiver into a folder of a disk in memory, when some bytes of the large file came. */
async function onDisk(disk: MemoryDisk, contents: Record<string, Buffer>) {
  const it = scene(contents, { receive: { dir: '/in', fs: disk, store: undefined } })
  await arrived(it.receiver, MIB)
  it.sender.pause()
  return it
}

test('a cancel keeps what came of unfinished files, or removes it with the journal, and nothing else', async (t) => {
  for (const parts of ['keep', 'discard'] as const) {
    const disk = new MemoryDisk()
    disk.putFolder('/in')
    disk.put('/in/a.part', 'of the user')
    disk.put('/in/b.part', 'of the user')
    const contents = { small: Buffer.from('hello'), empty: Buffer.alloc(0), a: BIG }
    const first = await onDisk(disk, contents)
    await first.receiver.cancel('enough')
    const left = disk.list()
    t.true(left.includes('/in/a.1.part') && left.some((path) => path.endsWith('.journal')), left.join())
    // what the next one takes over is its own, too
    const next = await onDisk(disk, contents)
    await next.receiver.cancel('enough', { parts })
    await t.throwsAsync(next.sender.finished, { code: 'ERR_CANCELLED' })
    const files = disk.list().filter((path) => path.includes('part') || path.includes('.sluice'))
    if (parts === 'discard') t.deepEqual(files, ['/in/a.part', '/in/b.part'])
    else t.true(files.includes('/in/a.1.part'))
    t.is(disk.snapshot().get('/in/a.part')!.toString(), 'of the user')
  }
})

test('a cancel that discards does so in a store without a method for it, part by part, and in memory', async (t) => {
  for (const isPlain of [true, false]) {
    const memory = memoryParts()
    const store: PartStore = isPlain
      ? { begin: (entry) => memory.begin(entry), close: () => memory.close?.() }
      : memory
    const it = scene({ a: BIG }, { receive: { store } })
    await arrived(it.receiver, 3 * MIB)
    await it.receiver.cancel('', { parts: 'discard' })
    const entry = {
      index: 0,
      type: 'file',
      path: 'a',
      size: BIG.length,
      start: 0,
      mtime: 0,
      mode: 0,
    } as const
    t.is((await memory.claims!([entry])).size, 0)
  }
})

test('a cancel with an option that there is not cancels all the same, and says so', async (t) => {
  const it = scene({ a: BIG })
  await t.throwsAsync(it.receiver.cancel('', { part: 'discard' } as CancelOptions), { code: 'ERR_USAGE' })
  await t.throwsAsync(it.receiver.finished, { code: 'ERR_CANCELLED' })
  await t.throwsAsync(it.receiver.cancel('', { parts: 'all' } as unknown as CancelOptions), {
    code: 'ERR_USAGE',
  })
})

let boots = 0

test('where the power goes while parts are discarded, all that is left of them is found again', async (t) => {
  const entry = (index: number, path: string): Entry => {
    return { index, type: 'file', path, size: 5, start: 5 * index, mtime: 0, mode: 0o644 }
  }
  const entries = [entry(0, 'a'), entry(1, 'd/b')]
  const offer = {
    id: '0'.repeat(32),
    name: 'x',
    algorithm: 'sha256',
    first: 0,
    position: 0,
    bytes: 10,
    entries,
  }
  let kept: string[] = []
  const { states } = await crashSweep({
    set: (disk) => {
      disk.putFolder('/in')
      disk.put('/in/a.part', 'of the user')
    },
    work: async (disk) => {
      const options = { dir: '/in', fs: disk, durability: 'power' as const, handles: 8 }
      const store = diskParts(options)
      await store.expect!(offer, 10)
      for (const one of entries) await (await store.begin(one)).write(0, [Buffer.from('hel')], false)
      await store.discard!()
      await store.close!()
    },
    recover: async (disk) => {
      // as the first process after it: no other is left
      const boot = `boot ${++boots}`
      const read = (path: string) => (path.endsWith('boot_id') ? boot : processSystem.read(path))
      const tree = await Tree.open('/in', { fs: disk })
      const found = await collectLeftovers(tree, { system: { ...processSystem, read } })
      kept = found.flatMap(({ path, state }) => (state === 'kept' ? `/in/${path}` : []))
      await tree.close()
    },
    look: (found, _acknowledged, place) => {
      // where the clock of a slow machine makes it doubtful whose it is, that is said
      const left = found.list().filter((path) => path.includes('part') && !kept.includes(path))
      t.deepEqual(left, ['/in/a.part'], place)
    },
  })
  t.true(states > 20)
})

/** A sender of files on a disk in memory, to which more may be attached; and its receiver. */
function openScene(options: { send?: SendOptions; receive?: Partial<ReceiveOptions> } = {}) {
  const disk = new MemoryDisk()
  for (const [path, content] of Object.entries({ a: BIG, b: 'bee', c: 'sea', empty: '' }))
    disk.put(`/from/${path}`, content)
  disk.put('/from/d/x', 'ex')
  disk.put('/other/b', 'another bee')
  const clock = new FakeClock()
  const [near, far] = duplexPair()
  const store = memoryParts()
  const receiver = receive(far, { store, accept: 'all', clock, ...options.receive })
  const sender = send(near, ['/from/a'], { fs: disk, clock, open: true, ...options.send })
  const both = [sender, receiver] as const
  return { disk, sender, receiver, both, store, clock, near, far, counts: { reads: 0 } }
}

const finished = (both: readonly Transfer[]) => Promise.all(both.map((one) => one.finished))
const pathsIn = (store: MemoryParts) => [...store.files.keys()].sort()

test('files are attached while others are sent, and behind the last one; END waits for end()', async (t) => {
  for (const algorithm of ['blocks', 'sha256']) {
    const it = openScene({ send: { algorithm } })
    await until(it.sender, 'sending')
    await Promise.all([it.sender.attach(['/from/b', '/from/d']), it.sender.attach(['/from/empty'])])
    // a folder ends last
    while (it.sender.progress.files < 4) await setImmediate()
    await hours(it.clock, 0.25)
    t.is(it.sender.state, 'sending')
    await it.sender.attach(['/from/c'])
    it.sender.end()
    const results = await finished(it.both)
    t.deepEqual(pathsIn(it.store), ['a', 'b', 'c', 'd/x', 'empty'])
    for (const { published, files } of results) t.deepEqual([published, files.length], [6, 6])
  }
})

test('a transfer that is open while it is busy takes more until all is given out, and ends by itself', async (t) => {
  const it = openScene({ send: { open: 'while-busy' } })
  await until(it.sender, 'sending')
  t.true(it.sender.isOpen)
  t.false(it.receiver.isOpen)
  it.sender.pause()
  await it.sender.attach(['/from/b'])
  it.sender.resume()
  await finished(it.both)
  t.deepEqual(pathsIn(it.store), ['a', 'b'])
  t.false(it.sender.isOpen)
  await t.throwsAsync(it.sender.attach(['/from/c']), { code: 'ERR_STATE' })
})

test('what is attached at the last moment is in, or refused with a code', async (t) => {
  const it = openScene()
  const before = it.sender.attach(['/from/b'])
  it.sender.end()
  await t.throwsAsync(it.sender.attach(['/from/c']), { code: 'ERR_STATE', message: /end\(\)/ })
  await before
  await finished(it.both)
  t.deepEqual(pathsIn(it.store), ['a', 'b'])
  await t.throwsAsync(it.sender.attach(['/from/c']), { code: 'ERR_STATE' })
})

test('nothing can be attached to a transfer that is not open, nor by a receiver', async (t) => {
  const it = openScene({ send: { open: false } })
  await t.throwsAsync(it.sender.attach(['/from/b']), { code: 'ERR_STATE', message: /open: true/ })
  await t.throwsAsync(it.receiver.attach(['/from/b']), { code: 'ERR_STATE', message: /only a sender/ })
  await finished(it.both)
})

test('what cannot be attached is refused, alone', async (t) => {
  const it = openScene({ receive: { limits: { entries: 6 } } })
  await until(it.sender, 'sending')
  const wrong: [paths: string[], code: string][] = [
    [['/from/nothing'], 'ERR_NO_SUCH_FILE'],
    [['/from/a'], 'ERR_DUPLICATE_NAME'],
    [['/from/b', '/other/b'], 'ERR_DUPLICATE_NAME'],
    [['/from/b', '/from/nothing'], 'ERR_NO_SUCH_FILE'],
    [['/from', '/from/b', '/from/c'], 'ERR_LIMIT'],
    [[], 'ERR_USAGE'],
  ]
  for (const [paths, code] of wrong) await t.throwsAsync(it.sender.attach(paths), { code }, `${paths}`)
  await it.sender.attach(['/from/b'])
  await t.throwsAsync(it.sender.attach(['/other/b']), { code: 'ERR_DUPLICATE_NAME' })
  await it.sender.attach(['/from/c'])
  it.sender.end()
  const [sent] = await finished(it.both)
  t.is(sent!.published, 3)
})

test('a question about what is attached holds up nothing else, and a no is one for these entries only', async (t) => {
  let answer = (_yes: boolean) => {}
  const accept = (offer: Offer) =>
    offer.first === 0 ||
    new Promise<boolean>((resolve) => {
      answer = resolve
    })
  const it = openScene({ receive: { accept } })
  await until(it.sender, 'sending')
  const refused = it.sender.attach(['/from/b', '/from/d'])
  while (it.sender.progress.files < 1) await setImmediate()
  const next = it.sender.attach(['/from/c'])
  answer(false)
  await t.throwsAsync(refused, { code: 'ERR_REJECTED', message: /rejected by the receiver/ })
  await settled(it.counts)
  answer(true)
  await next
  it.sender.end()
  const results = await finished(it.both)
  t.deepEqual(pathsIn(it.store), ['a', 'c'])
  for (const { files } of results)
    t.deepEqual(
      files.map(({ path, status, code }) => [path, status, code]),
      [
        ['a', 'published', undefined],
        ['b', 'skipped', 'ERR_REJECTED'],
        ['d', 'skipped', 'ERR_REJECTED'],
        ['d/x', 'skipped', 'ERR_REJECTED'],
        ['c', 'published', undefined],
      ],
    )
  t.is(results[1]!.files[1]!.reason, 'rejected')
})

test('what waits for its answer ends with the transfer, and nobody is asked any more', async (t) => {
  let over: AbortSignal | undefined
  const accept = (offer: Offer, signal: AbortSignal) => {
    if (offer.first === 0) return true
    over = signal
    return new Promise<boolean>(() => {})
  }
  const it = openScene({ receive: { accept } })
  const waiting = it.sender.attach(['/from/b'])
  const behind = it.sender.attach(['/from/c'])
  while (!over) await setImmediate()
  it.near.destroy()
  const end = await t.throwsAsync(it.sender.finished)
  for (const one of [waiting, behind]) t.is(await t.throwsAsync(one), end)
  await t.throwsAsync(it.receiver.finished)
  t.true(over.aborted)
})

test('files are attached in a pause, and read after it', async (t) => {
  const it = openScene()
  await until(it.sender, 'sending')
  it.receiver.pause()
  await until(it.sender, 'paused')
  await it.sender.attach(['/from/b'])
  await settled(it.counts)
  t.false(it.store.files.has('b'))
  it.receiver.resume()
  it.sender.end()
  await finished(it.both)
  t.deepEqual(pathsIn(it.store), ['a', 'b'])
})

test('what is attached goes on with what an earlier transfer left of it', async (t) => {
  const it = openScene()
  await arrived(it.receiver, 3 * MIB)
  await it.sender.cancel()
  await t.throwsAsync(it.receiver.finished)
  const next = openScene({ receive: { store: it.store }, send: { algorithm: 'blocks' } })
  await next.sender.cancel()
  await t.throwsAsync(next.receiver.finished)
  const [near, far] = duplexPair()
  const receiver = receive(far, { store: it.store, accept: 'all' })
  const sender = send(near, ['/from/b'], { fs: it.disk, open: true, algorithm: 'blocks' })
  await sender.attach(['/from/a'])
  sender.end()
  const [{ resumedBytes }] = await Promise.all([sender.finished, receiver.finished])
  t.true(resumedBytes > 0)
  t.true(it.store.files.get('a')!.bytes.equals(BIG))
})

/** Something that somebody does to a transfer that runs. */
type Act =
  | { kind: 'turns'; number: number }
  | { kind: 'pause' | 'resume' | 'leave'; who: 0 | 1 }
  | { kind: 'cancel'; who: 0 | 1; parts: 'keep' | 'discard' }
  | { kind: 'attach'; isAccepted: boolean }
  | { kind: 'end' }

const who = fc.constantFrom<0 | 1>(0, 1)
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('turns' as const), number: fc.nat(40) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const), who }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('attach' as const), isAccepted: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('cancel' as const),
      who,
      parts: fc.constantFrom('keep' as const, 'discard' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who }) },
)

/** Turns of the event loop within which a transfer of these files ends that nobody holds up. */
const MOST_TURNS = 200_000

test('whatever both sides do at the same time, nothing hangs, nothing is lost, and both are of one mind', async (t) => {
  // loaded from the disk of this machine, which knows of no turns
  await prepareDigest('blocks')
  const content = (n: number) => randomContent(n % 3 === 0 ? 400_000 : n * 1000, n)
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 25 }), fc.nat(), async (acts, seed) => {
      const disk = new MemoryDisk()
      for (let n = 0; n <= acts.length; n++) disk.put(`/from/${n}`, content(n))
      const clock = new FakeClock()
      const [near, far] = duplexPair({
        forth: { pieces: 'random', seed },
        back: { pieces: 'random', seed: seed + 1 },
      })
      const answers: boolean[] = []
      const store = memoryParts()
      const accept = async (offer: Offer) => {
        const n = Number(offer.entries[0]!.path)
        for (let turn = 0; turn < n % 4; turn++) await setImmediate()
        return n === 0 || answers[n]!
      }
      const receiver = receive(far, { store, accept, clock })
      const sender = send(near, ['/from/0'], { fs: disk, clock, open: true, algorithm: 'blocks' })
      const both = [sender, receiver] as const
      const states = both.map(({ state }) => [state])
      const told = both.map(() => new Map<string, string>())
      for (const [i, one] of both.entries()) {
        one.on('state', (state) => states[i]!.push(nextState(states[i]!.at(-1)!, state)))
        one.on('file', ({ path, status, code }) => {
          if (told[i]!.has(path)) throw new Error(`${path} has two outcomes`)
          told[i]!.set(path, `${status} ${code}`)
        })
      }
      const attached: Promise<string>[] = []
      let isBroken = false
      const doing: Record<Act['kind'], (one: never) => unknown> = {
        turns: async ({ number }: { number: number }) => {
          for (let turn = 0; turn < number; turn++) await setImmediate()
        },
        pause: (one: { who: 0 | 1 }) => both[one.who].pause(),
        resume: (one: { who: 0 | 1 }) => both[one.who].resume(),
        leave: (one: { who: 0 | 1 }) => {
          isBroken = true
          ;[near, far][one.who]!.destroy()
        },
        cancel: (one: { who: 0 | 1; parts: 'keep' | 'discard' }) => {
          isBroken = true
          both[one.who].cancel('enough', { parts: one.parts }).catch(() => {})
        },
        attach: ({ isAccepted }: { isAccepted: boolean }) => {
          const n = attached.length + 1
          answers[n] = isAccepted
          const saying = sender.attach([`/from/${n}`])
          attached.push(
            saying.then(
              () => 'in',
              (error: SluiceError) => error.code,
            ),
          )
        },
        end: () => sender.end(),
      }
      for (const one of acts) await doing[one.kind](one as never)
      for (const one of both) one.resume()
      sender.end()
      let isOver = false
      const ends = Promise.all([
        Promise.all(
          both.map((one) =>
            one.finished.then(
              () => 'completed',
              () => 'not',
            ),
          ),
        ),
        Promise.all(attached),
      ])
      ends.then(() => {
        isOver = true
      })
      for (let turn = 1; !isOver; turn++) {
        if (turn > MOST_TURNS) throw new Error(`it hangs: ${both.map(({ state }) => state)}`)
        if (turn % 500 === 0) clock.advance(6000)
        await setImmediate()
      }
      const [[sent, received], said] = await ends
      for (const [i, one] of both.entries()) {
        t.true(one.isOver)
        t.is(one.state, states[i]!.at(-1)!)
      }
      if (!isBroken) t.deepEqual([sent, received], ['completed', 'completed'])
      // what the sender knows, the receiver has said
      for (const [path, outcome] of told[0]!) t.is(told[1]!.get(path), outcome, path)
      for (const [path, file] of store.files) t.true(file.bytes.equals(content(Number(path))), path)
      for (const [path, outcome] of told[1]!)
        t.is(store.files.has(path), outcome.startsWith('published'), path)
      if (sent !== 'completed') return
      t.deepEqual([...told[0]!].sort(), [...told[1]!].sort())
      for (const [i, how] of said.entries()) {
        const outcome = told[0]!.get(`${i + 1}`)
        const expected = { in: 'published undefined', ERR_REJECTED: 'skipped ERR_REJECTED' }[how]
        t.is(outcome, expected, `${i + 1}: ${how}`)
        t.true(expected !== undefined || how === 'ERR_STATE', how)
      }
    }),
    { numRuns: scale(30, 5000) },
  )
})
