import test from 'ava'
import fc from 'fast-check'
import { LOADERS, nativeEngine, wasmEngine } from '../../lib/digest/blake3.js'
import {
  BLOCK_DIGEST_LENGTH,
  BlockList,
  blockSizeOf,
  blocksDigest,
  blocksInto,
  MOST_BLOCKS,
  rangesOfRuns,
  runsOfBlocks,
  runsOfRanges,
  wholeBlocks,
} from '../../lib/digest/blocks.js'
import { digestOf } from '../../lib/digest/digests.js'
import type { Range } from '../../lib/ranges.js'
import { piecesOf, randomContent, randomPieces } from '../../lib/testing/splits.js'
import { isBlockRuns, MOST_BLOCK_RUNS, SAID_BLOCK_RUNS } from '../../lib/wire/block-runs.js'
import { encodeMessage, type Message } from '../../lib/wire/messages.js'
import { scale } from '../helpers/scale.js'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
/** Bytes of a block of a file of some MiB. */
const BLOCK = 64 * 1024
const engine = nativeEngine(LOADERS.native())
const wasm = await wasmEngine(await LOADERS.wasm())

test('a file of up to 1 MiB is one block; blocks of a larger one have 64 KiB, doubled until there are at most 65,536', (t) => {
  for (const [size, block] of [
    [null, MIB],
    [0, MIB],
    [1, MIB],
    [MIB, MIB],
    [MIB + 1, BLOCK],
    [4 * GIB, BLOCK],
    [4 * GIB + 1, 2 * BLOCK],
    [64 * GIB, MIB],
    [128 * GIB + 1, 4 * MIB],
    [Number.MAX_SAFE_INTEGER, 2 ** 37],
  ] as const) {
    t.is(blockSizeOf(size), block, String(size))
    t.true(Math.ceil((size ?? 0) / block) <= MOST_BLOCKS)
  }
})

/** What a file of this content is by `blocks` of this many bytes, in the plainest way. */
function plainDigest(content: Buffer, block: number = BLOCK, { create, createList } = engine): Buffer {
  if (content.length <= MIB) return create().update(content).digest()
  const head = Buffer.alloc(16)
  head.writeBigUInt64BE(BigInt(content.length), 0)
  head.writeBigUInt64BE(BigInt(block), 8)
  const list = createList().update(head)
  for (const bytes of piecesOf(content, block)) list.update(create().update(bytes).digest())
  return list.digest()
}

const CONTENT = randomContent(3 * MIB + 17)
const SIZES = [0, 1, 1000, MIB - 1, MIB, MIB + 1, 2 * MIB, CONTENT.length]

test('the digest of a content is the same in any split, by both engines; where its size is not known, by blocks of 1 MiB', (t) => {
  for (const size of SIZES) {
    const content = CONTENT.subarray(0, size)
    const expected = plainDigest(content)
    for (const one of [engine, wasm])
      for (const known of [size, null])
        for (const pieces of [[content], piecesOf(content, 65_537), randomPieces(content, size + 1)]) {
          const digest = blocksDigest(one, known)
          for (const piece of pieces) digest.update(piece)
          t.deepEqual(digest.digest(), plainDigest(content, known === null ? MIB : BLOCK), `${size} ${known}`)
        }
    const column = Buffer.alloc(BLOCK_DIGEST_LENGTH + 2, 0xee)
    for (const one of [engine, wasm]) {
      blocksInto(one)(piecesOf(content, 400_000), column, 1)
      t.deepEqual(column, Buffer.concat([Buffer.of(0xee), expected, Buffer.of(0xee)]))
    }
    t.deepEqual(digestOf('blocks', content), expected)
  }
})

test('it is the same byte by byte across the border of a block', (t) => {
  const content = CONTENT.subarray(0, MIB + 3000)
  const digest = blocksDigest(engine, content.length)
  digest.update(content.subarray(0, MIB - 2000))
  for (const byte of piecesOf(content.subarray(MIB - 2000), 1)) digest.update(byte)
  t.deepEqual(digest.digest(), plainDigest(content))
})

test('a list filled in any order, some blocks twice, has the digest of the content, and none before it is full', (t) => {
  const blocksOf = (block: number) =>
    piecesOf(CONTENT, block).map((bytes) => engine.create().update(bytes).digest())
  const [known, unknown] = [blocksOf(BLOCK), blocksOf(MIB)]
  const wrong = Buffer.alloc(BLOCK_DIGEST_LENGTH, 1)
  const orderOf = ({ length }: readonly Buffer[]) =>
    fc.shuffledSubarray([...Array(length).keys()], { minLength: length })
  const some = fc.array(fc.nat(3))
  fc.assert(
    fc.property(orderOf(known), orderOf(unknown), some, fc.boolean(), (many, few, early, isKnown) => {
      const [blocks, digests] = isKnown ? [many, known] : [few, unknown]
      const expected = plainDigest(CONTENT, isKnown ? BLOCK : MIB)
      const list = new BlockList(isKnown ? CONTENT.length : null)
      const seen = new Set<number>()
      for (const at of early) {
        list.set(at, wrong)
        seen.add(at)
      }
      for (const at of blocks) {
        if (!seen.has(at)) {
          t.is(list.get(at), undefined)
          t.is(list.digest(CONTENT.length, engine), undefined)
        }
        list.set(at, digests[at]!)
        seen.add(at)
        t.true(list.get(at)!.equals(digests[at]!))
      }
      t.deepEqual(list.digest(CONTENT.length, engine), expected)
      t.deepEqual(list.digest(CONTENT.length, wasm), expected)
    }),
    { numRuns: scale(50, 1000) },
  )
})

