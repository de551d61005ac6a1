import test from 'ava'
import fc from 'fast-check'
import { MOST_BLOCKS } from '../../lib/digest/blocks.js'
import { LONGEST_CHUNK, MOST_CHUNKED } from '../../lib/digest/chunks.js'
import { isSluiceError, type SluiceError } from '../../lib/errors.js'
import { packChunks } from '../../lib/wire/chunk-records.js'
import { HEADER_BYTES, isTalk } from '../../lib/wire/frames.js'
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js'
import { decodeMessage, encodeMessage, type Message } from '../../lib/wire/messages.js'
import { pack } from '../../lib/wire/msgpack.js'
import { scale } from '../helpers/scale.js'

function decode(frame: Buffer): Message {
  return decodeMessage(frame[0]!, frame.subarray(HEADER_BYTES), DEFAULT_LIMITS)
}

const count = fc.maxSafeNat()
const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const secret = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes))
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const code = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,30}$/)
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const defined = <T extends object>(record: T): T =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T

/** An entry among `count` from `first` on, each at most once, ascending. */
const indices = (first: number, count: number) =>
  fc
    .uniqueArray(fc.integer({ min: first, max: first + count - 1 }), { maxLength: 20 })
    .map((list) => list.sort((a, b) => a - b))

/** A range of as many entries as a message may be about; it may begin as far as there are numbers. */
const range = fc
  .tuple(fc.oneof(fc.nat(1000), count), fc.integer({ min: 1, max: DEFAULT_LIMITS.list }))
  .map(([first, length]) => ({
    first,
    count: Math.max(1, Math.min(length, Number.MAX_SAFE_INTEGER - first)),
  }))
  .filter(({ first, count }) => Number.isSafeInteger(first + count))

const digests = fc
  .record({ first: count, count: fc.integer({ min: 1, max: 40 }), length: fc.integer({ min: 1, max: 64 }) })
  .filter(({ first, count }) => Number.isSafeInteger(first + count))
  .chain(({ first, count, length }) =>
    fc
      .record({
        bytes: fc.uint8Array({ minLength: count * length, maxLength: count * length }),
        said: indices(first, count).chain((list) =>
          fc.tuple(...list.map((index) => fc.tuple(fc.constant(index), fc.oneof(code, fc.nat())))),
        ),
      })
      .map(({ bytes, said }): Message => {
        const failures = new Map(said.filter((pair): pair is [number, string] => typeof pair[1] === 'string'))
        const sizes = new Map(said.filter((pair): pair is [number, number] => typeof pair[1] === 'number'))
        for (const index of failures.keys())
          bytes.fill(0, (index - first) * length, (index - first + 1) * length)
        return {
          type: 'digests',
          first,
          count,
          bytes: Buffer.from(bytes),
          ...(failures.size > 0 && { failures }),
          ...(sizes.size > 0 && { sizes }),
        }
      }),
  )

const status = fc.constantFrom('published' as const, 'skipped' as const, 'failed' as const)

const outcomes = range.chain(({ first, count }) =>
  fc
    .record({
      type: fc.constant('outcomes' as const),
      first: fc.constant(first),
      count: fc.constant(count),
      status,
      code: optional(code),
      except: indices(first, count).chain((list) =>
        fc.tuple(
          ...list.map((index) =>
            fc
              .record({ index: fc.constant(index), status, name: optional(text), code: optional(code) })
              .map(defined),
          ),
        ),
      ),
    })
    .map(defined),
)

/** Runs of blocks: ascending, apart. */
const runs = fc
  .uniqueArray(fc.nat(500), { minLength: 2, maxLength: 20 })
  .map((list) => list.sort((a, b) => a - b).flatMap((at) => [2 * at, 1]))

const plan = fc.record({
  type: fc.constant('plan' as const),
  first: fc.nat(2 ** 50),
  plan: fc.array(
    fc.oneof(
      fc.record({
        count: fc.integer({ min: 1, max: Math.floor(DEFAULT_LIMITS.list / 50) }),
        kind: fc.constantFrom('skip' as const, 'all' as const),
      }),
      fc.constant({ count: 1, kind: 'chunks' as const }),
      fc.record({ count: fc.constant(1), kind: fc.constant('prove' as const), blocks: runs }),
    ),
    { minLength: 1, maxLength: 50 },
  ),
})

