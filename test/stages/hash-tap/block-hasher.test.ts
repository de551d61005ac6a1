import test from 'ava'
import fc from 'fast-check'
import { BLOCK_DIGEST_LENGTH } from '../../../lib/digest/blocks.js'
import { blockEngine, digestOf } from '../../../lib/digest/digests.js'
import { BlockHasher } from '../../../lib/stages/hash-tap/block-hasher.js'
import { piecesOf, randomContent } from '../../../lib/testing/splits.js'
import { scale } from '../../helpers/scale.js'

const MIB = 1024 * 1024
const CONTENT = randomContent(3 * MIB + 1000)
const SIZE = CONTENT.length
const BLOCKS = piecesOf(CONTENT, MIB)
const DIGESTS = BLOCKS.map((block) => digestOf('blake3', block).toString('hex'))
const WHOLE = digestOf('blocks', CONTENT)

/** A hasher that is fed with parts of the content; keeps what it said of each block, the latest word. */
class Fed {
  readonly hasher: BlockHasher
  readonly said = new Map<number, string>()
  readonly #size: number | null

  constructor(size: number | null = SIZE) {
    this.#size = size
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
    return [...this.said].every(([at, digest]) => digest === DIGESTS[at])
  }
}

test('each block is said when it ends, and the digest of the file is known with the last of them', (t) => {
  const fed = new Fed()
  t.deepEqual(fed.take(0, 1000), [])
  t.deepEqual(fed.take(1000, MIB), [0])
  t.deepEqual(fed.take(MIB, 3 * MIB), [1, 2])
  t.is(fed.hasher.digest(SIZE), undefined)
  t.deepEqual(fed.take(3 * MIB, SIZE), [3])
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})

test('bytes that end one block and begin another tell the one, and go on with the other', (t) => {
  const fed = new Fed()
  t.deepEqual(fed.take(0, MIB + 500_000), [0])
  t.deepEqual(fed.take(MIB + 500_000, 2 * MIB + 1), [1])
  t.deepEqual(fed.take(2 * MIB + 1, SIZE), [2, 3])
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})

test('byte by byte across the border of a block, and at the end', (t) => {
  const fed = new Fed()
  fed.take(0, MIB - 500)
  for (let at = MIB - 500; at < MIB + 500; at++) t.deepEqual(fed.take(at, at + 1), at === MIB - 1 ? [0] : [])
  fed.take(MIB + 500, SIZE - 500)
  for (let at = SIZE - 500; at < SIZE; at++) t.deepEqual(fed.take(at, at + 1), at === SIZE - 1 ? [3] : [])
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})

test('in any order of blocks, in any pieces, all of them are said, and the digest is that of the content', (t) => {
  const order = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 })
  fc.assert(
    fc.property(
      order,
      fc.array(fc.nat(MIB), { maxLength: 4 }),
      fc.integer({ min: 50_000, max: MIB }),
      (blocks, marks, cut) => {
        const fed = new Fed()
        for (const at of blocks) {
          t.is(fed.hasher.digest(SIZE), undefined)
          const end = Math.min(SIZE, (at + 1) * MIB)
          const bounds = marks.map((mark) => Math.min(end, at * MIB + mark)).sort((a, b) => a - b)
          let from = at * MIB
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
  const piece = fc.tuple(fc.nat(SIZE), fc.nat(2 * MIB), fc.boolean())
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
      const fed = new Fed()
      // the block that is under way, and where it goes on: in the plainest way
      let next: number | undefined
      for (const [any, length, goesOn] of pieces) {
        const start =
          goesOn && next !== undefined
            ? next
            : Math.floor(any / MIB) * MIB === any
              ? any
              : any % 2
                ? any
                : Math.floor(any / MIB) * MIB
        const end = Math.min(SIZE, start + length)
        if (end <= start) continue
        const expected: number[] = []
        for (let at = start; at < end; ) {
          const border = Math.min(SIZE, (Math.floor(at / MIB) + 1) * MIB)
          const isWhole = at % MIB === 0 || next === at
          const to = Math.min(end, border)
          next = isWhole && to < border ? to : undefined
          if (isWhole && to === border) expected.push(Math.floor(at / MIB))
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
  t.deepEqual(gap.take(1001, 2 * MIB), [1])
  t.is(gap.hasher.digest(SIZE), undefined)
  t.deepEqual(gap.take(2 * MIB, SIZE), [2, 3])
  t.is(gap.hasher.digest(SIZE), undefined)
  t.deepEqual(gap.take(0, MIB), [0])
  t.deepEqual(gap.hasher.digest(SIZE), WHOLE)
  t.deepEqual(new Fed().take(1, MIB), [])
  t.deepEqual(new Fed().take(SIZE - 1, SIZE), [])
})

test('a block that passes again is said again, and only the last word counts', (t) => {
  const damaged = Buffer.from(CONTENT)
  damaged[MIB + 3]! ^= 1
  const fed = new Fed()
  fed.take(0, SIZE, { content: damaged })
  t.false(fed.isRight)
  t.notDeepEqual(fed.hasher.digest(SIZE), WHOLE)
  t.deepEqual(fed.take(MIB, 2 * MIB), [1])
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})

test('a block that begins again is taken from its new beginning', (t) => {
  const fed = new Fed()
  fed.take(0, 5000)
  t.deepEqual(fed.take(0, MIB), [0])
  t.true(fed.isRight)
})

test('of unknown size: blocks are said as they fill, the last when the file ends, be it with no bytes', (t) => {
  const fed = new Fed(null)
  t.deepEqual(fed.take(0, SIZE - 1, { ends: false }), [0, 1, 2])
  t.deepEqual(fed.take(SIZE - 1, SIZE, { ends: false }), [])
  t.deepEqual(fed.take(SIZE, SIZE, { ends: true }), [3])
  t.true(fed.isRight)
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
  const even = new Fed(null)
  t.deepEqual(even.take(0, 2 * MIB, { ends: true }), [0, 1])
  t.deepEqual(even.hasher.digest(2 * MIB), digestOf('blocks', CONTENT.subarray(0, 2 * MIB)))
  const empty = new Fed(null)
  t.deepEqual(empty.take(0, 0, { ends: true }), [])
  t.deepEqual(empty.hasher.digest(0), digestOf('blocks', Buffer.alloc(0)))
})

test('the buffers may be used again once they were taken', (t) => {
  const fed = new Fed()
  const memory = Buffer.alloc(MIB)
  for (const [at, block] of BLOCKS.entries()) {
    block.copy(memory)
    fed.hasher.take(at * MIB, [memory.subarray(0, block.length)], at === 3)
    memory.fill(0xff)
  }
  t.deepEqual(fed.hasher.digest(SIZE), WHOLE)
})
