import { createHash, getHashes } from 'node:crypto'
import { createRequire } from 'node:module'
import test from 'ava'
import fc from 'fast-check'
import {
  createDigest,
  digestInto,
  digestLength,
  digestOf,
  makeDigests,
  prepareDigest,
} from '../../lib/digest/digests.js'
import { isSluiceError } from '../../lib/index.js'
import { piecesOf, randomContent } from '../../lib/testing/splits.js'
import { scale } from '../helpers/scale.js'

const require = createRequire(import.meta.url)
// the two vectors of the BLAKE3 paper's test file for inputs of 0 and 1 bytes
const BLAKE3_OF_NOTHING = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'
const BLAKE3_OF_ZERO = '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'

const withoutNative = () =>
  makeDigests({
    native() {
      throw new Error('no module for this platform')
    },
    wasm: () => import('hash-wasm'),
  })

test('sha256, blake3 and the others of this machine give the digests that they should', async (t) => {
  const content = randomContent(10_000)
  for (const algorithm of ['sha256', 'sha1', 'sha512', 'md5', 'blake2b512', 'RSA-SHA256']) {
    const expected = createHash(algorithm).update(content).digest()
    t.deepEqual(createDigest(algorithm).update(content).digest(), expected)
    t.deepEqual(digestOf(algorithm, content), expected)
    t.is(digestLength(algorithm), expected.length)
    t.is(createDigest(algorithm).length, expected.length)
  }
  await prepareDigest('blake3')
  t.is(digestOf('blake3', Buffer.alloc(0)).toString('hex'), BLAKE3_OF_NOTHING)
  t.is(createDigest('blake3').update(Buffer.alloc(1)).digest().toString('hex'), BLAKE3_OF_ZERO)
  t.is(digestLength('blake3'), 32)
})

test('a digest is the same for single bytes, for the whole, and for any split', (t) => {
  const content = randomContent(3000)
  for (const algorithm of ['sha256', 'blake3']) {
    const digest = createDigest(algorithm)
    for (const piece of piecesOf(content, 1)) digest.update(piece)
    t.deepEqual(digest.digest(), digestOf(algorithm, content))
  }
})

test('a digest is used up by its result: whoever goes on with it changes no other one', (t) => {
  const used = createDigest('blake3')
  used.digest()
  const others = ['a', 'b'].map((text) => createDigest('blake3').update(Buffer.from(text)))
  t.throws(() => used.update(Buffer.from('x')), { code: 'ERR_STATE' })
  t.throws(() => used.digest(), { code: 'ERR_STATE' })
  const after = createDigest('blake3').update(Buffer.from('c'))
  t.deepEqual(
    [...others, after].map((digest) => digest.digest()),
    ['a', 'b', 'c'].map((text) => digestOf('blake3', Buffer.from(text))),
  )
})

test('digests of contents in any number of buffers are written into their slots of a column, and nowhere else', async (t) => {
  const wasm = withoutNative()
  await wasm.prepareDigest('blake3')
  const contents = [[], [Buffer.alloc(0)], [randomContent(10)], piecesOf(randomContent(5000), 999)]
  for (const [algorithm, into] of [
    ['sha256', digestInto('sha256')],
    ['sha512', digestInto('sha512')],
    ['blake3', digestInto('blake3')],
    ['blake3', wasm.digestInto('blake3')],
  ] as const) {
    const length = digestLength(algorithm)
    const column = Buffer.alloc(length * contents.length + 2, 0xee)
    for (const [i, buffers] of contents.entries()) into(buffers, column, 1 + i * length)
    const expected = contents.map((buffers) => digestOf(algorithm, Buffer.concat(buffers)))
    t.deepEqual(column, Buffer.concat([Buffer.of(0xee), ...expected, Buffer.of(0xee)]), algorithm)
  }
})

test('a content that cannot be read leaves nothing behind in the digest of the next', (t) => {
  const into = digestInto('blake3')
  const column = Buffer.alloc(32)
  t.throws(() => into([Buffer.from('some'), { not: 'bytes' } as unknown as Uint8Array], column, 0))
  into([], column, 0)
  t.is(column.toString('hex'), BLAKE3_OF_NOTHING)
})

test('an unknown algorithm is refused with a list of those that there are', async (t) => {
  for (const name of ['sha257', '', 'SHA256', '__proto__', 'blake3 ', 'a\u001b[31m']) {
    for (const act of [
      () => digestLength(name),
      () => createDigest(name),
      () => digestInto(name),
      () => digestOf(name, Buffer.alloc(0)),
    ]) {
      const error = t.throws(act)
      t.true(isSluiceError(error, 'ERR_UNSUPPORTED'))
      t.regex(error!.message, /blake3, .*sha256/)
      t.false(error!.message.includes('\u001b'))
    }
    t.true(isSluiceError(await t.throwsAsync(prepareDigest(name)), 'ERR_UNSUPPORTED'))
  }
})

test('algorithms of no fixed length are refused, and all others that are listed have one', (t) => {
  for (const name of ['shake128', 'shake256']) {
    if (!getHashes().includes(name)) continue
    const error = t.throws(() => digestLength(name))
    t.true(isSluiceError(error, 'ERR_UNSUPPORTED'))
    t.regex(error!.message, /fixed length/)
  }
  for (const name of getHashes()) {
    let length: number
    try {
      length = digestLength(name)
    } catch (error) {
      t.true(isSluiceError(error, 'ERR_UNSUPPORTED'), name)
      continue
    }
    t.is(createHash(name).digest().length, length, name)
  }
})

test('without its native module, blake3 comes from WebAssembly once it was prepared', async (t) => {
  const digests = withoutNative()
  t.is(digests.digestLength('blake3'), 32)
  const error = t.throws(() => digests.createDigest('blake3'))
  t.true(isSluiceError(error, 'ERR_UNSUPPORTED'))
  t.regex(error!.message, /prepareDigest/)
  await Promise.all([digests.prepareDigest('blake3'), digests.prepareDigest('blake3')])
  await digests.prepareDigest('blake3')
  t.is(digests.digestOf('blake3', Buffer.alloc(0)).toString('hex'), BLAKE3_OF_NOTHING)
})

test('WebAssembly digests that go on by turns do not disturb each other', async (t) => {
  const digests = withoutNative()
  await digests.prepareDigest('blake3')
  const step = fc.record({ of: fc.nat(3), bytes: fc.uint8Array({ maxLength: 3000 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const running = [0, 1, 2, 3].map(() => digests.createDigest('blake3'))
      const content: Uint8Array[][] = [[], [], [], []]
      for (const { of, bytes } of steps) {
        running[of]!.update(bytes)
        content[of]!.push(bytes)
      }
      for (const of of [2, 0, 3, 1]) {
        t.deepEqual(running[of]!.digest(), digestOf('blake3', Buffer.concat(content[of]!)))
      }
    }),
    { numRuns: scale(50, 1000) },
  )
})

test('the native module is loaded when blake3 is first asked for, not before', (t) => {
  let loads = 0
  const digests = makeDigests({
    native() {
      loads++
      return require('@napi-rs/blake-hash')
    },
    wasm: () => Promise.reject(new Error('not needed')),
  })
  digests.createDigest('sha256')
  digests.digestLength('blake3')
  t.is(loads, 0)
  digests.createDigest('blake3')
  digests.digestOf('blake3', Buffer.alloc(1))
  t.is(loads, 1)
})
