import test from 'ava'
import { blockSizeOf } from '../../../lib/digest/blocks.js'
import { blockEngine, prepareDigest } from '../../../lib/digest/digests.js'
import { FilledBlocks } from '../../../lib/stages/finalizer/filled-blocks.js'
import { randomContent } from '../../../lib/testing/splits.js'

const SIZE = 2_000_000
const BLOCK = blockSizeOf(SIZE)
const CONTENT = randomContent(SIZE)

/** Chunks of such lengths, some of which are wrong as they are copied: the numbers of the blocks that are filled. */
async function filledBy(lengths: readonly number[], isWrong: (n: number) => boolean): Promise<number[]> {
  await prepareDigest('blocks')
  const engine = blockEngine()
  const blocks = new FilledBlocks(SIZE, engine)
  const filled: number[] = []
  let start = 0
  for (const [n, length] of lengths.entries()) {
    const chunk = CONTENT.subarray(start, start + length)
    const copied = Buffer.from(chunk)
    if (isWrong(n)) copied[length >> 1]! ^= 1
    // as it is read: in several pieces
    for (let at = 0; at < length; at += 50_000)
      blocks.take(start + at, copied.subarray(at, Math.min(at + 50_000, length)))
    for (const { first, digests } of blocks.endChunk(engine.create().update(chunk).digest()))
      for (let i = 0; i < digests.length / 32; i++) filled.push(first + i)
    start += length
  }
  return filled
}

test('blocks are filled from end to end by the chunks that are in them', async (t) => {
  t.deepEqual(await filledBy([3 * BLOCK], () => false), [0, 1, 2])
  t.deepEqual(await filledBy([BLOCK - 1, 1, BLOCK + 5, BLOCK], () => false), [0, 1, 2])
})

test('a chunk that is not what the sender says fills nothing: neither what ended in it, nor what had begun before', async (t) => {
  const lengths = [BLOCK + 10, 2 * BLOCK, 2 * BLOCK, BLOCK]
  t.deepEqual(await filledBy(lengths, () => false), [0, 1, 2, 3, 4, 5])
  // it begins within block 1 and ends within block 3
  t.deepEqual(await filledBy(lengths, (n) => n === 1), [0, 4, 5])
  t.deepEqual(await filledBy(lengths, () => true), [])
})
