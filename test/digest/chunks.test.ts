import { createHash } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { LOADERS, nativeEngine, wasmEngine } from '../../lib/digest/blake3.js'
import { type Chunk, Chunker, chunkRulesOf, MOST_CHUNKED, MOST_CHUNKS } from '../../lib/digest/chunks.js'
import { digestOf } from '../../lib/digest/digests.js'
import { randomContent, randomPieces } from '../../lib/testing/splits.js'
import { scale } from '../helpers/scale.js'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const engine = nativeEngine(LOADERS.native())

function chunksOf(pieces: readonly Buffer[], size: number, by = engine): Chunk[] {
  const chunker = new Chunker(size, by)
  return [...pieces.flatMap((piece) => chunker.take(piece)), ...chunker.end()]
}

test('chunks have 16 to 256 KiB, doubled until no file can have more than 131,072', (t) => {
  for (const [size, factor] of [
    [0, 1],
    [1, 1],
    [2 * GIB, 1],
    [2 * GIB + 1, 2],
    [4 * GIB, 2],
    [4 * GIB + 1, 4],
    [MOST_CHUNKED, 512],
  ] as const) {
    const { least, normal, most } = chunkRulesOf(size)
    t.deepEqual([least, normal, most], [16 * KIB * factor, 64 * KIB * factor, 256 * KIB * factor])
    t.true(Math.ceil(size / least) <= MOST_CHUNKS)
  }
  // the masks are of the highest bits: two to the power of 16 is the normal length
  const ones = ({ rare, frequent }: ReturnType<typeof chunkRulesOf>) =>
    [rare, frequent].map((mask) => (mask >>> 0).toString(2))
  t.deepEqual(ones(chunkRulesOf(GIB)), [
    `${'1'.repeat(18)}${'0'.repeat(14)}`,
    `${'1'.repeat(14)}${'0'.repeat(18)}`,
  ])
  t.deepEqual(ones(chunkRulesOf(3 * GIB)), [
    `${'1'.repeat(19)}${'0'.repeat(13)}`,
    `${'1'.repeat(15)}${'0'.repeat(17)}`,
  ])
})

/** Where the chunks of a content end, in the plainest way: by the words of the specification. */
function plainEnds(content: Buffer, size: number): number[] {
  const { least, normal, most, rare, frequent } = chunkRulesOf(size)
  const gear = Array.from({ length: 256 }, (_, byte) =>
    createHash('sha256').update('sluice 1 gear').update(Buffer.of(byte)).digest().readUInt32BE(),
  )
  const ends: number[] = []
  for (let start = 0, at = 0, hash = 0; at < content.length; ) {
    if (at - start >= least) hash = (hash * 2 + gear[content[at]!]!) % 2 ** 32
    const mask = at - start < normal ? rare : frequent
    at++
    const isCut = at - start > least && (hash & mask) === 0
    if (!isCut && at - start < most && at < content.length) continue
    ends.push(at)
    start = at
    hash = 0
  }
  return ends
}

/** Random bytes with a stretch that repeats itself, which no hash finds a cut in. */
const CONTENT = Buffer.concat([randomContent(700_000), Buffer.alloc(600_000, 7), randomContent(500_000, 2)])

test('chunks are cut as the specification says, and have the digests of their bytes', (t) => {
  for (const size of [CONTENT.length, 3 * GIB]) {
    const chunks = chunksOf([CONTENT], size)
    t.deepEqual(
      chunks.map(({ offset, length }) => offset + length),
      plainEnds(CONTENT, size),
    )
    let end = 0
    for (const { offset, length, digest } of chunks) {
      t.is(offset, end)
      end += length
      t.deepEqual(digest, digestOf('blake3', CONTENT.subarray(offset, end)))
    }
    t.is(end, CONTENT.length)
  }
  t.deepEqual(chunksOf([], 0), [])
  t.is(chunksOf([CONTENT.subarray(0, 1)], 1).length, 1)
})

test('they are the same in any split of the bytes, by both engines', async (t) => {
  const expected = chunksOf([CONTENT], CONTENT.length)
  t.deepEqual(chunksOf([CONTENT], CONTENT.length, await LOADERS.wasm().then(wasmEngine)), expected)
  await fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: CONTENT.length }), (seed, size) => {
      const content = CONTENT.subarray(0, size)
      t.deepEqual(chunksOf(randomPieces(content, seed), CONTENT.length), chunksOf([content], CONTENT.length))
    }),
    { numRuns: scale(10, 300) },
  )
  t.pass()
})

test('behind a change the cuts are soon the same again, at any place and of any length', (t) => {
  const before = randomContent(8 * MIB)
  const known = new Set(chunksOf([before], before.length).map(({ digest }) => digest.toString('hex')))
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: before.length }),
      fc.integer({ min: 0, max: 3000 }),
      fc.uint8Array({ maxLength: 3000 }),
      (at, removed, added) => {
        const after = [before.subarray(0, at), Buffer.from(added), before.subarray(at + removed)]
        const fresh = chunksOf(after, before.length).filter(
          ({ digest }) => !known.has(digest.toString('hex')),
        )
        const bytes = fresh.reduce((sum, { length }) => sum + length, 0)
        // the chunk of the change, and those up to the next cut that the old version has as well
        t.true(bytes <= 8 * 256 * KIB, `${bytes} bytes are new after a change at ${at}`)
      },
    ),
    { numRuns: scale(20, 1000) },
  )
})
