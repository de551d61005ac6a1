import { Readable } from 'node:stream'
import test from 'ava'
import fc from 'fast-check'
import { type Chunk, Chunker } from '../../lib/digest/chunks.js'
import { blockEngine, createDigest, digestOf } from '../../lib/digest/digests.js'
import type { Range } from '../../lib/ranges.js'
import { fileSource } from '../../lib/stages/file-source.js'
import { framer } from '../../lib/stages/framer.js'
import { hashTap } from '../../lib/stages/hash-tap.js'
import { manifestOfEntries } from '../../lib/stages/manifest/manifest-from.js'
import type { Item } from '../../lib/stages/river/items.js'
import { memorySources } from '../../lib/stores/memory-sources.js'
import { piecesOf, randomBySeed, randomContent, randomPieces } from '../../lib/testing/splits.js'
import { Plan } from '../../lib/transfer/plan.js'
import { chunksIn } from '../../lib/wire/chunk-records.js'
import { FrameParser } from '../../lib/wire/frame-parser.js'
import { limitsOf } from '../../lib/wire/limits.js'
import { cutsOf, digestIn } from '../../lib/wire/run.js'
import { failureIn } from '../helpers/items.js'
import { scale } from '../helpers/scale.js'
import { collect } from '../helpers/sources.js'

// What a receiver has is read only for its digests, and each of its requests is answered once.

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024
/** Each has 16 blocks, and one that is shorter. */
const LARGE = randomContent(MIB + 1000)
const OTHER = randomContent(MIB + 1, 2)
const LAST = 16
const ALGORITHMS = ['blocks', 'sha256']

/** A manifest of contents in memory, which may be replaced, and a plan to be decided about. */
function offering(contents: Record<string, Buffer>, algorithm: string) {
  const memory = new Map(Object.entries(contents))
  const sources = memorySources(memory)
  const manifest = manifestOfEntries(sources.entries, sources, { name: 'x', algorithm })
  const plan = new Plan('asks')
  plan.add(manifest.offer)
  return { memory, manifest, plan }
}

const block = (at: number, { length }: Buffer): Range => ({
  start: at * BLOCK,
  end: Math.min(length, (at + 1) * BLOCK),
})

for (const algorithm of ALGORITHMS)
  test(`what is claimed is read and not sent: its digests travel, and that of the whole file: ${algorithm}`, async (t) => {
    const { manifest, plan } = offering({ LARGE, OTHER }, algorithm)
    plan.claim([block(0, LARGE), { start: 2 * BLOCK, end: LARGE.length }])
    plan.claim([{ start: 0, end: OTHER.length }])
    const source = fileSource(manifest, { plan })
    source.finish()
    const bytes = Buffer.concat(await source.pipe(hashTap()).pipe(framer()).toArray())
    const limits = limitsOf()
    const parser = new FrameParser(limits, limits.message)
    const frames = [...parser.parse([bytes])]
    const data: [number, number][] = []
    const blocks = new Map<string, Buffer>()
    const digests = new Map<number, Buffer>()
    for (const frame of frames) {
      if (frame.kind === 'data') data.push([frame.position, frame.length])
      else if (frame.message.type === 'blocks') {
        const { index, first, digests: column } = frame.message
        for (const [i, one] of piecesOf(column, 32).entries()) blocks.set(`${index} ${first + i}`, one)
      } else if (frame.message.type === 'digests') {
        const { first, count } = frame.message
        for (let index = first; index < first + count; index++) {
          t.false(digests.has(index), 'one record for one request')
          digests.set(index, digestIn(frame.message, index)!)
        }
      }
    }
    t.deepEqual(data, [[BLOCK, BLOCK]])
    for (const [index, content] of [LARGE, OTHER].entries()) {
      t.deepEqual(digests.get(index), digestOf(algorithm, content))
      for (const [at, bytes] of piecesOf(content, BLOCK).entries()) {
        const isAsked = algorithm === 'blocks' || index > 0 || at !== 1
        t.deepEqual(
          blocks.get(`${index} ${at}`),
          isAsked ? digestOf('blake3', bytes) : undefined,
          `${index} ${at}`,
        )
      }
    }
  })