const blocks = fc
  .record({ index: count, first: fc.nat(MOST_BLOCKS - 40), digests: fc.integer({ min: 1, max: 40 }) })
  .map(({ digests, ...rest }) => ({
    type: 'blocks' as const,
    ...rest,
    digests: Buffer.alloc(digests * 32, 1),
  }))

const chunks = fc.record({
  type: fc.constant('chunks' as const),
  index: count,
  offset: fc.nat({ max: MOST_CHUNKED - 40 * LONGEST_CHUNK }),
  chunks: fc
    .array(fc.integer({ min: 1, max: LONGEST_CHUNK }), { minLength: 1, maxLength: 40 })
    .map((lengths) => packChunks(lengths.map((length) => ({ length, digest: Buffer.alloc(32, length) })))),
})

const MESSAGES: fc.Arbitrary<Message> = fc
  .oneof(
    fc.record({
      type: fc.constant('offer' as const),
      id: fc.stringMatching(/^[0-9a-f]{32}$/),
      name: text,
      algorithm: fc.constantFrom('sha256', 'blake3', 'RSA-SHA512/256'),
    }),
    fc.record({
      type: fc.constant('entries' as const),
      entries: fc.constant([]),
      end: fc.record({ count, bytes: count, digest: fc.nat(255).map((byte) => Buffer.alloc(32, byte)) }),
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
    digests,
    plan,
    outcomes,
    blocks,
    chunks,
    fc
      .record({
        type: fc.constant('want' as const),
        index: count,
        send: optional(runs),
        prove: optional(runs),
      })
      .map(defined),
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
        resume: optional(fc.record({ id: fc.stringMatching(/^[0-9a-f]{32}$/), secret })),
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
    fc
      .record({
        type: fc.constant('answer' as const),
        offer: count,
        accept: fc.constant(true),
        secret: optional(secret),
      })
      .map(defined),
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

/** The same message from somebody who says no check: all that is refused then is refused for itself. */
function unchecked(frame: Buffer): Buffer {
  if (!isTalk(frame[0]!)) return frame
  const without = Buffer.from(frame.subarray(0, -CHECK_KEY_BYTES))
  without[HEADER_BYTES]!--
  without.writeUInt32BE(without.length - HEADER_BYTES, 1)
  return without
}
/** The key and its value, at the end of a map of a few keys. */
const CHECK_KEY_BYTES = 12

test('a message is the same without a check, which is said of the conversation only', (t) => {
  fc.assert(
    fc.property(MESSAGES, (message) => {
      const frame = encodeMessage(message)
      t.is(frame.includes('check'), isTalk(frame[0]!) || JSON.stringify(message).includes('check'))
      t.deepEqual(decode(unchecked(frame)), decode(frame))
    }),
    { numRuns: scale(200, 10_000) },
  )
})

test('a bit of the conversation that changed on its way is never taken for what was said', (t) => {
  const talk = MESSAGES.map((message) => encodeMessage(message)).filter((frame) => isTalk(frame[0]!))
  fc.assert(
    fc.property(talk, fc.nat(), (frame, at) => {
      const bit = at % ((frame.length - HEADER_BYTES + 1) * 8)
      // the type, or any byte of the payload: what becomes of a wrong length is the matter of the frames
      const byte = bit < 8 ? 0 : HEADER_BYTES - 1 + (bit >> 3)
      frame[byte]! ^= 1 << (bit & 7)
      const error = t.throws(() => decode(frame)) as SluiceError
      t.true(['ERR_CORRUPT', 'ERR_PROTOCOL', 'ERR_LIMIT'].includes(error.code), error.code)
    }),
    { numRuns: scale(2000, 200_000) },
  )
})

test('what a check says that does not fit is refused with a way out, and so is a check of what is no conversation', (t) => {
  const frame = encodeMessage({ type: 'want', index: 3 })
  frame[frame.length - 1]! ^= 1
  t.throws(() => decode(frame), { code: 'ERR_CORRUPT', message: /want.*changed on its way.*run it again/ })
  const end = Buffer.concat([Buffer.from([5, 0, 0, 0, 0]), pack({ check: Buffer.alloc(4) })])
  t.throws(() => decode(end), { code: 'ERR_PROTOCOL', message: /unknown key check/ })
  for (const check of [null, 'text', Buffer.alloc(0), { a: 1 }]) {
    const ping = Buffer.concat([Buffer.from([0x27, 0, 0, 0, 0]), pack({ check })])
    t.throws(() => decode(ping), { code: 'ERR_CORRUPT' })
  }
})

test('whatever bytes come as a message, it is a message or an error of ours, in constant memory', (t) => {
  const mutated = fc
    .tuple(MESSAGES, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }))
    .map(([message, changes]) => {
      const frame = unchecked(encodeMessage(message))
      for (const [at, byte] of changes) frame[HEADER_BYTES + (at % (frame.length - HEADER_BYTES))] = byte
      return frame
    })
  const random = fc
    .tuple(
      fc.constantFrom(1, 2, 4, 5, 6, 7, 0x20, 0x21, 0x22, 0x23, 0x28, 0x29, 0x2a),
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

test('HOSTILE-INPUT 58: a long error text is cut when it is said, and refused when it is heard', (t) => {
  const said = decode(encodeMessage({ type: 'error', code: 'ERR_WRITE', text: '\u{1f600}'.repeat(10_000) }))
  t.true(said.type === 'error' && Buffer.byteLength(said.text) <= 1024 && said.text.isWellFormed())
  const limits = { ...DEFAULT_LIMITS, errorText: 10 }
  const frame = encodeMessage({ type: 'error', code: 'ERR_WRITE', text: 'more than ten bytes' })
  t.throws(() => decodeMessage(frame[0]!, frame.subarray(HEADER_BYTES), limits), { code: 'ERR_PROTOCOL' })
})

test('names for people are cut to what a peer takes, and made valid', (t) => {
  const hello = decode(encodeMessage({ type: 'hello', version: 1, agent: 'ü'.repeat(200), features: [] }))
  t.like(hello, { agent: 'ü'.repeat(127) })
  const head = { id: '0'.repeat(32), algorithm: 'sha256' }
  const offer = decode(encodeMessage({ type: 'offer', ...head, name: 'a\ud800b' }))
  t.like(offer, { name: 'a\ufffdb' })
  for (const message of [
    { type: 'cancel', reason: 'x'.repeat(2000) },
    { type: 'answer', offer: 0, accept: false, reason: 'x'.repeat(2000) },
  ] as const) {
    t.like(decode(encodeMessage(message)), { reason: 'x'.repeat(1024) })
  }
})

test('the digests of a message hold on to nothing of the payload', (t) => {
  const message: Message = { type: 'digests', first: 0, count: 2, bytes: Buffer.alloc(64, 7) }
  const frame = encodeMessage(message)
  const decoded = decode(frame)
  frame.fill(0)
  t.deepEqual(decoded, message)
  t.true(decoded.type === 'digests' && decoded.bytes.buffer.byteLength === 64)
})

test('a column of digests may be longer than a list: the limit of a message bounds it', (t) => {
  const count = 8 * DEFAULT_LIMITS.list
  const message: Message = { type: 'digests', first: 0, count, bytes: Buffer.alloc(count * 31, 7) }
  t.deepEqual(decode(encodeMessage(message)), message)
  const except = Array.from({ length: DEFAULT_LIMITS.list + 1 }, (_, index) => ({
    index,
    status: 'failed' as const,
  }))
  const frame = encodeMessage({ type: 'outcomes', first: 0, count, status: 'published', except })
  t.throws(() => decode(frame), { code: 'ERR_LIMIT' })
})

test('failures and sizes go out in ascending order, however they were gathered', (t) => {
  const failures: [number, string][] = [
    [7, 'ERR_SOURCE_CHANGED'],
    [9, 'ERR_SOURCE_READ'],
  ]
  const sizes: [number, number][] = [
    [6, 2],
    [8, 1],
  ]
  const head = { type: 'digests' as const, first: 6, count: 4, bytes: Buffer.from('aa00aa00', 'hex') }
  const said = encodeMessage({
    ...head,
    failures: new Map(failures.toReversed()),
    sizes: new Map(sizes.toReversed()),
  })
  t.deepEqual(decode(said), { ...head, failures: new Map(failures), sizes: new Map(sizes) })
})

test('a refusal of a list says what is wrong in it', (t) => {
  const digests = { type: 'digests' as const, first: 4, count: 2, bytes: Buffer.from('ab00', 'hex') }
  const outcomes = { type: 'outcomes' as const, first: 4, count: 2, status: 'published' as const }
  const failed = (index: number) => ({ index, status: 'failed' as const })
  const cases: [Message, RegExp][] = [
    [{ ...digests, count: 3 }, /with 2 bytes for the digests of 3 entries/],
    [{ ...digests, count: 1, bytes: Buffer.alloc(65, 1) }, /with 65 bytes for the digests of 1 entries/],
    [{ ...digests, failures: new Map([[4, 'ERR_X']]) }, /with a digest and a failure of entry 4/],
    [{ ...digests, failures: new Map([[6, 'ERR_X']]) }, /entry 6, which is not among 2 from 4 on/],
    [{ ...digests, sizes: new Map([[3, 0]]) }, /entry 3, which is not among 2 from 4 on/],
    [
      { ...digests, failures: new Map([[5, 'ERR_X']]), sizes: new Map([[5, 0]]) },
      /with a size and a failure of entry 5/,
    ],
    [{ ...digests, first: Number.MAX_SAFE_INTEGER - 1 }, /beyond 2\^53/],
    [{ ...outcomes, except: [failed(5), failed(5)] }, /entry 5 twice, or not in order/],
    [{ ...outcomes, except: [failed(5), failed(4)] }, /entry 4 twice, or not in order/],
    [{ ...outcomes, except: [failed(6)] }, /entry 6, which is not among 2 from 4 on/],
    [{ ...outcomes, first: Number.MAX_SAFE_INTEGER, except: [] }, /beyond 2\^53/],
    [
      {
        type: 'plan',
        first: Number.MAX_SAFE_INTEGER - 9,
        plan: [
          { count: 9, kind: 'all' },
          { count: 1, kind: 'all' },
        ],
      },
      /beyond 2\^53/,
    ],
  ]
  for (const [message, text] of cases)
    t.throws(() => decode(encodeMessage(message)), { code: 'ERR_PROTOCOL', message: text })
})

test('a message about more entries than a list may have is refused, however short it is', (t) => {
  const outcomes = { type: 'outcomes' as const, first: 0, status: 'published' as const, except: [] }
  const all = { count: 1024, kind: 'all' as const }
  for (const more of [0, 1, Number.MAX_SAFE_INTEGER - 4096]) {
    const last = { count: 1024 + more, kind: 'skip' as const }
    for (const message of [
      { ...outcomes, count: 4096 + more },
      { type: 'plan' as const, first: 0, plan: [all, all, all, last] },
    ]) {
      const frame = encodeMessage(message)
      if (more === 0) t.deepEqual(decode(frame), message)
      else t.throws(() => decode(frame), { code: 'ERR_LIMIT', message: /at most 4096/ })
    }
  }
})

test('a kind of a plan that nobody knows is refused', (t) => {
  const frame = unchecked(encodeMessage({ type: 'plan', first: 0, plan: [{ count: 1, kind: 'all' }] }))
  frame[frame.length - 1] = 3
  t.deepEqual(decode(frame), { type: 'plan', first: 0, plan: [{ count: 1, kind: 'chunks' }] })
  frame[frame.length - 1] = 4
  t.throws(() => decode(frame), { code: 'ERR_PROTOCOL', message: /part 1 of item 0/ })
})

test('data is no message', (t) => {
  t.throws(() => decodeMessage(0x03, Buffer.alloc(9), DEFAULT_LIMITS), { code: 'ERR_PROTOCOL' })
})
