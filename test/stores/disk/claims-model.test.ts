import test from 'ava'
import fc from 'fast-check'
import type { DiskStore } from '../../../lib/stores/disk/disk-store.js'
import type { Part } from '../../../lib/stores/parts.js'
import { MemoryDisk, randomContent } from '../../../lib/testing/index.js'
import type { Entry } from '../../../lib/wire/entry.js'
import { claimed, filesIn, POLICY, Receivers } from '../../helpers/claims-scene.js'
import { scale } from '../../helpers/scale.js'

// Random histories of receivers that begin, write, end, are closed or killed, beside a plain list of what must be
// there.

const PATHS = ['a', 'b', 'sub/c']
const SIZE = 60
const TIMES = [1000, 9_000_000]

/** A part as it must be: of which content, what stands in it, and which receiver has it, if that lives. */
interface Known {
  entry: Entry
  bytes: Buffer
  holder: Running | undefined
}

interface Running {
  store: DiskStore
  parts: Map<Part, Known>
}

const contentOf = ({ path, mtime }: Entry) =>
  randomContent(SIZE, PATHS.indexOf(path) * 2 + TIMES.indexOf(mtime))

const entryOf = (path: number, time: number): Entry => {
  const common = { type: 'file', size: SIZE, mode: null } as const
  return { ...common, index: path, path: PATHS[path]!, start: path * SIZE, mtime: TIMES[time]! }
}

class History {
  readonly disk = new MemoryDisk()
  readonly receivers = new Receivers()
  readonly running: Running[] = []
  known: Known[] = []
  /** How many parts were claimed with bytes in them. */
  claims = 0

  constructor() {
    this.disk.putFolder('/d')
  }

  /** A receiver asks for some files: it gets what nobody has, the longest of each. */
  async start(times: readonly (number | undefined)[]): Promise<void> {
    const store = this.receivers.start(this.disk)
    const receiver: Running = { store, parts: new Map() }
    const entries = times.flatMap((time, path) => (time === undefined ? [] : [entryOf(path, time)]))
    const claims = await store.claims(entries)
    for (const entry of entries) {
      const free = this.known.filter(
        ({ entry: { path, mtime }, holder }) => !holder && path === entry.path && mtime === entry.mtime,
      )
      const longest = Math.max(-1, ...free.map(({ bytes }) => bytes.length))
      const claim = claims.get(entry.index)
      if (longest < 0) {
        if (claim) throw new Error(`${entry.path} is claimed, and nobody left it`)
        continue
      }
      if (!claim) throw new Error(`${entry.path} is not claimed, and ${longest} bytes are there`)
      const bytes = await claimed(claim)
      const found = free.find((one) => one.bytes.equals(bytes))
      if (found?.bytes.length !== longest)
        throw new Error(`${entry.path}: ${bytes.length} of ${longest} bytes`)
      found.holder = receiver
      receiver.parts.set(claim.part, found)
      this.claims++
    }
    this.running.push(receiver)
  }

  async begin(who: number, path: number, time: number): Promise<void> {
    const receiver = this.#of(who)
    const entry = entryOf(path, time)
    // a receiver has one part of each file
    if (!receiver || [...receiver.parts.values()].some((known) => known.entry.path === entry.path)) return
    const part = await receiver.store.begin(entry)
    await part.write(0, [contentOf(entry).subarray(0, 1)], false)
    const known = { entry, bytes: Buffer.from(contentOf(entry).subarray(0, 1)), holder: receiver }
    this.known.push(known)
    receiver.parts.set(part, known)
  }

  async write(who: number, which: number, at: number, length: number): Promise<void> {
    const held = this.#part(who, which)
    if (!held) return
    const { part, known } = held
    const end = Math.min(SIZE, at + length)
    await part.write(at, [contentOf(known.entry).subarray(at, end)], false)
    const bytes = Buffer.alloc(Math.max(known.bytes.length, end))
    bytes.set(known.bytes)
    bytes.set(contentOf(known.entry).subarray(at, end), at)
    known.bytes = bytes
  }

