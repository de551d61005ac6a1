import { randomBytes } from 'node:crypto'
import { digestLength } from '../../digest/digests.js'
import { printable, SluiceError } from '../../errors.js'
import { badOption, checkFlag, checkOption, type Keys } from '../../options.js'
import { isSourceStore, type SourceStore } from '../../stores/sources.js'
import type { Entry, Offer, WireEntry } from '../../wire/entry.js'
import { clampTime } from '../../wire/manifest.js'

/** What is offered, and how to read it here. Only the offer is ever sent. */
export interface Manifest {
  offer: Offer
  /** Where the bytes of its entries come from. */
  store: SourceStore
  /**
   * What was met and is not sent, or not as it is: `path`, and as `code` `ERR_SKIPPED` where it was left out on
   * purpose, `ERR_UNSUPPORTED` where no disk can hold its time, which is sent as near as can be. With any other code it
   * is in the offer as an entry that is 'unreadable'; these are in the order of those entries.
   */
  skipped: readonly SluiceError[]
}

/**
 * Told of an offer that is still being made, and grows: its head is known, and some entries. It goes on when this
 * resolves.
 */
export type Grown = (offer: Offer) => Promise<void>

/** Whether it has the parts of a manifest: that it came from here is up to the caller. */
export function isManifest(value: unknown): value is Manifest {
  const { offer, store, skipped } = (value ?? {}) as Partial<Manifest>
  return Array.isArray(offer?.entries) && isSourceStore(store) && Array.isArray(skipped)
}

/** What makes an offer, of whatever entries. */
export interface OfferOptions {
  /** Hash algorithm of all digests: `sha256` (default), `blocks`, `blake3`, or one of `crypto.getHashes()`. */
  algorithm?: string
  /** 32 hexadecimal digits; random by default. */
  id?: string
  /**
   * The offer before in the same transfer: this one goes on where it ends, with its id and its algorithm, and has other
   * names. Names of offers before that one are checked by the receiver only.
   */
  after?: Offer
  /** Whether other offers may follow in the same transfer. Default: as the one before. */
  open?: boolean
}

/** Their names. */
export const OFFER_OPTIONS: Keys<OfferOptions> = { algorithm: true, id: true, after: true, open: true }

/** Bytes of the name of an offer. */
export const LONGEST_NAME = 255

/** Numbers what is found and lays it end to end, one by one: all at once would hold others up. */
export class OfferBuilder {
  readonly offer: Offer

  constructor({ algorithm, id, after, open }: OfferOptions, name: string) {
    const offer: Offer = {
      id: id ?? after?.id ?? randomBytes(16).toString('hex'),
      name,
      algorithm: algorithm ?? after?.algorithm ?? 'sha256',
      first: after ? after.first + after.entries.length : 0,
      position: after ? after.position + after.bytes : 0,
      bytes: 0,
      entries: [],
    }
    const isName = typeof name === 'string' && name !== '' && name.isWellFormed()
    const fits = isName && Buffer.byteLength(name) <= LONGEST_NAME
    checkOption('name', name, fits, `a text of 1 to ${LONGEST_NAME} bytes`)
    checkOption('id', id, /^[0-9a-f]{32}$/.test(offer.id), '32 hexadecimal digits in lower case')
    digestLength(offer.algorithm)
    checkFlag('open', open)
    if (open ?? after?.open) offer.open = true
    if (after && !after.open)
      throw badOption(
        'after',
        'an offer that was made with open: true, so that others may follow it',
        after.name,
      )
    if (after && (offer.id !== after.id || offer.algorithm !== after.algorithm)) {
      const expected = 'those of the offer that this one follows'
      throw badOption('id and algorithm', expected, `${offer.id}, ${offer.algorithm}`)
    }
    if (after?.entries.at(-1)?.size === null)
      throw new SluiceError('ERR_STATE', 'nothing can follow a file of unknown size')
    this.offer = offer
  }

  add({ type, path, size, mtime, mode, target, code, once }: WireEntry): void {
    const { first, position, bytes, entries } = this.offer
    const start = position + bytes
    if (!Number.isSafeInteger(start + (size ?? 0))) {
      const message = `${printable(path)} makes the total larger than 2^53 − 1 bytes`
      throw new SluiceError('ERR_LIMIT', message, { path })
    }
    const index = first + entries.length
    const entry: Entry = { index, type, path, size, start, mtime: clampTime(mtime), mode }
    if (target !== undefined) entry.target = target
    if (code !== undefined) entry.code = code
    if (once) entry.once = once
    entries.push(entry)
    this.offer.bytes += size ?? 0
  }
}