test('the digests of all blocks of a file are said before its record: behind that it may be asked for again', async (t) => {
  for (const size of [BLOCK, MIB, MIB + 1, MIB + 1000, 3 * MIB]) {
    const { manifest, plan } = offering({ first: randomContent(size), last: OTHER }, 'blocks')
    plan.want(2)
    const source = fileSource(manifest, { plan })
    source.finish()
    const parser = new FrameParser(limitsOf(), limitsOf().message)
    const bytes = Buffer.concat(await source.pipe(hashTap()).pipe(framer()).toArray())
    const recorded = new Set<number>()
    for (const frame of parser.parse([bytes])) {
      if (frame.kind === 'data') continue
      const { message } = frame
      if (message.type === 'digests') for (let i = 0; i < message.count; i++) recorded.add(message.first + i)
      if (message.type === 'blocks') t.false(recorded.has(message.index), `${size}`)
    }
    t.is(recorded.size, 2)
  }
})

for (const algorithm of ALGORITHMS)
  test(`of a file that is asked for by its chunks those travel, and its digest; blocks when they are asked for: ${algorithm}`, async (t) => {
    const { manifest, plan } = offering({ LARGE, OTHER, last: OTHER }, algorithm)
    for (const { length } of [LARGE, OTHER]) plan.claim([{ start: 0, end: length }], true)
    plan.want(1)
    const source = fileSource(manifest, { plan, untilSettled: true })
    const parser = new FrameParser(limitsOf(), limitsOf().message)
    const said: string[] = []
    const chunks: Chunk[][] = [[], []]
    let records = 0
    for await (const bytes of source.pipe(hashTap()).pipe(framer({ maxFrame: MIB })))
      for (const frame of parser.parse([bytes])) {
        const { type, ...what } = frame.kind === 'data' ? { ...frame, type: 'data' } : frame.message
        if (said.at(-1) !== type) said.push(type)
        if (frame.kind === 'data') continue
        const { message } = frame
        if (message.type === 'chunks')
          chunks[message.index]!.push(...chunksIn(message.chunks, message.offset))
        if (message.type === 'blocks' && message.index === 0)
          t.deepEqual(what, {
            index: 0,
            first: 1,
            digests: digestOf('blake3', LARGE.subarray(BLOCK, 2 * BLOCK)),
          })
        if (message.type !== 'digests') continue
        for (let index = message.first; index < message.first + message.count; index++) {
          t.deepEqual(digestIn(message, index), digestOf(algorithm, index === 0 ? LARGE : OTHER))
          records++
        }
        // what was read by its chunks may be asked for like anything else
        if (records === 3) plan.ask(0, [], [block(1, LARGE)])
        source.wake()
        if (records < 4) continue
        plan.close(0, 3)
        source.finish()
      }
    for (const [index, content] of [LARGE, OTHER].entries()) {
      const chunker = new Chunker(content.length, blockEngine())
      t.deepEqual(chunks[index], [...chunker.take(content), ...chunker.end()])
    }
    const data = algorithm === 'blocks' ? 'data blocks digests' : 'data digests'
    t.is(
      said.filter((type) => !['offer', 'entries'].includes(type)).join(' '),
      `${data} chunks digests chunks digests blocks digests end`,
    )
  })

const CONTENTS = { tiny: Buffer.from('tiny'), empty: Buffer.alloc(0), LARGE, OTHER }
const FILES = Object.values(CONTENTS)

/**
 * A receiver that is played against a source: decides, asks for what came once more, or for proof, or for a digest, and
 * gives files their outcomes, whenever it likes. Keeps what it heard of each file.
 */
class PlayedReceiver {
  readonly source
  readonly #plan: Plan
  readonly #random: () => number
  readonly #isByBlocks: boolean
  readonly #algorithm: string
  readonly requests = FILES.map(() => 0)
  readonly records = FILES.map(() => 0)
  /** What it has of each file: by block whether it came, or was claimed. */
  readonly #has = FILES.map((bytes) => piecesOf(bytes, BLOCK).map(() => false))
  readonly content = FILES.map(({ length }) => Buffer.alloc(length))
  readonly #left = { asks: 12 }

