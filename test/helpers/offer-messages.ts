import { createHash } from 'node:crypto'
import type { Offer, OfferEnd } from '../../lib/wire/entry.js'
import { HEADER_BYTES } from '../../lib/wire/frames.js'
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js'
import { type ManifestReader, OfferFrames } from '../../lib/wire/manifest.js'
import { decodeMessage, encodeMessage, type Message } from '../../lib/wire/messages.js'

export const payloadOf = (message: Message): Buffer => encodeMessage(message).subarray(HEADER_BYTES)

/** What says an offer, as messages. */
export function* offerMessages(offer: Offer): Generator<Message> {
  for (const frame of new OfferFrames(offer).rest())
    yield decodeMessage(frame[0]!, frame.subarray(HEADER_BYTES), DEFAULT_LIMITS)
}

/** Messages that a test made up of an offer, and behind them the end that they have. */
export const closed = (...messages: Message[]): Message[] => closedBy({}, ...messages)

/** The same with an end of which some is not true. */
export function closedBy(lie: Partial<OfferEnd>, ...messages: Message[]): Message[] {
  const hash = createHash('sha256')
  for (const message of messages) hash.update(payloadOf(message))
  const entries = messages.flatMap((message) => (message.type === 'entries' ? message.entries : []))
  const bytes = entries.reduce((sum, { size }) => sum + (size ?? 0), 0)
  const end = { count: entries.length, bytes, digest: hash.digest(), ...lie }
  return [...messages, { type: 'entries', entries: [], end }]
}

/** Has a reader take in messages of offers; gives the last offer that was complete. */
export function readOffers(reader: ManifestReader, messages: Iterable<Message>): Offer | undefined {
  let offer: Offer | undefined
  for (const message of messages) {
    if (message.type === 'offer') reader.offer(message, payloadOf(message))
    if (message.type === 'entries') offer = reader.entries(message, payloadOf(message))
  }
  return offer
}
