import { createHash, type Hash } from 'node:crypto'
import test from 'ava'
import { gatheredPieces } from '../../../lib/files/atomic/pieces.js'
import { digestInSteps, portionsOf } from '../../../lib/files/disk/digest-file.js'
import { randomContent } from '../../../lib/testing/splits.js'

const MIB = 1024 * 1024

test('others get their turn after each mebibyte that is digested, however it is cut', async (t) => {
  const content = randomContent(9 * MIB + 7)
  const inPieces = (size: number) =>
    Array.from({ length: Math.ceil(content.length / size) }, (_, i) =>
      content.subarray(i * size, (i + 1) * size),
    )
  for (const size of [content.length, 3 * MIB, MIB, 700_001, 65_536]) {
    const hash = createHash('sha256')
    let turn = 0
    const digested = new Map<number, number>()
    const hasher = {
      update(bytes: Uint8Array) {
        digested.set(turn, (digested.get(turn) ?? 0) + bytes.length)
        return hash.update(bytes)
      },
    } as Hash
    let over = false
    const others = async () => {
      for (; !over; turn++) await new Promise(setImmediate)
    }
    const counting = others()
    await digestInSteps(hasher, inPieces(size))
    over = true
    await counting
    t.deepEqual(hash.digest(), createHash('sha256').update(content).digest())
    t.true(Math.max(...digested.values()) < 2 * MIB, `pieces of ${size} bytes`)
    t.true(digested.size >= 5)
  }
})

test('portions are the same bytes in the same order, none much larger than another', (t) => {
  const content = randomContent(21 * MIB + 1)
  for (const cuts of [[], [1, 2, 3], [9 * MIB, 10 * MIB], [7 * MIB, 14 * MIB, 21 * MIB]]) {
    const buffers = [...cuts, content.length].map((end, i) => content.subarray(cuts[i - 1] ?? 0, end))
    const portions = [...portionsOf(buffers, 4 * MIB)]
    t.true(Buffer.concat(portions.flat()).equals(content))
    for (const portion of portions) {
      const bytes = portion.reduce((sum, { length }) => sum + length, 0)
      t.true(bytes < 8 * MIB)
    }
  }
  t.deepEqual([...portionsOf([], MIB)], [])
})

test('small pieces become few, large ones stay what they are, and none is kept', async (t) => {
  const content = randomContent(1_000_000)
  for (const sizes of [[1, 100], [20_000], [65_536, 1], [10_000, 10_000, 300_000], [16_383, 0]]) {
    const reused = Buffer.alloc(Math.max(...sizes))
    async function* pieces() {
      for (let at = 0, i = 0; at < content.length; i++) {
        const size = sizes[i % sizes.length]!
        // as a reader does that has one buffer
        content.copy(reused, 0, at, at + size)
        yield reused.subarray(0, Math.min(size, content.length - at))
        at += size
      }
    }
    const found: Buffer[] = []
    for await (const piece of gatheredPieces(pieces())) found.push(Buffer.from(piece))
    t.true(Buffer.concat(found).equals(content))
    t.true(found.length <= 100, `${found.length} pieces of ${sizes}`)
    t.true(found.every(({ length }) => length > 0))
  }
})