  constructor(algorithm: string, seed: number) {
    const { manifest, plan } = offering(CONTENTS, algorithm)
    this.#plan = plan
    this.#algorithm = algorithm
    this.#isByBlocks = algorithm === 'blocks'
    this.#random = randomBySeed(seed)
    this.source = fileSource(manifest, { plan, maxRun: 300_000, untilSettled: true })
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n)
  }

  act(): void {
    const plan = this.#plan
    if (plan.undecided < FILES.length && this.#below(2) === 0) return this.#decide()
    const index = this.#below(FILES.length)
    if (!plan.isWanted(index) || plan.isClosed(index)) return
    if (this.#below(12) === 0) plan.close(index)
    // a digest of the whole file, in order, is not to be interrupted
    else if (this.#left.asks > 0 && (this.#isByBlocks || this.records[index]! > 0)) this.#ask(index)
    this.source.wake()
  }

  #decide(): void {
    const plan = this.#plan
    const index = plan.undecided
    const has = this.#has[index]!
    const claimed = has.flatMap((_, at) => (this.#below(3) === 0 ? at : []))
    this.requests[index] = 1
    if (claimed.length === 0) plan.want(1)
    else plan.claim(claimed.map((at) => block(at, FILES[index]!)))
    for (const at of claimed) {
      has[at] = true
      const { start, end } = block(at, FILES[index]!)
      FILES[index]!.copy(this.content[index]!, start, start, end)
    }
    if (plan.undecided === FILES.length) this.source.finish()
    else this.source.wake()
  }

  #ask(index: number): void {
    // what is on its way is not asked for
    const has = this.#has[index]!.map((is, at) => is && this.#isThere(index, block(at, FILES[index]!)))
    const chosen = has.flatMap((is, at) => (is && this.#below(2) === 0 ? at : []))
    const send = chosen.filter(() => this.#below(2) === 0)
    const prove = chosen.filter((at) => !send.includes(at))
    const of = (blocks: number[]) => blocks.map((at) => block(at, FILES[index]!))
    // nothing to send and nothing to prove: the digest, for which all is read
    const isAll = chosen.length === 0 && this.#plan.isThere(index)
    if (chosen.length === 0 && !isAll) return
    this.#left.asks--
    this.requests[index]!++
    const { length } = FILES[index]!
    this.#plan.ask(index, of(send), isAll ? [{ start: 0, end: Math.max(1, length) }] : of(prove))
    for (const at of send) this.#has[index]![at] = false
  }

  #isThere(index: number, { start, end }: Range): boolean {
    return this.#plan.isThere(index, start, end)
  }

  hear(item: Item): void {
    if (item.kind === 'run') {
      for (let index = item.first; index <= item.last; index++)
        if (digestIn(item.digests, index) && this.#ends(item, index))
          this.#record(index, digestIn(item.digests, index)!)
      if (item.isProof) return
      for (const { entry, offset, bytes } of cutsOf(item)) {
        bytes.copy(this.content[entry.index]!, offset)
        const end = offset + bytes.length
        for (const at of this.#has[entry.index]!.keys()) {
          const own = block(at, FILES[entry.index]!)
          if (own.end > offset && own.end <= end) this.#has[entry.index]![at] = true
        }
      }
    } else if (item.kind === 'digests')
      for (let index = item.first; index < item.first + item.count; index++)
        this.#record(index, digestIn(item, index)!)
  }

  #ends({ last, ends }: Item & { kind: 'run' }, index: number): boolean {
    return index < last || ends
  }

  #record(index: number, digest: Buffer): void {
    this.records[index]!++
    if (!digest.equals(digestOf(this.#algorithm, FILES[index]!)))
      throw new Error(`a wrong digest of ${index}`)
  }

  /** Nothing more is asked for; gives whether all is answered. */
  get isAnswered(): boolean {
    return this.requests.every((count, index) => this.#plan.isClosed(index) || this.records[index] === count)
  }

  finish(): void {
    while (this.#plan.undecided < FILES.length) this.#decide()
    this.#left.asks = 0
  }

  close(): void {
    this.#plan.close(0, FILES.length)
    this.source.wake()
  }

  isClosed(index: number): boolean {
    return this.#plan.isClosed(index)
  }
}

for (const algorithm of ALGORITHMS)
  test(`each request is answered once, with the digest of the whole file, whatever is asked for meanwhile: ${algorithm}`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const receiver = new PlayedReceiver(algorithm, seed)
        const random = randomBySeed(seed + 1)
        let steps = 0
        const items = receiver.source.pipe(hashTap())
        for (let i = 0; i < 4; i++) receiver.act()
        if (receiver.requests.every((count) => count === 0)) receiver.finish()
        let wasClosed = FILES.map(() => false)
        const toEnd = () => {
          wasClosed = FILES.map((_, index) => receiver.isClosed(index))
          receiver.close()
        }
        for await (const item of items) {
          receiver.hear(item as Item)
          if (++steps > 2000) throw new Error('it does not end')
          const count = Math.floor(random() * 3)
          for (let i = 0; i < count; i++) receiver.act()
          if (receiver.isAnswered) {
            const before = receiver.requests.join()
            receiver.finish()
            if (receiver.requests.join() === before) toEnd()
          }
        }
        for (const [index, bytes] of FILES.entries()) {
          const [requests, records] = [receiver.requests[index]!, receiver.records[index]!]
          t.true(
            wasClosed[index] ? records <= requests : records === requests,
            `${index}: ${records} of ${requests}`,
          )
          if (!wasClosed[index]) t.true(receiver.content[index]!.equals(bytes))
        }
      }),
      { numRuns: scale(40, 600), includeErrorInReport: true },
    )
  })

test('with untilSettled a source serves what is asked for behind its end, and ends with the last outcome', async (t) => {
  const { manifest, plan } = offering({ LARGE }, 'blocks')
  plan.want(1)
  const source = fileSource(manifest, { plan, untilSettled: true })
  source.finish()
  const kinds: string[] = []
  let isAsked = false
  for await (const item of source.pipe(hashTap())) {
    const { kind, isProof } = item as Item & { isProof?: boolean }
    if (kinds.at(-1) !== (isProof ? 'proof' : kind)) kinds.push(isProof ? 'proof' : kind)
    if (kind === 'end') {
      isAsked = true
      plan.ask(0, [block(1, LARGE)])
      plan.ask(0, [], [block(0, LARGE)])
      source.wake()
    }
    if (kind === 'digests' && isAsked && !plan.isOpen(0)) {
      plan.close(0)
      source.wake()
    }
  }
  t.deepEqual(kinds.slice(0, 2), ['offer', 'run'])
  t.deepEqual(kinds.slice(kinds.indexOf('end')), ['end', 'run', 'proof', 'blocks', 'digests'])
})

test('a stream of which parts are claimed is read once: they are not sent, and the digest is that of the whole', async (t) => {
  for (const algorithm of ALGORITHMS)
    for (const claimed of [[0], [1], [LAST], [0, LAST], [0, 1, 2, LAST], [...Array(LAST + 1).keys()]]) {
      let opened = 0
      const store = {
        rereadable: () => false,
        stream: () => {
          opened++
          return Readable.from(randomPieces(LARGE, 7 + claimed.length))
        },
      }
      const manifest = manifestOfEntries([{ path: 'x', size: LARGE.length }], store, { name: 'x', algorithm })
      const plan = new Plan('asks')
      plan.add(manifest.offer)
      plan.claim(claimed.map((at) => block(at, LARGE)))
      const source = fileSource(manifest, { plan })
      source.finish()
      const sent = Buffer.alloc(LARGE.length)
      let digest: Buffer | undefined
      for (const item of await collect(source.pipe(hashTap()))) {
        if (item.kind === 'digests') digest = digestIn(item, 0)
        if (item.kind !== 'run') continue
        digest = (item.ends && digestIn(item.digests, 0)) || digest
        if (!item.isProof) for (const { offset, bytes } of cutsOf(item)) bytes.copy(sent, offset)
      }
      const expected = Buffer.from(LARGE)
      for (const at of claimed) expected.fill(0, block(at, LARGE).start, block(at, LARGE).end)
      t.true(sent.equals(expected), `${algorithm} ${claimed}`)
      t.deepEqual(digest, createDigest(algorithm, LARGE.length).update(LARGE).digest())
      t.is(opened, 1)
      t.is(plan.toProve(), undefined)
    }
})

test('a file that changes before it is proved fails, once for each request, and the others go on', async (t) => {
  for (const algorithm of ALGORITHMS) {
    const { memory, manifest, plan } = offering({ LARGE, OTHER, tiny: Buffer.from('tiny') }, algorithm)
    plan.want(1)
    const source = fileSource(manifest, { plan, untilSettled: true })
    const failures: number[] = []
    const ended = new Set<number>()
    let isChanged = false
    const close = () => {
      if (failures.length < 2 || ended.size < 3) return
      plan.close(0, 3)
      source.wake()
    }
    for await (const item of source.pipe(hashTap()) as AsyncIterable<Item>) {
      if (item.kind === 'digests' && failureIn(item, 0)) failures.push(item.first)
      else if (item.kind === 'digests') ended.add(item.first)
      if (item.kind === 'run')
        for (let index = item.first; index <= item.last; index++)
          if (digestIn(item.digests, index)) ended.add(index)
      if (!isChanged && ended.has(0)) {
        isChanged = true
        memory.set('LARGE', randomContent(LARGE.length, 9))
        plan.ask(0, [], [block(0, LARGE)])
        plan.ask(0, [], [block(1, LARGE)])
        plan.want(2)
        source.finish()
      }
      close()
    }
    t.deepEqual(failures, [0, 0], algorithm)
    t.deepEqual([...ended].sort(), [0, 1, 2])
  }
})
