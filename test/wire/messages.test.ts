import { readFileSync } from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { isSluiceError } from '../../lib/errors.js'
import { dataHeader, HEADER_BYTES } from '../../lib/wire/frames.js'
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js'
import { decodeMessage, encodeMessage, type Message } from '../../lib/wire/messages.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { scale } from '../helpers/scale.js'

function decode(frame: Buffer): Message {
  return decodeMessage(frame[0]!, frame.subarray(HEADER_BYTES), DEFAULT_LIMITS)
}

const count = fc.maxSafeNat()
const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 }).map((array) => Buffer.from(array))
const code = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,30}$/)
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const defined = <T extends object>(record: T): T =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T

const MESSAGES: fc.Arbitrary<Message> = fc
  .oneof(
    fc.record({
      type: fc.constant('offer' as const),
      id: fc.stringMatching(/^[0-9a-f]{32}$/),
      name: text,
      algorithm: fc.constantFrom('sha256', 'blake3', 'RSA-SHA512/256'),
      entries: count,
      bytes: count,
    }),
    fc.record({
      type: fc.constant('entries' as const),
      entries: fc.array(
        fc
          .record({
            type: fc.constantFrom('file' as const, 'directory' as const, 'symlink' as const),
            path: text,
            size: fc.option(count),
            mtime: fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
            mode: fc.nat(0o7777),
            target: optional(text),
          })
          .map(defined),
        { minLength: 1 },
      ),
    }),
    fc.record({
      type: fc.constant('digests' as const),
      digests: fc.array(
        fc
          .tuple(count, fc.oneof(bytes, code), optional(count))
          .map(([index, said, size]) =>
            defined({ index, ...(typeof said === 'string' ? { failure: said } : { digest: said }), size }),
          ),
        { minLength: 1 },
      ),
    }),
    fc
      .record({
        type: fc.constant('hello' as const),
        version: fc.constant(1),
        agent: text,
        features: fc.array(fc.stringMatching(/^[!-~]{1,64}$/), { maxLength: 64 }),
        limits: optional(
          fc.record(
            { frame: positive, message: positive, entries: positive, manifest: positive },
            { requiredKeys: [] },
          ),
        ),
      })
      .map(defined),
    fc
      .record({
        type: fc.constant('answer' as const),
        offer: count,
        accept: fc.constant(false),
        reason: optional(text),
      })
      .map(defined),
    fc.record({ type: fc.constant('answer' as const), offer: count, accept: fc.constant(true), want: bytes }),
    fc.record({
      type: fc.constant('outcomes' as const),
      outcomes: fc.array(
        fc
          .record({
            index: count,
            status: fc.constantFrom('published' as const, 'skipped' as const, 'failed' as const),
            name: optional(text),
            code: optional(code),
          })
          .map(defined),
        { minLength: 1 },
      ),
    }),
    fc.record({
      type: fc.constant('result' as const),
      status: fc.constantFrom('completed' as const, 'failed' as const),
      published: count,
      skipped: count,
      failed: count,
      bytes: count,
    }),
    fc.record({ type: fc.constant('error' as const), code, text }),
    fc.record({ type: fc.constant('cancel' as const), reason: optional(text) }).map(defined),
    fc.constantFrom('end', 'pause', 'resume', 'ping').map((type) => ({ type }) as Message),
  )
  .map((message) => message as Message)

test('every message comes out as it went in', (t) => {
  fc.assert(
    fc.property(MESSAGES, (message) => {
      t.deepEqual(decode(encodeMessage(message)), message)
    }),
    { numRuns: scale(500, 20_000) },
  )
})

test('whatever bytes come as a message, it is a message or an error of ours, in constant memory', (t) => {
  const mutated = fc
    .tuple(MESSAGES, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }))
    .map(([message, changes]) => {
      const frame = Buffer.from(encodeMessage(message))
      for (const [at, byte] of changes) frame[HEADER_BYTES + (at % (frame.length - HEADER_BYTES))] = byte
      return frame
    })
  const random = fc
    .tuple(
      fc.constantFrom(1, 2, 4, 5, 0x20, 0x21, 0x22, 0x23, 0x28, 0x29),
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
    )
    .map(([type, payload]) => Buffer.concat([Buffer.from([type, 0, 0, 0, 0]), payload]))
  fc.assert(
    fc.property(fc.oneof(mutated, random), (frame) => {
      try {
        const again = decode(frame)
        return again.type.length > 0
      } catch (error) {
        if (!isSluiceError(error)) throw error
        return error.code === 'ERR_PROTOCOL' || error.code === 'ERR_LIMIT'
      }
    }),
    { numRuns: scale(2000, 200_000) },
  )
  t.pass()
})

