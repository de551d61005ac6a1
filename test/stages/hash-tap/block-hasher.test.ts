import test from 'ava'
import fc from 'fast-check'
import { BLOCK_DIGEST_LENGTH } from '../../../lib/digest/blocks.js'
import { blockEngine, createDigest, digestOf } from '../../../lib/digest/digests.js'
import { BlockHasher } from '../../../lib/stages/hash-tap/block-hasher.js'
import { piecesOf, randomContent } from '../../../lib/testing/splits.js'
import { scale } from '../../helpers/scale.js'

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024
/** 16 blocks, and one of 1,000 bytes. */
const CONTENT = randomContent(MIB + 1000)
const SIZE = CONTENT.length
const BLOCKS = piecesOf(CONTENT, BLOCK)
const ALL = [...BLOCKS.keys()]
const LAST = ALL.length - 1
const hex = (block: Buffer) => digestOf('blake3', block).toString('hex')
const DIGESTS = BLOCKS.map(hex)
const WHOLE = digestOf('blocks', CONTENT)

/** A hasher that is fed with parts of the content; keeps what it said of each block, the latest word. */
class Fed {
  readonly hasher: BlockHasher
  readonly said = new Map<number, string>()
  readonly #size: number | null
  readonly #digests: readonly string[]

  constructor(size: number | null = SIZE, digests = DIGESTS) {
    this.#size = size
    this.#digests = digests
    this.hasher = new BlockHasher(size, blockEngine())
  }

  /** Gives the blocks that ended. */
  take(
    start: number,
    end: number,
    { cut = MIB, content = CONTENT, ends = end === this.#size } = {},
  ): number[] {
    const ended = this.hasher.take(start, piecesOf(content.subarray(start, end), cut), ends)
    const slots = ended ? piecesOf(ended.digests, BLOCK_DIGEST_LENGTH) : []
    const numbers = slots.map((_, i) => ended!.first + i)
    for (const [i, slot] of slots.entries()) this.said.set(numbers[i]!, slot.toString('hex'))
    return numbers
  }

  /** What is said is what these blocks are. */
  get isRight(): boolean {
    return [...this.said].every(([at, digest]) => digest === this.#digests[at])
  }
}

test('each block is said when it ends, and the digest of the file is known with the last of them', (t) => {
  const fed = new Fed()
  t.deepEqual(fed.take(0, 1000), [])
  t.deepEqual(fed.take(1000, BLOCK), [0])
  t.deepEqual(fed.take(BLOCK, 3 * BLOCK), [1, 2])
  t.deepEqual(fed.take(3 * BLOCK, MIB), ALL.slice(3, LAST))
  t.is(fed.hasher.digest(SIZE), undefined)
  t.deepEqual(fed.take(MIB, SIZE), [LAST])
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})

test('bytes that end one block and begin another tell the one, and go on with the other', (t) => {
  const fed = new Fed()
  t.deepEqual(fed.take(0, BLOCK + 30_000), [0])
  t.deepEqual(fed.take(BLOCK + 30_000, 2 * BLOCK + 1), [1])
  t.deepEqual(fed.take(2 * BLOCK + 1, SIZE), ALL.slice(2))
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})

test('a block that had begun and comes again as a whole is said once: what follows of the first is nothing', (t) => {
  const fed = new Fed()
  const other = Buffer.from(CONTENT).fill(1, 0, 2 * BLOCK)
  t.deepEqual(fed.take(0, 1000, { content: other }), [])
  t.deepEqual(fed.take(0, 2 * BLOCK), [0, 1])
  t.deepEqual(fed.take(1000, BLOCK), [])
  fed.take(2 * BLOCK, SIZE)
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})

test('byte by byte across the border of a block, and at the end', (t) => {
  const fed = new Fed()
  fed.take(0, BLOCK - 500)
  for (let at = BLOCK - 500; at < BLOCK + 500; at++)
    t.deepEqual(fed.take(at, at + 1), at === BLOCK - 1 ? [0] : [])
  fed.take(BLOCK + 500, SIZE - 500)
  for (let at = SIZE - 500; at < SIZE; at++) t.deepEqual(fed.take(at, at + 1), at === SIZE - 1 ? [LAST] : [])
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})

test('in any order of blocks, in any pieces, all of them are said, and the digest is that of the content', (t) => {
  const order = fc.shuffledSubarray(ALL, { minLength: ALL.length })
  fc.assert(
    fc.property(
      order,
      fc.array(fc.nat(BLOCK), { maxLength: 4 }),
      fc.integer({ min: 3000, max: BLOCK }),
      (blocks, marks, cut) => {
        const fed = new Fed()
        for (const at of blocks) {
          t.is(fed.hasher.digest(SIZE), undefined)
          const end = Math.min(SIZE, (at + 1) * BLOCK)
          const bounds = marks.map((mark) => Math.min(end, at * BLOCK + mark)).sort((a, b) => a - b)
          let from = at * BLOCK
          for (const to of [...bounds, end]) {
            fed.take(from, to, { cut })
            from = to
          }
          t.is(fed.said.get(at), DIGESTS[at])
        }
        t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
      },
    ),
    { numRuns: scale(30, 500) },
  )
})

test('whatever passes, only blocks that passed from beginning to end without a gap are said', (t) => {
  const piece = fc.tuple(fc.nat(SIZE), fc.oneof(fc.nat(2 * BLOCK), fc.nat(SIZE)), fc.boolean())
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
      const fed = new Fed()
      // the block that is under way, and where it goes on: in the plainest way
      let next: number | undefined
      for (const [any, length, goesOn] of pieces) {
        const start =
          goesOn && next !== undefined
            ? next
            : Math.floor(any / BLOCK) * BLOCK === any
              ? any
              : any % 2
                ? any
                : Math.floor(any / BLOCK) * BLOCK
        const end = Math.min(SIZE, start + length)
        if (end <= start) continue
        const expected: number[] = []
        for (let at = start; at < end; ) {
          const border = Math.min(SIZE, (Math.floor(at / BLOCK) + 1) * BLOCK)
          const isWhole = at % BLOCK === 0 || next === at
          const to = Math.min(end, border)
          next = isWhole && to < border ? to : undefined
          if (isWhole && to === border) expected.push(Math.floor(at / BLOCK))
          at = to
        }
        // one that passed in part is said no more; those behind it follow each other
        t.deepEqual(fed.take(start, end), expected)
        t.true(fed.isRight)
      }
    }),
    { numRuns: scale(60, 1000) },
  )
})

