import test from 'ava'
import fc from 'fast-check'
import { isSluiceError } from '../../lib/errors.js'
import type { Offer, OfferEnd, WireEntry } from '../../lib/wire/entry.js'
import { HEADER_BYTES } from '../../lib/wire/frames.js'
import { DEFAULT_LIMITS, type Limits } from '../../lib/wire/limits.js'
import { ManifestReader, OfferFrames } from '../../lib/wire/manifest.js'
import { decodeMessage, encodeMessage, type Message } from '../../lib/wire/messages.js'
import { makeOffer } from '../helpers/make-offer.js'
import { closedBy, offerMessages, readOffers } from '../helpers/offer-messages.js'
import { scale } from '../helpers/scale.js'

const HEAD = { id: '0123456789abcdef0123456789abcdef', name: 'x', algorithm: 'sha256', open: true as const }
const file = (path: string, size: number | null = 1): WireEntry => ({
  type: 'file',
  path,
  size,
  mtime: 0,
  mode: 0o644,
})
const folder = (path: string): WireEntry => ({ type: 'directory', path, size: 0, mtime: 0, mode: 0o755 })

function read(
  messages: Iterable<Message>,
  limits: Partial<Limits> = {},
  reader?: ManifestReader,
): Offer | undefined {
  const into = reader ?? new ManifestReader({ ...DEFAULT_LIMITS, ...limits }, { platform: 'linux' })
  return readOffers(into, messages)
}

const messagesOf = (...entries: WireEntry[]) => [...offerMessages(makeOffer(HEAD, entries))]

test('an offer comes out as it went in: both sides compute the same positions', (t) => {
  const sizes = fc.array(fc.nat(1e9), { maxLength: 1200 })
  fc.assert(
    fc.property(sizes, (list) => {
      const offer = makeOffer(
        HEAD,
        list.map((size, i) => file(`d/${i}`, size)),
      )
      t.deepEqual(read(offerMessages(offer)), offer)
      let end = 0
      for (const { start, size } of offer.entries) {
        if (start !== end) return false
        end += size!
      }
      return offer.bytes === end
    }),
    { numRuns: 20 },
  )
})

test('attached files go on where those before ended', (t) => {
  const reader = new ManifestReader()
  const first = makeOffer(HEAD, [file('a', 5), folder('d')])
  t.deepEqual(read(offerMessages(first), {}, reader), first)
  const second = makeOffer(HEAD, [file('d/b', 7)], { first: 2, position: 5 })
  t.deepEqual(read(offerMessages(second), {}, reader), second)
  const after = { first: 3, position: 12 }
  const attached = (head: typeof HEAD, entry: WireEntry) => {
    const attaching = new ManifestReader()
    read(offerMessages(first), {}, attaching)
    return read(offerMessages(makeOffer(head, [entry], after)), {}, attaching)
  }
  const code = 'ERR_PROTOCOL'
  t.throws(() => attached(HEAD, file('a')), { code, message: /twice/ })
  t.throws(() => attached({ ...HEAD, id: 'f'.repeat(32) }, file('z')), { code, message: /another id/ })
  t.throws(() => attached({ ...HEAD, algorithm: 'blake3' }, file('z')), { code, message: /algorithm/ })
})

test('an offer of nothing is complete at once', (t) => {
  t.is(read(messagesOf())!.entries.length, 0)
})

test('a page of entries takes at most 60 KB, whatever is in it', (t) => {
  const text = fc.string({ minLength: 1, maxLength: 4096 })
  const entry = fc.record({
    type: fc.constant('symlink' as const),
    path: text,
    size: fc.constant(0),
    mtime: fc.maxSafeInteger(),
    mode: fc.nat(0o7777),
    target: text,
  })
  fc.assert(
    fc.property(fc.array(entry, { minLength: 500, maxLength: 520, size: 'max' }), (entries) =>
      messagesOf(...entries).every((message) => encodeMessage(message).length - HEADER_BYTES <= 60 * 1024),
    ),
    { numRuns: 10 },
  )
  t.pass()
})

