import test from 'ava'
import { digestOf } from '../../../lib/digest/digests.js'
import { BlockProofs } from '../../../lib/stages/finalizer/block-proofs.js'
import type { Part } from '../../../lib/stores/parts.js'
import { piecesOf, randomContent } from '../../../lib/testing/splits.js'
import { offerOf } from '../../helpers/plan-model.js'

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024
/** 16 blocks, and one of 1,000 bytes. */
const CONTENT = randomContent(MIB + 1000)
const entry = offerOf([CONTENT.length]).entries[0]!
const DIGESTS = piecesOf(CONTENT, BLOCK).map((block) => digestOf('blake3', block))
const ALL = [...DIGESTS.keys()]
const LAST = ALL.length - 1
const WRONG = Buffer.alloc(32, 1)

const saying = (first: number, ...digests: Buffer[]) => ({
  index: entry.index,
  first,
  digests: Buffer.concat(digests),
})

/** A part that holds these bytes, and what was read of it. */
function holding(content: Buffer) {
  const reads: [position: number, length: number][] = []
  const part: Part = {
    write: () => {},
    publish: () => ({}),
    discard: () => {},
    read(position, into) {
      reads.push([position, into.length])
      if (position + into.length > content.length) throw new Error('too short')
      content.copy(into, 0, position)
    },
  }
  return { part, reads }
}

test('blocks that came are compared by what a tap said of them: nothing is read', async (t) => {
  const proofs = new BlockProofs()
  const { part, reads } = holding(CONTENT)
  proofs.note(entry, saying(0, DIGESTS[0]!, WRONG))
  proofs.note(entry, saying(2, ...DIGESTS.slice(2)))
  t.deepEqual(await proofs.compare(entry, saying(0, ...DIGESTS), part), [1])
  t.deepEqual(reads, [])
  proofs.note(entry, saying(1, DIGESTS[1]!))
  t.deepEqual(await proofs.compare(entry, saying(0, ...DIGESTS), part), [])
  t.deepEqual(proofs.digest(entry), digestOf('blocks', CONTENT))
})

test('blocks that did not come are read back, each once, and those that are not what the sender says differ', async (t) => {
  const damaged = Buffer.from(CONTENT)
  damaged[BLOCK]! ^= 1
  damaged[MIB + 999]! ^= 1
  const proofs = new BlockProofs()
  const { part, reads } = holding(damaged)
  t.deepEqual(await proofs.compare(entry, saying(0, ...DIGESTS), part), [1, LAST])
  // as many together as have 1 MiB
  t.deepEqual(reads, [
    [0, MIB],
    [MIB, 1000],
  ])
  // what was proved need not be read again; what was not may have been mended since
  t.deepEqual(await proofs.compare(entry, saying(0, ...DIGESTS), part), [1, LAST])
  t.deepEqual(
    reads.slice(2).map(([position]) => position),
    [BLOCK, LAST * BLOCK],
  )
  t.is(proofs.digest(entry), undefined, 'a block that is not proved is none of the file')
})

test('the digest of a file is that of what stands here, not that of what the sender says', async (t) => {
  const proofs = new BlockProofs()
  t.deepEqual(await proofs.compare(entry, saying(0, ...DIGESTS), undefined), ALL)
  t.is(proofs.digest(entry), undefined)
  proofs.note(entry, saying(0, WRONG, ...DIGESTS.slice(1)))
  t.deepEqual(await proofs.compare(entry, saying(0, ...DIGESTS), undefined), [0])
  t.notDeepEqual(proofs.digest(entry), digestOf('blocks', CONTENT))
})

test('what cannot be read is not what it should be: no part, no way to read, too short, a disk that fails', async (t) => {
  const { part } = holding(CONTENT)
  const { read: _, ...rest } = part
  const mute: Pick<Part, 'read'> = rest as Part
  const short = holding(CONTENT.subarray(0, CONTENT.length - 1)).part
  const failing: Part = { ...part, read: () => Promise.reject(new Error('EIO')) }
  const broken: Part = {
    ...part,
    read(position, into) {
      if (position < 4 * BLOCK && position + into.length > 3 * BLOCK) throw new Error('EIO')
      return part.read!(position, into)
    },
  }
  for (const [one, differ] of [
    [undefined, ALL],
    [mute, ALL],
    [failing, ALL],
    [short, [LAST]],
    [broken, [3]],
    [part, []],
  ] as const)
    t.deepEqual(await new BlockProofs().compare(entry, saying(0, ...DIGESTS), one), differ)
})

test('who does not wait any more stops the reading', async (t) => {
  const { part, reads } = holding(CONTENT)
  const stop = new AbortController()
  const stopping: Part = {
    ...part,
    read(position, into) {
      stop.abort(new Error('enough'))
      return part.read!(position, into)
    },
  }
  await t.throwsAsync(new BlockProofs().compare(entry, saying(0, ...DIGESTS), stopping, stop.signal), {
    message: 'enough',
  })
  t.is(reads.length, 1)
})

test('files that have their outcome are forgotten, and others not', (t) => {
  const proofs = new BlockProofs()
  const { entries } = offerOf([CONTENT.length, CONTENT.length])
  for (const one of entries) proofs.note(one, { ...saying(0, ...DIGESTS), index: one.index })
  proofs.drop(0, 0)
  t.is(proofs.digest(entries[0]!), undefined)
  t.deepEqual(proofs.digest(entries[1]!), digestOf('blocks', CONTENT))
})

test('the memory for what is read back is used again, but for what a read that failed may still write to', async (t) => {
  const proofs = new BlockProofs()
  const used: ArrayBufferLike[] = []
  let late: Buffer | undefined
  const part = {
    ...holding(CONTENT).part,
    read(position: number, into: Buffer) {
      used.push(into.buffer)
      if (used.length === 3) late = into
      if (used.length === 3) throw new Error('not now')
      late?.fill(0)
      CONTENT.copy(into, 0, position)
    },
  }
  for (let at = 0; at < 6; at++)
    t.deepEqual(await proofs.compare(entry, saying(at, DIGESTS[at]!), part), at === 2 ? [2] : [])
  t.is(used[1], used[0])
  t.is(used[2], used[0])
  t.not(used[3], used[0])
  t.is(used[5], used[3])
})