test('a list has the digests that were set, many at once or one by one, and no others', (t) => {
  const size = 400 * BLOCK
  const digests = randomContent(400 * BLOCK_DIGEST_LENGTH)
  const of = (first: number, count: number) =>
    digests.subarray(first * BLOCK_DIGEST_LENGTH, (first + count) * BLOCK_DIGEST_LENGTH)
  const some = fc
    .tuple(fc.nat(399), fc.nat(300))
    .map(([first, count]) => [first, Math.min(count, 400 - first)])
  fc.assert(
    fc.property(fc.array(some, { maxLength: 4 }), some, (parts, asked) => {
      const [list, one] = [new BlockList(size), new BlockList(size)]
      const known = new Set<number>()
      for (const [first, count] of parts as [number, number][]) {
        list.set(first, of(first, count))
        for (let at = first; at < first + count; at++) {
          known.add(at)
          one.set(at, of(at, 1))
        }
      }
      const [first, count] = asked as [number, number]
      const all = Array.from({ length: count }, (_, at) => first + at)
      t.is(
        list.has(first, of(first, count)),
        all.every((at) => known.has(at)),
      )
      for (const at of all) t.deepEqual(list.get(at), known.has(at) ? of(at, 1) : undefined)
      t.deepEqual(
        list.known,
        [...known].sort((a, b) => a - b),
      )
      t.deepEqual(one.known, list.known)
      if (count === 0) return
      const wrong = Buffer.from(of(first, count))
      wrong[wrong.length - 1]! ^= 1
      t.false(list.has(first, wrong))
    }),
    { numRuns: scale(50, 1000) },
  )
})

test('blocks behind the end of a file, whose size was not known, do not make its list a full one', (t) => {
  const list = new BlockList(null)
  list.set(0, Buffer.alloc(BLOCK_DIGEST_LENGTH, 1))
  list.set(300, Buffer.alloc(BLOCK_DIGEST_LENGTH, 2))
  t.is(list.digest(MIB + 1, engine), undefined)
  const one = new BlockList(null)
  one.set(1, Buffer.alloc(BLOCK_DIGEST_LENGTH, 1))
  t.is(one.digest(MIB, engine), undefined)
})

test('the list of a file with most blocks takes no memory but for those that are known', (t) => {
  const size = Number.MAX_SAFE_INTEGER
  const list = new BlockList(size)
  const last = MOST_BLOCKS - 1
  list.set(last, Buffer.alloc(BLOCK_DIGEST_LENGTH, 7))
  t.is(list.get(last)![0], 7)
  t.is(list.get(last)!.buffer.byteLength <= 64 * 1024, true)
  t.is(list.get(last - 1), undefined)
  t.is(list.digest(size, engine), undefined)
  for (let at = 0; at < last; at++) list.set(at, Buffer.alloc(BLOCK_DIGEST_LENGTH, at))
  t.is(list.digest(size, engine)!.length, BLOCK_DIGEST_LENGTH)
})

test('the digest of a list is that of no content, nor of the list by itself; size and size of a block count', (t) => {
  const content = CONTENT.subarray(0, 2 * MIB)
  const ofBlocks = piecesOf(content, BLOCK).map((block) => engine.create().update(block).digest())
  const head = Buffer.alloc(16)
  head.writeBigUInt64BE(BigInt(content.length), 0)
  head.writeBigUInt64BE(BigInt(BLOCK), 8)
  const found = digestOf('blocks', content)
  t.notDeepEqual(found, digestOf('blocks', Buffer.concat([head, ...ofBlocks])))
  t.notDeepEqual(found, digestOf('blake3', content))
  const lists = [content.length, content.length - 1].map((size) => {
    const list = new BlockList(size)
    for (const [at, digest] of ofBlocks.entries()) list.set(at, digest)
    return list.digest(size, engine)!.toString('hex')
  })
  t.is(lists[0], found.toString('hex'))
  t.not(lists[1], lists[0])
})

/** Each block by itself: whether it is meant. */
const flags = fc.array(fc.boolean(), { minLength: 17, maxLength: 60 })

