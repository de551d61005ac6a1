import { checkKeys, checkWhole } from '../options.js'

/** Connections that carry a transfer at once, at most. */
export const MOST_CONNECTIONS = 16

/** How often a file, or a block of it, may be asked for again, and how often for proof. */
export const MOST_ROUNDS = 3

/**
 * What a peer may ask of us. All sizes in bytes, all times in milliseconds. HELLO tells the peer `frame`, `message`,
 * `entries` and `manifest`, where they are not the defaults; a sender of ours keeps to the first three. The others are
 * not told, so a peer may exceed one that is lower than its default without knowing. A sender needs at least 4,096
 * bytes of `frame` and of `message`.
 */
export interface Limits {
  /** Data bytes in one DATA frame. */
  frame: number
  /** Payload of any other message before the handshake ends. */
  handshakeMessage: number
  /** Payload of any other message after it. */
  message: number
  /** Entries in a manifest, and the folders that their paths imply; all offers of a transfer together. */
  entries: number
  /** Bytes of ENTRIES payloads, all offers of a transfer together. */
  manifest: number
  /**
   * Memory that an offer takes before it was accepted, as far as it can be estimated: who decides is asked when all of
   * it is there. It does not hold where nobody is asked (`accept: 'all'`, and one way).
   */
  unaccepted: number
  /** UTF-8 bytes of a path. */
  path: number
  /** UTF-8 bytes of one name of a path. */
  name: number
  /** Names in a path. */
  depth: number
  /** Nesting of a msgpack payload. */
  msgpackDepth: number
  /**
   * Items in a list of one message, and entries that a PLAN or OUTCOMES is about: bounds the work, and the memory, that
   * one message can cause.
   */
  list: number
  /**
   * UTF-8 bytes by which names in OUTCOMES may be longer than the paths of their entries, in all of a transfer. As many
   * bytes of texts of failures are kept, each with 512 bytes of its own, but 1 MiB at most: what is more is dropped.
   */
  names: number
  /** UTF-8 bytes of an error text. */
  errorText: number
  /** The whole handshake, in milliseconds. */
  handshakeTimeout: number
  /** How long a receiver waits for the offer, in milliseconds: a sender may have very much to list. */
  offerTimeout: number
  /** Silence after which the connection is given up, in milliseconds. */
  idleTimeout: number
  /** Silence after which a PING is sent, in milliseconds. */
  pingInterval: number
  /**
   * How long the peer may take to close its side after the last message, and, where a transfer was cancelled or has
   * failed, stages and stores to close what they opened; after a connection was cut off, to work off what came. In
   * milliseconds.
   */
  closeTimeout: number
}

/** The limits that hold where nothing else is said. */
export const DEFAULT_LIMITS: Limits = Object.freeze({
  frame: 1024 * 1024,
  handshakeMessage: 64 * 1024,
  message: 1024 * 1024,
  entries: 1_000_000,
  manifest: 256 * 1024 * 1024,
  unaccepted: 32 * 1024 * 1024,
  path: 4096,
  name: 255,
  depth: 64,
  msgpackDepth: 8,
  list: 4096,
  names: 8 * 1024 * 1024,
  errorText: 1024,
  handshakeTimeout: 10_000,
  offerTimeout: 600_000,
  idleTimeout: 60_000,
  pingInterval: 15_000,
  closeTimeout: 5_000,
})

/** The longest time that a timer can wait, in milliseconds: Node turns a longer one into 1 ms. */
export const LONGEST = 2 ** 31 - 1

/**
 * The defaults, with what `given` changes.
 * @throws SluiceError `ERR_USAGE` for an unknown limit or an invalid value
 */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  checkKeys('limits', given, DEFAULT_LIMITS)
  for (const [name, value] of Object.entries(given)) {
    const most = name.endsWith('Timeout') || name === 'pingInterval' ? LONGEST : Number.MAX_SAFE_INTEGER
    checkWhole(`limits.${name}`, value ?? null, 1, most)
  }
  return { ...DEFAULT_LIMITS, ...given }
}

/** The limits that HELLO tells. */
export const TOLD_LIMITS = ['frame', 'message', 'entries', 'manifest'] as const

/** The limits of a peer as its HELLO says them; what is left out is the default. */
export type PeerLimits = Partial<Pick<Limits, (typeof TOLD_LIMITS)[number]>>

/** What HELLO says of our limits: those that are not the defaults; `undefined` if all of them are. */
export function saidLimits(limits: Limits): PeerLimits | undefined {
  const said: PeerLimits = {}
  for (const name of TOLD_LIMITS) if (limits[name] !== DEFAULT_LIMITS[name]) said[name] = limits[name]
  return Object.keys(said).length > 0 ? said : undefined
}

/** The feature of a sender that makes another connection when one is lost, and of a receiver that goes on with it. */
export const RECONNECT = 'reconnect'

/**
 * The feature of a sender that begins another transfer over the same connection when one is over, and of a receiver
 * that takes one transfer after the other.
 */
export const SERIES = 'series'

/** The feature of a receiver that takes the data of a transfer over further connections, too. */
export const LANES = 'lanes'
