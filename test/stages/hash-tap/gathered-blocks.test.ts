import test from 'ava'
import fc from 'fast-check'
import { BLOCK_DIGEST_LENGTH } from '../../../lib/digest/blocks.js'
import { GatheredBlocks } from '../../../lib/stages/hash-tap/gathered-blocks.js'
import type { BlocksItem } from '../../../lib/stages/river/items.js'
import { randomContent } from '../../../lib/testing/splits.js'
import { scale } from '../../helpers/scale.js'

const MOST = 256
const GIB = 2 ** 30
/** A file with the smallest blocks, of 64 KiB. */
const FILE = { size: 4 * GIB }

const blocksOf = (index: number, first: number, count: number): BlocksItem => ({
  kind: 'blocks',
  index,
  first,
  digests: randomContent(count * BLOCK_DIGEST_LENGTH, 1000 * index + first),
})

/** Each block by itself, in the order in which it is said. */
const singles = (items: readonly BlocksItem[]) =>
  items.flatMap(({ index, first, digests }) =>
    Array.from({ length: digests.length / BLOCK_DIGEST_LENGTH }, (_, at) => [
      index,
      first + at,
      digests.subarray(at * BLOCK_DIGEST_LENGTH, (at + 1) * BLOCK_DIGEST_LENGTH).toString('hex'),
    ]),
  )

test('blocks that follow each other are said together when there are many', (t) => {
  const gathered = new GatheredBlocks()
  const items = Array.from({ length: MOST / 16 }, (_, at) => blocksOf(3, 7 + 16 * at, 16))
  for (const item of items.slice(0, -1)) t.deepEqual(gathered.add(item, FILE), [])
  const said = gathered.add(items.at(-1)!, FILE)
  t.is(said.length, 1)
  t.deepEqual(singles(said), singles(items))
  t.deepEqual(gathered.end(), [])
})

test('the larger they are, the fewer are said together', (t) => {
  const gathered = new GatheredBlocks()
  for (const [first, size, isMany] of [
    // blocks of 8 MiB, and of 64
    [0, 512 * GIB, false],
    [1, 512 * GIB, true],
    [2, 4096 * GIB, true],
  ] as const)
    t.is(gathered.add(blocksOf(0, first, 1), { size }).length, isMany ? 1 : 0)
})

test('blocks that do not follow, or of another file, have those said that were before', (t) => {
  const gathered = new GatheredBlocks()
  const [a, gap, other] = [blocksOf(0, 0, 2), blocksOf(0, 3, 1), blocksOf(1, 4, 1)]
  t.deepEqual(gathered.add(a, FILE), [])
  t.deepEqual(gathered.add(gap, FILE), [a])
  t.deepEqual(gathered.add(other, FILE), [gap])
  t.deepEqual(gathered.end(), [other])
  t.deepEqual(gathered.end(), [])
})

test('whatever comes, each block is said once, in order, and few are kept', (t) => {
  const some = fc.tuple(fc.nat(2), fc.nat(40), fc.integer({ min: 1, max: 100 }), fc.boolean())
  fc.assert(
    fc.property(fc.array(some, { maxLength: 30 }), (made) => {
      const gathered = new GatheredBlocks()
      const given: BlocksItem[] = []
      const said: BlocksItem[] = []
      for (const [index, first, count, goesOn] of made) {
        const last = given.at(-1)
        const item =
          goesOn && last
            ? blocksOf(last.index, last.first + last.digests.length / BLOCK_DIGEST_LENGTH, count)
            : blocksOf(index, first, count)
        given.push(item)
        said.push(...gathered.add(item, FILE))
        t.true(singles(given).length - singles(said).length < MOST)
      }
      said.push(...gathered.end())
      t.deepEqual(singles(said), singles(given))
    }),
    { numRuns: scale(50, 500) },
  )
})
