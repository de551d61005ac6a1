import test, { type ExecutionContext } from 'ava'
import { BLOCK_DIGEST_LENGTH } from '../../../lib/digest/blocks.js'
import { createDigest, digestOf } from '../../../lib/digest/digests.js'
import { FileDigests } from '../../../lib/stages/hash-tap/file-digests.js'
import { piecesOf, randomContent } from '../../../lib/testing/splits.js'
import { Plan } from '../../../lib/transfer/plan.js'
import type { Entry } from '../../../lib/wire/entry.js'
import { offerOf } from '../../helpers/plan-model.js'

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024
/** 16 blocks, and one of 1,000 bytes. */
const CONTENT = randomContent(MIB + 1000)
const SIZE = CONTENT.length
const DIGESTS = piecesOf(CONTENT, BLOCK).map((block) => digestOf('blake3', block))

const fileOf = (size: number | null) => offerOf([size]).entries[0]!
const open = () => false

function take(
  files: FileDigests,
  entry: Entry,
  start: number,
  end: number,
  more: { isProof?: boolean; ends?: boolean } = {},
) {
  const { isProof = false, ends = end === entry.size } = more
  return files.take(entry, {
    offset: start,
    buffers: piecesOf(CONTENT.subarray(start, end), 100_000),
    ends,
    isProof,
  })
}

/** What is said of blocks. */
function same(t: ExecutionContext, said: ReturnType<typeof take>, first: number, count: number): void {
  const digests = Buffer.concat(DIGESTS.slice(first, first + count))
  t.deepEqual(said.said, { kind: 'blocks', index: 0, first, digests })
}

test('by blocks, a file has its digest when all of it has passed, in any order, and may be asked for it again', (t) => {
  const files = new FileDigests('blocks', open)
  const entry = fileOf(SIZE)
  const last = take(files, entry, MIB, SIZE)
  same(t, last, 16, 1)
  t.is(last.digest, undefined)
  same(t, take(files, entry, 0, BLOCK), 0, 1)
  t.is(files.of(0), undefined)
  // blocks that end in one piece are said together
  same(t, take(files, entry, 2 * BLOCK, MIB), 2, 14)
  t.is(files.of(0), undefined)
  const end = take(files, entry, BLOCK, 2 * BLOCK)
  same(t, end, 1, 1)
  // only who says that the file ends waits for the digest
  t.deepEqual(end.digest ?? files.of(0), digestOf('blocks', CONTENT))
  t.deepEqual(files.of(0), digestOf('blocks', CONTENT))
})

test('by blocks, of a file of one block nothing is said but its digest; for proof, its block', (t) => {
  for (const size of [1, 1000, MIB]) {
    const files = new FileDigests('blocks', open)
    const said = take(files, fileOf(size), 0, size)
    t.is(said.said, undefined)
    t.deepEqual(said.digest, digestOf('blake3', CONTENT.subarray(0, size)))
    t.deepEqual(files.of(0), said.digest)
    const proof = take(files, fileOf(size), 0, size, { isProof: true })
    t.like(proof.said, { digests: digestOf('blake3', CONTENT.subarray(0, size)) })
  }
})

test('by blocks, of a file of unknown size nothing is said but its digest in the end', (t) => {
  const files = new FileDigests('blocks', open)
  const entry = fileOf(null)
  t.deepEqual(take(files, entry, 0, MIB), {})
  t.deepEqual(take(files, entry, MIB, SIZE), {})
  const end = files.take(entry, { offset: SIZE, buffers: [], ends: true, isProof: false })
  // whose blocks have 1 MiB
  t.deepEqual(end, { digest: createDigest('blocks', null).update(CONTENT).digest() })
})

test('by another algorithm blocks are said only for proof, and the digest needs all bytes in order', (t) => {
  const files = new FileDigests('sha256', open)
  const entry = fileOf(SIZE)
  t.deepEqual(take(files, entry, 0, BLOCK), {})
  // what is read for proof belongs to the content as well
  same(t, take(files, entry, BLOCK, 2 * BLOCK, { isProof: true }), 1, 1)
  t.deepEqual(take(files, entry, 2 * BLOCK, SIZE), { digest: digestOf('sha256', CONTENT) })
  t.deepEqual(files.of(0), digestOf('sha256', CONTENT))
  // again: a block for proof is no whole file, and the digest stays what it was
  const again = take(files, entry, BLOCK, 2 * BLOCK, { isProof: true })
  same(t, again, 1, 1)
  t.is(again.digest, undefined)
  t.deepEqual(files.of(0), digestOf('sha256', CONTENT))
  const other = new FileDigests('sha256', open)
  take(other, entry, BLOCK, 2 * BLOCK)
  take(other, entry, 0, BLOCK)
  t.is(take(other, entry, 2 * BLOCK, SIZE).digest, undefined)
  t.is(other.of(0), undefined)
})

test('a damaged block that passes again gives another digest, by blocks', (t) => {
  const files = new FileDigests('blocks', open)
  const entry = fileOf(SIZE)
  const damaged = Buffer.from(CONTENT)
  damaged[5]! ^= 1
  files.take(entry, { offset: 0, buffers: [damaged], ends: true, isProof: false })
  t.deepEqual(files.of(0), digestOf('blocks', damaged))
  same(t, take(files, entry, 0, BLOCK), 0, 1)
  t.deepEqual(files.of(0), digestOf('blocks', CONTENT))
})

/** Counts what is asked, which is once for each file that is remembered. */
function counting() {
  const plan = new Plan()
  const offer = offerOf(Array(10_000).fill(MIB + 1))
  plan.add(offer)
  plan.want(10_000)
  let asked = 0
  const isClosed = (index: number) => {
    asked++
    return plan.isClosed(index)
  }
  return { plan, entries: offer.entries, isClosed, asked: () => asked }
}

test('files that have their outcome are forgotten: of very many, few are remembered, and few are looked at', (t) => {
  for (const algorithm of ['blocks', 'sha256']) {
    const { plan, entries, isClosed, asked } = counting()
    const files = new FileDigests(algorithm, isClosed)
    const tiny = Buffer.from('x')
    for (const entry of entries) {
      // its last block is enough: it is remembered in case that it is asked for again
      files.take(entry, { offset: MIB, buffers: [tiny], ends: true, isProof: true })
      plan.close(entry.index)
    }
    t.true(asked() <= 2 * entries.length, `${algorithm}: ${asked()}`)
    t.true(asked() >= entries.length - 200, 'all but a few were asked about, and let go')
  }
})

test('files that have no outcome yet are remembered, however many, and are not looked at each time', (t) => {
  const { entries, isClosed, asked } = counting()
  const files = new FileDigests('blocks', isClosed)
  for (const entry of entries)
    files.take({ ...entry, size: 1 }, { offset: 0, buffers: [Buffer.from('x')], ends: true, isProof: false })
  for (const { index } of entries) t.is(files.of(index)?.length, BLOCK_DIGEST_LENGTH)
  t.true(asked() <= 4 * entries.length, String(asked()))
})
