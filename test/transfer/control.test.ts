// What steers a transfer that runs, from either side.
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { collectLeftovers } from '../../lib/files/journal/leftovers.js'
import { processSystem } from '../../lib/files/own/owner.js'
import { Tree } from '../../lib/files/tree/tree.js'
import { type ReceiveOptions, receive } from '../../lib/receive.js'
import { type SendOptions, send } from '../../lib/send.js'
import { manifestOfEntries } from '../../lib/stages/manifest/manifest-from.js'
import { diskParts } from '../../lib/stores/disk/disk-store.js'
import { memoryParts } from '../../lib/stores/memory-parts.js'
import { memorySources } from '../../lib/stores/memory-sources.js'
import type { PartStore } from '../../lib/stores/parts.js'
import type { SourceStore } from '../../lib/stores/sources.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { randomContent } from '../../lib/testing/splits.js'
import type { CancelOptions, Transfer } from '../../lib/transfer/transfer.js'
import type { Entry } from '../../lib/wire/entry.js'
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

const BIG = randomContent(8 * MIB)

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
  const isProving = new Promise<void>((resolve) => {
    next.sender.on('progress', () => next.sender.progress.bytes > 0 && resolve())
  })
  next.receiver.pause()
  for (const one of next.both) await until(one, 'paused')
  await settled(next.counts)
  t.is(next.counts.reads, 0)
  next.receiver.resume()
  await isProving
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
  while (it.receiver.progress.bytes < 3 * MIB) await setImmediate()
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
  while (it.receiver.progress.bytes < 3 * MIB) await setImmediate()
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
    while (it.receiver.progress.bytes < 3 * MIB) await setImmediate()
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
  const { states } = await crashSweep({
    set: (disk) => {
      disk.putFolder('/in')
      disk.put('/in/a.part', 'mine')
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
      await collectLeftovers(tree, { system: { ...processSystem, read } })
      await tree.close()
    },
    look: (found, _acknowledged, place) => {
      const left = found.list().filter((path) => path.includes('part'))
      t.deepEqual(left, ['/in/a.part'], place)
    },
  })
  t.true(states > 20)
})
