import { randomBytes } from 'node:crypto'
import { isSluiceError, SluiceError } from '../errors.js'
import { badOption, checkKeys, checkOption, checkText, isBytes } from '../options.js'
import { LONGEST_ADDRESS, MOST_ADDRESSES, packAddress, plainAddress, unpackAddresses } from './addresses.js'
import { checkPublicKey, KEY_LENGTH } from './keys.js'
import { SECRET_LENGTH } from './secure/noise.js'
import { decodeWord, encodeWord, isWord, type WordKind } from './word.js'

/** What one side gives the other to be found, known and let in. Whoever has it is let in: it is a secret as a whole. */
export interface Ticket {
  /** Where the listener is reached: from 1 to 16, those first that are to be tried first. */
  readonly addresses: readonly string[]
  /** The key that the listener proves to have: 32 bytes. */
  readonly publicKey: Uint8Array
  /** What the dialler shows to the listener, inside the channel: 16 bytes. */
  readonly secret: Uint8Array
}

// A ticket is a word (see word.ts) that begins with `sluice1`. Its body:
//
//   public key, 32 bytes · secret, 16 bytes · addresses, one behind the other up to the end
//   address    = 4 · IPv4, 4 bytes · port u16be
//              | 6 · IPv6, 16 bytes · port u16be
//              | 0 · length u8 · text in UTF-8, as `host.example:7000`, `unix:/run/s` or `wss://host.example/s`

const BEFORE_ADDRESSES = KEY_LENGTH + SECRET_LENGTH

const TICKET: WordKind = {
  name: 'ticket',
  prefix: 'sluice',
  version: 1,
  most: BEFORE_ADDRESSES + MOST_ADDRESSES * (LONGEST_ADDRESS + 2),
}

/** What {@link makeTicket} takes. */
export interface TicketOptions {
  addresses: readonly string[]
  publicKey: Uint8Array
  /** Default: a new one, at random. */
  secret?: Uint8Array
}

/**
 * A ticket, with its addresses in the spelling that {@link decodeTicket} gives them: without `tcp:`, IPv6 shortened,
 * none twice. Throws `ERR_USAGE` for anything that is not as in {@link Ticket}.
 */
export function makeTicket(options: TicketOptions): Ticket {
  checkKeys('options', options, { addresses: true, publicKey: true, secret: true })
  const { addresses, publicKey, secret = new Uint8Array(randomBytes(SECRET_LENGTH)) } = options
  checkPublicKey('publicKey', publicKey)
  // not badOption: nothing of a secret is ever shown
  if (!isBytes(secret) || secret.length !== SECRET_LENGTH)
    throw new SluiceError('ERR_USAGE', `secret must be ${SECRET_LENGTH} bytes`)
  checkOption('addresses', addresses, Array.isArray(addresses), 'a list of addresses')
  const plain = [...new Set(addresses.map((address) => plainAddress('an address of a ticket', address)))]
  if (plain.length < 1 || plain.length > MOST_ADDRESSES)
    throw badOption('addresses', `from 1 to ${MOST_ADDRESSES} different addresses`, plain.length)
  return { addresses: plain, publicKey, secret }
}

/** A ticket as one word of small letters and digits: `sluice1…`. Throws as {@link makeTicket} does. */
export function encodeTicket(ticket: Ticket): string {
  const { addresses, publicKey, secret } = makeTicket(ticket)
  return encodeWord(TICKET, Buffer.concat([publicKey, secret, ...addresses.map(packAddress)]))
}

/**
 * The ticket that {@link encodeTicket} has made a word of, of small or large letters. Throws `ERR_USAGE`, which says
 * what is wrong: cut, mistyped, too new, or not a ticket; never what stands in it, since that may be most of a secret.
 */
export function decodeTicket(text: string): Ticket {
  if (typeof text !== 'string') checkText('ticket', text)
  const body = decodeWord(TICKET, text)
  const publicKey = Uint8Array.from(body.subarray(0, KEY_LENGTH))
  const secret = Uint8Array.from(body.subarray(KEY_LENGTH, BEFORE_ADDRESSES))
  try {
    const addresses = unpackAddresses(body.subarray(BEFORE_ADDRESSES))
    if (addresses) return makeTicket({ addresses, publicKey, secret })
  } catch (error) {
    if (!isSluiceError(error)) throw error
  }
  const message =
    'the ticket is whole, but what it says is not as a ticket of its version: no Sluice has made it'
  throw new SluiceError('ERR_USAGE', message)
}

/** Whether a text begins as a ticket does; it may still be cut or mistyped. An address or a path is none. */
export function isTicket(text: string): boolean {
  return isWord(TICKET, text)
}