test('with a gap, or without its beginning, a block is not said, and those behind it are', (t) => {
  const gap = new Fed()
  gap.take(0, 1000)
  t.deepEqual(gap.take(1001, 2 * BLOCK), [1])
  t.is(gap.hasher.digest(SIZE), undefined)
  t.deepEqual(gap.take(2 * BLOCK, SIZE), ALL.slice(2))
  t.is(gap.hasher.digest(SIZE), undefined)
  t.deepEqual(gap.take(0, BLOCK), [0])
  t.deepEqual(gap.hasher.digest(SIZE), WHOLE)
  t.deepEqual(new Fed().take(1, BLOCK), [])
  t.deepEqual(new Fed().take(SIZE - 1, SIZE), [])
})

test('a block that passes again is said again, and only the last word counts', (t) => {
  const damaged = Buffer.from(CONTENT)
  damaged[BLOCK + 3]! ^= 1
  const fed = new Fed()
  fed.take(0, SIZE, { content: damaged })
  t.false(fed.isRight)
  t.notDeepEqual(fed.hasher.digest(SIZE), WHOLE)
  t.deepEqual(fed.take(BLOCK, 2 * BLOCK), [1])
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})

test('a block that begins again is taken from its new beginning', (t) => {
  const fed = new Fed()
  fed.take(0, 5000)
  t.deepEqual(fed.take(0, BLOCK), [0])
  t.true(fed.isRight)
})

test('of unknown size: blocks are said as they fill, the last when the file ends, be it with no bytes', (t) => {
  // these have 1 MiB
  const content = Buffer.concat([CONTENT, CONTENT])
  const size = content.length
  const digests = piecesOf(content, MIB).map(hex)
  const whole = (bytes: Buffer) => createDigest('blocks', null).update(bytes).digest()
  const fed = new Fed(null, digests)
  t.deepEqual(fed.take(0, size - 1, { content, ends: false }), [0, 1])
  t.deepEqual(fed.take(size - 1, size, { content, ends: false }), [])
  t.deepEqual(fed.take(size, size, { content, ends: true }), [2])
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(size), whole(content))
  const even = new Fed(null, digests)
  t.deepEqual(even.take(0, 2 * MIB, { content, ends: true }), [0, 1])
  t.deepEqual(even.hasher.digest(2 * MIB), whole(content.subarray(0, 2 * MIB)))
  const empty = new Fed(null)
  t.deepEqual(empty.take(0, 0, { ends: true }), [])
  t.deepEqual(empty.hasher.digest(0), digestOf('blocks', Buffer.alloc(0)))
})

test('the buffers may be used again once they were taken', (t) => {
  const fed = new Fed()
  const memory = Buffer.alloc(BLOCK)
  for (const [at, block] of BLOCKS.entries()) {
    block.copy(memory)
    fed.hasher.take(at * BLOCK, [memory.subarray(0, block.length)], at === LAST)
    memory.fill(0xff)
  }
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})
