import { isIPv6 } from 'node:net'
import { type Clock, systemClock } from '../clock.js'
import { checkKeys, checkWhole } from '../options.js'
import { bytesOf } from './addresses.js'

/** What {@link Gate} takes. */
export interface GateOptions {
  /** Connections in handshake at once; 256 by default. Each holds some KiB. */
  atOnce?: number
  /** Of these, from one address; 64 by default. */
  perAddress?: number
  /** Attempts from one address within a minute; 3,000 by default, about what a processor works off in a second. */
  perMinute?: number
  clock?: Clock
}

interface Address {
  /** Attempts that are left, as of `since`. */
  attempts: number
  since: number
}

interface Guest {
  readonly address: string
  /** Ends its handshake. */
  readonly drop: () => void
}

/** Addresses that are remembered for their attempts: a stranger may have very many. */
const MOST_ADDRESSES = 4096

const A_MINUTE = 60_000

/**
 * How many strangers a listener bears at once. Where there are too many in handshake, the one that has been at it
 * longest is dropped for the one that comes: an honest one needs two round trips, and is through before its turn
 * comes, however many there are that say nothing. Whoever is through counts no more.
 */
export class Gate {
  readonly #atOnce: number
  readonly #perAddress: number
  readonly #perMinute: number
  readonly #clock: Clock
  /** The oldest first. */
  readonly #guests = new Set<Guest>()
  /** The one that was not heard of for longest first. */
  readonly #addresses = new Map<string, Address>()

  constructor(options: GateOptions = {}) {
    checkKeys('options', options, { atOnce: true, perAddress: true, perMinute: true, clock: true })
    const { atOnce = 256, perAddress = 64, perMinute = 3000, clock = systemClock } = options
    for (const [name, value] of Object.entries({ atOnce, perAddress, perMinute })) checkWhole(name, value, 1)
    this.#atOnce = atOnce
    this.#perAddress = perAddress
    this.#perMinute = perMinute
    this.#clock = clock
  }

  /** Connections in handshake. */
  get size(): number {
    return this.#guests.size
  }

  /**
   * A connection has come.
   * @param address of the other side, if it has one; of IPv6, the network counts, of which one side has all addresses
   * @param drop called when it has to make room for another one
   * @returns to be called when its handshake is over, however it went; undefined if it is not to be heard at all
   */
  take(address: string | undefined, drop: () => void): (() => void) | undefined {
    const from = networkOf(address)
    if (!this.#mayTry(from)) return undefined
    const mine = [...this.#guests].filter((guest) => guest.address === from)
    if (mine.length >= this.#perAddress) this.#drop(mine[0]!)
    else if (this.#guests.size >= this.#atOnce) this.#drop(this.#guests.values().next().value!)
    const guest = { address: from, drop }
    this.#guests.add(guest)
    return () => this.#guests.delete(guest)
  }

  #drop(guest: Guest): void {
    this.#guests.delete(guest)
    guest.drop()
  }

  /** A bucket of attempts for each address, which fills within a minute. */
  #mayTry(from: string): boolean {
    const now = this.#clock.now()
    const known = this.#addresses.get(from) ?? { attempts: this.#perMinute, since: now }
    const filled = known.attempts + ((now - known.since) * this.#perMinute) / A_MINUTE
    const attempts = Math.min(this.#perMinute, filled)
    const may = attempts >= 1
    this.#addresses.delete(from)
    this.#addresses.set(from, { attempts: may ? attempts - 1 : attempts, since: now })
    if (this.#addresses.size > MOST_ADDRESSES) this.#addresses.delete(this.#addresses.keys().next().value!)
    return may
  }
}

/** An IPv4 address as it is; of an IPv6 address the first 64 bits. */
function networkOf(address = ''): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (!isIPv6(plain)) return plain
  return Buffer.from(bytesOf(plain).slice(0, 8)).toString('hex')
}
