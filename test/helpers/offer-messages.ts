import { createHash } from 'node:crypto'
import type { Offer } from '../../lib/wire/entry.js'
import { HEADER_BYTES } from '../../lib/wire/frames.js'
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js'
import { type ManifestReader, offerFrames } from '../../lib/wire/manifest.js'
import { decodeMessage, encodeMessage, type Message } from '../../lib/wire/messages.js'

export const payloadOf = (message: Message): Buffer => encodeMessage(message).subarray(HEADER_BYTES)

/** What says an offer, as messages. */
export function* offerMessages(offer: Offer): Generator<Message> {
  for (const frame of offerFrames(offer))
    yield decodeMessage(frame[0]!, frame.subarray(HEADER_BYTES), DEFAULT_LIMITS)
}

/** Messages that a test made up of a sealed offer, and behind them the digest that they have. */
export function closed(offer: Message, ...pages: Message[]): Message[] {
  const messages = [{ ...offer, sealed: true } as Message, ...pages]
  const hash = createHash('sha256')
  for (const message of messages) hash.update(payloadOf(message))
  return [...messages, { type: 'entries', entries: [], digest: hash.digest() }]
}

/** Has a reader take in messages of offers; gives the last offer that was complete. */
export function readOffers(reader: ManifestReader, messages: Iterable<Message>): Offer | undefined {
  let offer: Offer | undefined
  for (const message of messages) {
    if (message.type === 'offer') offer = reader.offer(message, payloadOf(message))
    if (message.type === 'entries') offer = reader.entries(message, payloadOf(message))
  }
  return offer
}