const OFFER = 1
const hex = (...parts: string[]) => Buffer.from(parts.join(''), 'hex')
/** HOSTILE-INPUT 32 to 38 and their neighbours: the type of the frame, and its payload. */
const REFUSED: [string, number, Buffer][] = [
  ['empty', OFFER, Buffer.alloc(0)],
  ['not a map', OFFER, hex('90')],
  ['0xc1', OFFER, hex('81a26964c1')],
  ['an array of 4 GiB', OFFER, hex('81a26964ddffffffff')],
  ['a map of 4 GiB', OFFER, hex('dfffffffff')],
  ['a text of 4 GiB', OFFER, hex('81a26964dbffffffff')],
  ['binary of 4 GiB', OFFER, hex('81a26964c6ffffffff')],
  ['72 KB of nested arrays', OFFER, Buffer.concat([hex('81a26964'), Buffer.alloc(72_000, 0x91)])],
  ['100,000 nested maps', OFFER, hex('81a161'.repeat(100_000))],
  ['__proto__ as a key', 5, hex('81a95f5f70726f746f5f5f80')],
  ['constructor as a key', 5, hex('81ab636f6e7374727563746f7280')],
  ['a key that is a number', 5, hex('810102')],
  ['a key that is there twice', 0x26, hex('82a6726561736f6ea161a6726561736f6ea162')],
  ['trailing bytes', 5, hex('80c0')],
  ['a message that is cut', 0x26, hex('81a6726561736f6ea5')],
  ['an unknown key', 5, hex('81a16101')],
  ['a missing key', 0x21, hex('81a56f6666657200')],
  ['invalid UTF-8', 0x26, hex('81a6726561736f6ea2c328')],
  ['a lone surrogate', 0x26, hex('81a6726561736f6ea3eda080')],
  ['a float', 0x21, hex('82a56f66666572cb3ff0000000000000a6616363657074c3')],
  ['NaN', 0x21, hex('82a56f66666572cb7ff8000000000000a6616363657074c3')],
  ['a negative number', 0x21, hex('82a56f66666572ffa6616363657074c3')],
  ['a number over 2^53', 0x21, hex('82a56f66666572cfffffffffffffffffa6616363657074c3')],
  ['a number as text', 0x21, hex('82a56f66666572a131a6616363657074c3')],
  ['an extension', 0x26, hex('81a6726561736f6ed40000')],
  ['a time stamp', 0x26, hex('81a6726561736f6ed6ff00000000')],
  ['a record of msgpackr', 0x26, hex('81a6726561736f6ed47240')],
  ['an empty list', 2, hex('81a7656e747269657390')],
  [
    'a type of entry that is not there (a device)',
    2,
    hex('81a7656e74726965739195', '03', 'a161', '00', '00', '00'),
  ],
  ['a signature, before there are any', 0x22, hex('80')],
]
for (const [name, type, payload] of REFUSED) {
  test(`HOSTILE-INPUT 32-38: ${name} is refused`, (t) => {
    const error = t.throws(() => decodeMessage(type, payload, DEFAULT_LIMITS))
    t.true(isSluiceError(error, 'ERR_PROTOCOL') || isSluiceError(error, 'ERR_LIMIT'), String(error))
    t.is(({} as Record<string, unknown>).polluted, undefined)
  })
}

test('HOSTILE-INPUT 58: a long error text is cut when it is said, and refused when it is heard', (t) => {
  const said = decode(encodeMessage({ type: 'error', code: 'ERR_WRITE', text: '\u{1f600}'.repeat(10_000) }))
  t.true(said.type === 'error' && Buffer.byteLength(said.text) <= 1024 && said.text.isWellFormed())
  const limits = { ...DEFAULT_LIMITS, errorText: 10 }
  const frame = encodeMessage({ type: 'error', code: 'ERR_WRITE', text: 'more than ten bytes' })
  t.throws(() => decodeMessage(frame[0]!, frame.subarray(HEADER_BYTES), limits), { code: 'ERR_PROTOCOL' })
})

interface Vector {
  name: string
  message?: Message
  formats?: string[]
  position?: number
  length?: number
  hex: string
}

/** Digests stand as text in the file. */
const revived = (message: Message): Message =>
  JSON.parse(JSON.stringify(message), (key, value) =>
    key === 'digest' || key === 'want' ? Buffer.from(value, 'hex') : value,
  )

const VECTORS: Vector[] = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/wire-vectors.json', import.meta.url), 'utf8'),
)

test('the test vectors of the specification hold in both directions', (t) => {
  t.true(VECTORS.length >= 14)
  for (const { name, message, formats, position, length, hex } of VECTORS) {
    if (position !== undefined) t.is(dataHeader(position, length!).toString('hex'), hex, name)
    if (formats !== undefined) t.is(encodePreface(formats).toString('hex'), hex, name)
    if (message === undefined) continue
    t.is(encodeMessage(revived(message)).toString('hex'), hex, name)
    t.deepEqual(decode(Buffer.from(hex, 'hex')), revived(message), name)
  }
})