test('blocks become runs, and runs the bytes of these blocks, and those the same runs again', (t) => {
  fc.assert(
    fc.property(flags, fc.integer({ min: 1, max: BLOCK }), (are, tail) => {
      const size = (are.length - 1) * BLOCK + tail
      const blocks = are.flatMap((is, at) => (is ? at : []))
      const runs = runsOfBlocks(blocks)
      const ranges = rangesOfRuns(runs, size)
      const expected = blocks.map((at) => ({ start: at * BLOCK, end: Math.min(size, (at + 1) * BLOCK) }))
      t.deepEqual(piecesOfRanges(ranges), expected)
      // as few as it takes
      for (const [i, { start }] of ranges.entries()) t.true(i === 0 || start > ranges[i - 1]!.end)
      t.deepEqual(runsOfRanges(ranges, size), runs)
      t.deepEqual(wholeBlocks(ranges, size), ranges)
      if (runs.length > 0) t.true(isBlockRuns(runs))
    }),
    { numRuns: scale(500, 10_000) },
  )
})

/** Cut at the borders of blocks. */
function piecesOfRanges(ranges: readonly Range[]): Range[] {
  const pieces: Range[] = []
  for (const { start, end } of ranges)
    for (let at = start; at < end; at += BLOCK) pieces.push({ start: at, end: Math.min(end, at + BLOCK) })
  return pieces
}

test('whole blocks are those of which every byte is in one range; the last may be shorter', (t) => {
  const range = fc.tuple(fc.nat(2 * MIB), fc.nat(2 * MIB))
  const near = fc.tuple(
    fc.nat(36),
    fc.integer({ min: -2, max: 2 }),
    fc.nat(35),
    fc.integer({ min: -2, max: 2 }),
  )
  const any = fc.oneof(
    range,
    near.map(([at, less, count, more]) => [Math.max(0, at * BLOCK + less), count * BLOCK + more] as const),
  )
  fc.assert(
    fc.property(any, fc.integer({ min: MIB + 1, max: 3 * MIB }), ([start, length], size) => {
      const one = { start, end: Math.max(start, Math.min(start + length, size)) }
      const expected: Range[] = []
      for (let at = 0; at < size; at += BLOCK) {
        const end = Math.min(size, at + BLOCK)
        if (one.start <= at && one.end >= end) expected.push({ start: at, end })
      }
      t.deepEqual(piecesOfRanges(wholeBlocks([one], size)), expected)
    }),
    { numRuns: scale(500, 10_000) },
  )
})

test('runs of blocks behind the end stay behind it: whoever checks them finds that out', (t) => {
  t.deepEqual(rangesOfRuns([0, 17], MIB + 1), [{ start: 0, end: MIB + 1 }])
  for (const [runs, size] of [
    [[32, 1], 2 * MIB],
    [[0, 33], 2 * MIB],
    [[0, 1], 0],
    [[1, 1], 1],
    [[65_535, 1], MIB],
  ] as const)
    t.true(
      rangesOfRuns(runs, size).some(({ start, end }) => end > size || start >= size),
      `${runs} ${size}`,
    )
})

test('what is no runs of blocks is refused', (t) => {
  for (const runs of [
    [0, 1],
    [0, 65_536],
    [5, 1, 7, 2],
  ])
    t.true(isBlockRuns(runs), `${runs}`)
  const many = Array.from({ length: MOST_BLOCK_RUNS + 1 }, (_, i) => [3 * i, 1]).flat()
  t.true(isBlockRuns(many.slice(2)))
  for (const runs of [
    [],
    [0],
    [0, 0],
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [0, 65_537],
    [65_536, 1],
    [5, 1, 6, 1],
    [5, 2, 5, 1],
    [7, 1, 5, 1],
    [0, 1, 3],
    ['0', 1],
    many,
    [Number.MAX_SAFE_INTEGER, 1],
    null,
    7,
  ])
    t.false(isBlockRuns(runs as never), String(runs).slice(0, 50))
})

test('the runs of blocks that we say in one message fit into the smallest one that a peer should take', (t) => {
  const runs = Array.from({ length: SAID_BLOCK_RUNS }, (_, i) => [60_000 + 3 * i, 1]).flat()
  const far = runs.map((number, i) => (i % 2 === 0 ? number : 300))
  for (const blocks of [runs, far]) {
    const plan: Message = { type: 'plan', first: 900_000, plan: [{ count: 1, kind: 'prove', blocks }] }
    const want: Message = { type: 'want', index: 900_000, send: blocks }
    for (const message of [plan, want]) t.true(encodeMessage(message).length < 4096)
  }
})

test('ranges that touch are one: a block of which each has some is whole', (t) => {
  const size = 3_000_000
  const block = blockSizeOf(size)
  const touching = [
    { start: 0, end: block + 5 },
    { start: block + 5, end: block + 5 },
    { start: block + 5, end: 2 * block + 1 },
  ]
  t.deepEqual(wholeBlocks(touching, size), [{ start: 0, end: 2 * block }])
})