test('a page of entries stays below the limit that holds before the handshake', (t) => {
  const entries = Array.from({ length: 2000 }, (_, i) => file(`${'long/'.repeat(50)}${i}`))
  for (const message of messagesOf(...entries))
    t.true(encodeMessage(message).length < DEFAULT_LIMITS.handshakeMessage)
  const longest = Array.from({ length: 50 }, (_, i) => file(`${`${'n'.repeat(254)}/`.repeat(15)}${i}`))
  for (const message of messagesOf(...longest))
    t.true(encodeMessage(message).length < DEFAULT_LIMITS.handshakeMessage)
})

test('what stands below a folder need not come after it, and a folder need not be there', (t) => {
  t.is(read(messagesOf(file('a/b'), folder('a'), file('c/d/e')))!.entries.length, 3)
})

test('an offer that says at its end what it is not is refused', (t) => {
  const [offer, page] = messagesOf(file('a', 5), file('b', 5)) as [Message, Message]
  const reading = (lie: Partial<OfferEnd>) => () => read(closedBy(lie, offer, page))
  t.is(reading({})()!.entries.length, 2)
  for (const count of [0, 1, 3])
    t.throws(reading({ count }), { code: 'ERR_PROTOCOL', message: /sent 2 entries/ })
  for (const bytes of [0, 9, 11]) t.throws(reading({ bytes }), { code: 'ERR_PROTOCOL', message: /10 bytes/ })
  t.throws(reading({ digest: Buffer.alloc(32) }), { code: 'ERR_CORRUPT' })
})

test('an offer is complete at its end, and not before', (t) => {
  const [offer, page, end] = messagesOf(file('a', 5)) as [Message, Message, Message]
  t.is(read([offer, page]), undefined)
  t.is(read([offer, page, end])!.entries.length, 1)
  t.throws(() => read([offer, end]), { code: 'ERR_CORRUPT' })
})

test('what is known of an offer can be said while it is still being made', (t) => {
  const offer = makeOffer(HEAD, [])
  const frames = new OfferFrames(offer)
  const said = [...frames.known()]
  for (let n = 0; n < 700; n++) {
    offer.entries.push(...makeOffer(HEAD, [file(`${n}`)], { first: n, position: n }).entries)
    offer.bytes++
    if (n === 300 || n === 600) said.push(...frames.known())
  }
  said.push(...frames.rest())
  const messages = said.map((frame) => decodeMessage(frame[0]!, frame.subarray(HEADER_BYTES), DEFAULT_LIMITS))
  t.deepEqual(
    messages.map((message) => (message.type === 'entries' ? message.entries.length : message.type)),
    ['offer', 500, 200, 0],
  )
  t.deepEqual(read(messages), offer)
})

test('whatever bit changes on the way, no other offer comes out', (t) => {
  const offer = makeOffer(HEAD, [file('a', 5), folder('folder'), file('folder/b', 300), file('z')])
  const frames = [...new OfferFrames(offer).rest()]
  const payloads = frames.map((frame) => frame.subarray(HEADER_BYTES))
  for (const [n, payload] of payloads.entries())
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const changed = Buffer.from(payload)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const reader = new ManifestReader(DEFAULT_LIMITS, { platform: 'linux' })
      const reading = () => {
        let read: Offer | undefined
        for (const [i, frame] of frames.entries()) {
          const bytes = i === n ? changed : payloads[i]!
          const message = decodeMessage(frame[0]!, bytes, DEFAULT_LIMITS)
          if (message.type === 'offer') reader.offer(message, bytes)
          if (message.type === 'entries') read = reader.entries(message, bytes)
        }
        return read
      }
      const error = t.throws(reading, { any: true }, `bit ${bit} of ${frames[n]![0]}`)
      if (!isSluiceError(error)) t.fail(`bit ${bit}: ${error}`)
    }
})

test('an offer comes in one order only: announced, then its entries, then the next', (t) => {
  const [offer, page, end] = messagesOf(file('a', 5)) as [Message, Message, Message]
  t.throws(() => read([page]), { code: 'ERR_PROTOCOL', message: /no offer announced/ })
  t.throws(() => read([offer, offer]), { code: 'ERR_PROTOCOL', message: /before the entries/ })
  t.throws(() => read([offer, page, page]), { code: 'ERR_PROTOCOL', message: /twice/ })
  t.throws(() => read([offer, page, end, page]), { code: 'ERR_PROTOCOL', message: /no offer announced/ })
})

