import type { Duplex } from 'node:stream'
import { deferred } from '../async.js'
import { type Clock, systemClock } from '../clock.js'
import { asSluiceError, SluiceError } from '../errors.js'
import { checkKeys, checkObject, checkOption, type Keys } from '../options.js'
import type { Connector } from './connectors/connector.js'
import { connectorFor } from './connectors/connector-for.js'
import type { Identity } from './identity.js'
import { type SecureDuplex, secure } from './secure.js'

/** Whom to connect to: a `Ticket` is one. */
export interface Destination {
  /** Where it may be, those first that are to be tried first. */
  readonly addresses: readonly string[]
  /** The key that it has to prove, 32 bytes. */
  readonly publicKey: Uint8Array
  /** The secret of a ticket, 16 bytes, which is shown to nobody else. */
  readonly secret?: Uint8Array
}

/** What {@link connect} takes. */
export interface ConnectToPeerOptions {
  /** Who this side is. */
  identity: Identity
  /** Other connectors than those of Sluice, which are asked first. */
  connectors?: readonly Connector[]
  /** Milliseconds for the handshake at each address; 10,000 by default. */
  timeout?: number
  /** Gives up, with its reason. */
  signal?: AbortSignal
  clock?: Clock
}

const OPTIONS: Keys<ConnectToPeerOptions> = {
  identity: true,
  connectors: true,
  timeout: true,
  signal: true,
  clock: true,
}

/** A secure channel to a peer, and at which of its addresses that was reached. */
export interface Connected {
  duplex: SecureDuplex
  address: string
}

/**
 * Connects to a peer by the first of its addresses at which somebody proves its key: others may be those of other
 * machines by now. One that does not answer holds up none of the others.
 * @throws SluiceError `ERR_IDENTITY` if somebody answers who is not the peer, or lets us not in; else
 *   `ERR_UNREACHABLE`; `ERR_USAGE`, or the reason of `signal`
 */
export async function connect(to: Destination, options: ConnectToPeerOptions): Promise<Connected> {
  checkObject('options', options)
  checkKeys('options', options, OPTIONS)
  checkObject('to', to)
  const { addresses, publicKey, secret } = to
  checkOption('addresses', addresses, Array.isArray(addresses) && addresses.length > 0, 'a list of addresses')
  const { identity, signal, timeout, clock = systemClock } = options
  const dialler = {
    as: 'dialler',
    identity,
    key: publicKey,
    clock,
    ...(secret && { secret }),
    ...(timeout !== undefined && { timeout }),
    ...(signal && { signal }),
  } as const
  const failures: unknown[] = []
  // one after the other: whoever is shown the secret twice has one guest too many
  for await (const reached of connections(addresses, options, clock)) {
    if ('failure' in reached) failures.push(reached.failure)
    else
      try {
        return { duplex: await secure(reached.raw, dialler), address: reached.address }
      } catch (error) {
        failures.push(error)
      }
    signal?.throwIfAborted()
  }
  // whoever answered and was refused says more than one that was not there
  const errors = failures.map((failure) =>
    asSluiceError(failure, 'ERR_UNREACHABLE', 'no connection could be made'),
  )
  throw errors.find(({ code }) => code === 'ERR_IDENTITY') ?? errors.at(-1)!
}

/** A connection that stands, or why there is none. */
type Reached = { raw: Duplex; address: string } | { failure: unknown }

/** Milliseconds that an address is given before the next one is tried beside it (RFC 8305, section 8). */
const HEAD_START = 250

/** Connections to all of the addresses, in the order in which they answer; those that nobody asked for are closed. */
async function* connections(
  addresses: readonly string[],
  { connectors, signal }: ConnectToPeerOptions,
  clock: Clock,
): AsyncGenerator<Reached, void> {
  const left = [...addresses]
  const stop = new AbortController()
  const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const pending = new Set<Promise<Reached>>()
  const attempt = async (address: string): Promise<Reached> => {
    try {
      const raw = await connectorFor(address, connectors).connect(address, { signal: stopped })
      return { raw, address }
    } catch (failure) {
      return { failure }
    }
  }
  try {
    while (left.length > 0 || pending.size > 0) {
      const address = left.shift()
      if (address !== undefined) pending.add(attempt(address))
      const next = deferred<undefined>()
      const cancel = left.length > 0 ? clock.after(HEAD_START, () => next.resolve(undefined)) : () => {}
      const first = [...pending].map(async (one) => ({ one, reached: await one }))
      const found = await Promise.race([next.promise, ...first])
      cancel()
      if (!found) continue
      pending.delete(found.one)
      yield found.reached
    }
  } finally {
    stop.abort(new SluiceError('ERR_CANCELLED', 'another address has answered'))
    for (const one of pending) one.then((late) => 'raw' in late && late.raw.destroy())
  }
}