  async end(who: number, which: number, how: 'publish' | 'discard' | 'keep'): Promise<void> {
    const held = this.#part(who, which)
    if (!held) return
    const { receiver, part, known } = held
    if (how === 'publish') {
      await part.write(0, [contentOf(known.entry)], true)
      await part.publish(POLICY)
    } else await part[how]!(new Error('x') as never)
    receiver.parts.delete(part)
    // what is kept is still this one's, as long as it lives
    if (how !== 'keep') this.known = this.known.filter((one) => one !== known)
  }

  /** All that live are killed: who is dead cannot be told from who was not. */
  kill(): void {
    this.receivers.kill()
    for (const known of this.known) known.holder = undefined
    this.running.length = 0
  }

  async close(who: number): Promise<void> {
    const receiver = this.#of(who)
    if (!receiver) return
    this.running.splice(this.running.indexOf(receiver), 1)
    await receiver.store.close()
    for (const known of this.known) if (known.holder === receiver) known.holder = undefined
  }

  /** Everything is claimed in the end, by one after the other; then nothing of ours is left. */
  async finish(): Promise<void> {
    this.kill()
    for (let round = 0; this.known.length > 0; round++) {
      if (round > 100) throw new Error(`${this.known.length} parts are never claimed`)
      await this.start(PATHS.map(() => round % 2))
      const [receiver] = this.running
      for (const part of receiver!.parts.keys()) await part.discard(new Error('x') as never)
      this.known = this.known.filter(({ holder }) => holder !== receiver)
      await receiver!.store.finish()
      await this.close(0)
    }
    await this.receivers.collect(this.disk)
    const versions = PATHS.flatMap((path, i) =>
      [0, 1].map((time) => [path, contentOf(entryOf(i, time))] as const),
    )
    for (const [path, content] of Object.entries(filesIn(this.disk))) {
      const isVersion = versions.some(
        ([name, bytes]) => path.startsWith(name) && bytes.toString() === content,
      )
      if (!isVersion) throw new Error(`${path} is left`)
    }
    if (this.disk.list().includes('/d/.sluice/')) throw new Error('our folder is left')
    if (this.receivers.warnings.length > 0) throw this.receivers.warnings[0]
  }

  #of(who: number): Running | undefined {
    return this.running[who % Math.max(1, this.running.length)]
  }

  #part(who: number, which: number) {
    const receiver = this.#of(who)
    const [part, known] = [...(receiver?.parts ?? [])][which] ?? []
    return receiver && part && known && { receiver, part, known }
  }
}

const small = fc.nat({ max: 2 })
const at = fc.nat({ max: SIZE - 1 })
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constant('start' as const),
      fc.array(fc.option(fc.nat({ max: 1 })), { maxLength: 3 }),
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constant('begin' as const), small, small, fc.nat({ max: 1 })) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('write' as const), small, small, at, at) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constant('end' as const),
      small,
      small,
      fc.constantFrom('publish' as const, 'discard' as const, 'keep' as const),
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('kill' as const)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('close' as const), small) },
)

test('whatever receivers did before they ended, each part that they left is claimed by the next, once, as it was', async (t) => {
  let claims = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const history = new History()
      for (const one of steps) {
        if (one[0] === 'start') await history.start(one[1].map((time) => time ?? undefined))
        else if (one[0] === 'begin') await history.begin(one[1], one[2], one[3])
        else if (one[0] === 'write') await history.write(one[1], one[2], one[3], one[4] + 1)
        else if (one[0] === 'end') await history.end(one[1], one[2], one[3])
        else if (one[0] === 'kill') history.kill()
        else await history.close(one[1])
      }
      await history.finish()
      claims += history.claims
    }),
    { numRuns: scale(150, 3000) },
  )
  t.log(`${claims} claims`)
  t.true(claims > 100)
})