test('what follows an unknown size has no position, and is refused', (t) => {
  const reader = new ManifestReader()
  t.is(read(messagesOf(file('a', 5), file('-', null)), {}, reader)!.entries.length, 2)
  t.throws(() => read(messagesOf(file('b')), {}, reader), { code: 'ERR_PROTOCOL', message: /no position/ })
})

test('the limits are those of all offers of a transfer together', (t) => {
  const limits = { ...DEFAULT_LIMITS, entries: 3 }
  const reader = new ManifestReader(limits)
  read(messagesOf(file('a'), file('b')), {}, reader)
  t.throws(() => read(messagesOf(file('c'), file('d')), {}, reader), {
    code: 'ERR_LIMIT',
    message: /4 entries/,
  })
  const bytes = new ManifestReader(limits)
  read(messagesOf(file('a', 2 ** 53 - 1)), {}, bytes)
  t.throws(() => read(messagesOf(file('b')), {}, bytes), { code: 'ERR_PROTOCOL', message: /2\^53/ })
})

test('folders that are only implied count as entries: a deep path makes many', (t) => {
  const deep = Array.from({ length: 100 }, (_, i) => file(`${i}/`.repeat(63).concat('f')))
  t.throws(() => read(messagesOf(...deep), { entries: 6000 }), {
    code: 'ERR_LIMIT',
    message: /6000 files and folders/,
  })
  t.is(read(messagesOf(...deep), { entries: 6400 })!.entries.length, 100)
})

test('which paths can stand together does not depend on their order', (t) => {
  const names = fc
    .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 })
    .map((list) => list.join('/'))
  const entry = fc.tuple(names, fc.boolean()).map(([path, isFile]) => (isFile ? file(path) : folder(path)))
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 5 }), (entries) => {
      const paths = entries.map(({ path }) => path)
      const apart = new Set(paths).size === paths.length
      const files = entries.filter(({ type }) => type === 'file')
      const fine = apart && !files.some(({ path }) => paths.some((other) => other.startsWith(`${path}/`)))
      const taken = (list: WireEntry[]) => {
        try {
          return read(messagesOf(...list)) !== undefined
        } catch {
          return false
        }
      }
      return taken(entries) === fine && taken(entries.toReversed()) === fine
    }),
    { numRuns: scale(500, 20_000) },
  )
  t.pass()
})

test('100,000 entries are encoded, decoded and read in well under a second each', (t) => {
  const entries = Array.from({ length: 100_000 }, (_, i) => file(`folder ${i % 300}/deeper/file ${i}`, i))
  const started = performance.now()
  const frames = messagesOf(...entries).map(encodeMessage)
  const messages = frames.map((frame) =>
    decodeMessage(frame[0]!, frame.subarray(HEADER_BYTES), DEFAULT_LIMITS),
  )
  t.is(read(messages)!.entries.length, 100_000)
  // The bound is wide, since the machine may be busy: what is quadratic takes minutes.
  t.true(performance.now() - started < 10_000)
})

test('an offer that takes too much memory before anybody accepted it is read to its end and refused', (t) => {
  const files = Array.from({ length: 2000 }, (_, n) => file(`${n}/${'n'.repeat(100)}`))
  const deep = Array.from({ length: 100 }, (_, n) => file(`${n}/${'d/'.repeat(40)}f`))
  for (const entries of [files, deep, [...files, folder('last')]]) {
    const messages = messagesOf(...entries)
    t.is(read(messages, { unaccepted: 1e7 })?.entries.length, entries.length)
    const reader = new ManifestReader({ ...DEFAULT_LIMITS, unaccepted: 200_000 }, { platform: 'linux' })
    t.is(read(messages.slice(0, -1), {}, reader), undefined)
    t.throws(() => read(messages.slice(-1), {}, reader), { code: 'ERR_LIMIT', message: /unaccepted/ })
  }
})
