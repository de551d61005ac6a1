import { createCipheriv, hkdfSync } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { isSluiceError } from '../../../lib/index.js'
import { ChunkOpener } from '../../../lib/stages/encryption/chunk-opener.js'
import { ChunkSealer } from '../../../lib/stages/encryption/chunk-sealer.js'
import type { ChunkOptions } from '../../../lib/stages/encryption/sealed-stream.js'
import { piecesOf, randomContent } from '../../../lib/testing/index.js'

const key = Buffer.alloc(32, 7)

/** One chunk for each text. */
function seal(texts: readonly Buffer[], options: ChunkOptions): Buffer[] {
  const sealer = new ChunkSealer(key, options)
  return [...texts.flatMap((text) => [...sealer.seal([text])]), sealer.end()]
}

function open(sealed: readonly Buffer[], options: ChunkOptions) {
  const opened: Buffer[] = []
  const opener = new ChunkOpener(key, options)
  let error: unknown
  try {
    for (const bytes of sealed) for (const content of opener.open(bytes)) opened.push(Buffer.from(content))
  } catch (reason) {
    error = reason
  }
  return { opened: Buffer.concat(opened), error, isAtEnd: opener.isAtEnd }
}

test('what is padded comes out as it was, however it is split, and every chunk has a length of the few', (t) => {
  const texts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 600 }), { maxLength: 8 })
  const run = fc.property(texts, fc.integer({ min: 1, max: 700 }), (all, size) => {
    const options = { padding: 256, rekey: 3 }
    const sealed = seal(
      all.map((text) => Buffer.from(text)),
      options,
    )
    for (const chunk of sealed.slice(0, -1)) t.is((chunk.length - 20) % 256, 0)
    t.is(sealed.at(-1)!.length, 20)
    const { opened, error, isAtEnd } = open(piecesOf(Buffer.concat(sealed), size), options)
    t.is(error, undefined)
    t.true(isAtEnd)
    t.true(opened.equals(Buffer.concat(all)))
  })
  fc.assert(run, { numRuns: 50 })
})

test('the largest chunk holds 132 KiB with its padding', (t) => {
  const options = { padding: 4096 }
  const content = randomContent(200_000)
  const sealed = seal([content], options)
  t.deepEqual(
    sealed.map(({ length }) => length - 20),
    [135_168, 65_536, 0],
  )
  t.true(open(sealed, options).opened.equals(content))
})

test('each key seals so many chunks, and the next one opens none of them', (t) => {
  const texts = Array.from({ length: 7 }, (_, at) => Buffer.of(at))
  const sealed = seal(texts, { rekey: 3 })
  t.true(open(sealed, { rekey: 3 }).opened.equals(Buffer.concat(texts)))
  // who knows nothing of it opens what the first key has sealed
  const { opened, error } = open(sealed, {})
  t.true(opened.equals(Buffer.concat(texts.slice(0, 3))))
  t.true(isSluiceError(error, 'ERR_DECRYPT'))
})

test('a chunk that is not padded as was agreed is refused before anything is kept for it', (t) => {
  const { opened, error } = open(seal([Buffer.from('hello')], {}), { padding: 256 })
  t.is(opened.length, 0)
  t.true(isSluiceError(error, 'ERR_DECRYPT'))
})

test('a length that does not fit its chunk is refused, even by who has the key', (t) => {
  for (const length of [0, 254, 2 ** 24 - 1]) {
    const text = Buffer.alloc(256)
    text.writeUIntBE(length, 0, 3)
    const { opened, error } = open(seal([text], {}), { padding: 256 })
    t.is(opened.length, 0)
    t.true(isSluiceError(error, 'ERR_DECRYPT'), String(length))
  }
})

test('chunks are what the description of the format says, put together by hand', (t) => {
  const byHand = (streamKey: Buffer, number: number, kind: number, text: Buffer) => {
    const nonce = Buffer.alloc(12)
    nonce[10] = number
    nonce[11] = kind
    const prefix = Buffer.from([kind, 0, text.length >> 8, text.length & 255])
    const cipher = createCipheriv('chacha20-poly1305', streamKey, nonce, { authTagLength: 16 })
    cipher.setAAD(prefix, { plaintextLength: text.length })
    const sealed = Buffer.concat([cipher.update(text), cipher.final()])
    return Buffer.concat([prefix, sealed, cipher.getAuthTag()])
  }
  const padded = (content: string) =>
    Buffer.concat([Buffer.from([0, 0, content.length]), Buffer.from(content)], 256)
  const first = Buffer.alloc(32, 7)
  const second = Buffer.from(hkdfSync('sha256', first, '', 'sluice rekey', 32))
  const expected = [
    byHand(first, 0, 0, padded('hello')),
    byHand(first, 1, 0, padded('world')),
    byHand(second, 2, 1, Buffer.alloc(0)),
  ]
  const found = seal(
    ['hello', 'world'].map((text) => Buffer.from(text)),
    { padding: 256, rekey: 2 },
  )
  t.deepEqual(found, expected)
})
