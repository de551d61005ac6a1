import test from 'ava'
import fc from 'fast-check'
import { DEFAULT_LIMITS, type Limits } from '../../lib/wire/limits.js'
import { ManifestReader, makeOffer, type Offer, offerMessages } from '../../lib/wire/manifest.js'
import { encodeMessage, type Message, type WireEntry } from '../../lib/wire/messages.js'
import { bitmapOf, entryAt, isWanted } from '../../lib/wire/positions.js'

const HEAD = { id: '0123456789abcdef0123456789abcdef', name: 'x', algorithm: 'sha256' }
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
  let offer: Offer | undefined
  for (const message of messages) {
    if (message.type === 'offer') offer = into.offer(message)
    if (message.type === 'entries') offer = into.entries(message, encodeMessage(message).length)
  }
  return offer
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
  const twice = makeOffer(HEAD, [file('a')], { first: 3, position: 12 })
  t.throws(() => read(offerMessages(twice), {}, reader), { code: 'ERR_PROTOCOL' })
  const other = makeOffer({ ...HEAD, id: 'f'.repeat(32) }, [file('z')])
  t.throws(() => read(offerMessages(other), {}, reader), { code: 'ERR_PROTOCOL' })
})

test('an offer of nothing is complete at once', (t) => {
  t.is(read(messagesOf())!.entries.length, 0)
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

const REFUSED: [string, WireEntry[], Partial<Limits>?, string?][] = [
  ['HOSTILE-INPUT 1: a path that leaves', [file('../x')], {}, 'ERR_PATH'],
  ['HOSTILE-INPUT 19: the same path twice', [file('a'), file('a')]],
  ['HOSTILE-INPUT 19: a folder twice', [folder('a'), folder('a')]],
  ['HOSTILE-INPUT 20: a file and something below it', [file('a'), file('a/b')]],
  ['HOSTILE-INPUT 20: something and a file above it', [file('a/b/c'), file('a')]],
  [
    'HOSTILE-INPUT 20: a link and something below it',
    [{ ...file('a', 0), type: 'symlink', target: 'b' }, file('a/b')],
  ],
  ['HOSTILE-INPUT 20: a file that is a folder, too', [folder('a'), file('a')]],
  ['HOSTILE-INPUT 33: a sum beyond 2^53', [file('a', 2 ** 53 - 1), file('b', 2)]],
  ['HOSTILE-INPUT 39: a folder with a size', [{ ...folder('a'), size: 1 }]],
  ['HOSTILE-INPUT 39: a link without a target', [{ ...folder('a'), type: 'symlink' }]],
  ['HOSTILE-INPUT 39: a file with a target', [{ ...file('a'), target: 'b' }]],
  ['HOSTILE-INPUT 41: more entries than the limit', [file('a'), file('b')], { entries: 1 }, 'ERR_LIMIT'],
  [
    'HOSTILE-INPUT 41: more bytes of manifest than the limit',
    [file('a'), file('b')],
    { manifest: 20 },
    'ERR_LIMIT',
  ],
  ['an unknown size that is not the last', [file('a', null), file('b')]],
]
for (const [name, entries, limits, code = 'ERR_PROTOCOL'] of REFUSED) {
  test(`${name} is refused`, (t) => {
    t.throws(() => read(messagesOf(...entries), limits), { code })
  })
}

test('an offer that does not keep what it announced is refused', (t) => {
  const [offer, page] = messagesOf(file('a', 5), file('b', 5)) as [Message & { type: 'offer' }, Message]
  t.throws(() => read([{ ...offer, entries: 1 }, page]), { code: 'ERR_PROTOCOL' })
  t.throws(() => read([{ ...offer, bytes: 9 }, page]), { code: 'ERR_PROTOCOL' })
  t.throws(() => read([{ ...offer, bytes: 11 }, page]), { code: 'ERR_PROTOCOL' })
  t.is(read([{ ...offer, entries: 3 }, page]), undefined)
})

test('HOSTILE-INPUT 42: an absurd time is clamped; 25: modes keep their permission bits only', (t) => {
  const odd = { ...file('a'), mtime: Number.MAX_SAFE_INTEGER, mode: 0o6755 }
  const [entry] = read(messagesOf(odd, { ...file('b'), mtime: Number.MIN_SAFE_INTEGER }))!.entries
  t.is(entry!.mode, 0o755)
  t.true(entry!.mtime < 2 ** 44 && !Number.isNaN(new Date(entry!.mtime).getTime()))
})

test('100,000 entries are read in linear time', (t) => {
  const entries = Array.from({ length: 100_000 }, (_, i) => file(`folder ${i % 300}/deeper/file ${i}`))
  t.is(read(messagesOf(...entries))!.entries.length, 100_000)
})

test('the entry that owns a position is found, whatever stands around it', (t) => {
  const { entries } = makeOffer(HEAD, [folder('a'), file('b', 3), file('c', 0), file('d', 2), folder('e')])
  t.deepEqual(
    [0, 2, 3, 4, 5, 9].map((position) => entryAt(entries, position)),
    [1, 1, 3, 3, -1, -1],
  )
})

test('a bitmap holds what is wanted, and nothing beyond it is', (t) => {
  fc.assert(
    fc.property(fc.array(fc.boolean()), (wants) => {
      const bitmap = bitmapOf(wants.length, (index) => wants[index]!)
      return (
        wants.every((want, index) => isWanted(bitmap, index) === want) && !isWanted(bitmap, bitmap.length * 8)
      )
    }),
  )
  t.pass()
})
