import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.js'
import { asSluiceError, isSluiceError, SluiceError } from '../errors.js'
import {
  checkCallback,
  checkFunction,
  checkKeys,
  checkObject,
  checkOption,
  given,
  type Keys,
} from '../options.js'
import type { Connector, Listening } from './connectors/connector.js'
import { connectorFor } from './connectors/connector-for.js'
import { Gate, type GateOptions } from './gate.js'
import type { Identity } from './identity.js'
import { type ListenerOptions, type SecureDuplex, secure } from './secure.js'

/** Where a connection comes from, as far as that is known. */
export interface From {
  address?: string
}

/** What {@link listen} takes. */
export interface ListenForPeersOptions {
  /** Who this side is. */
  identity: Identity
  /** Where to listen. Default `*:0`: at all addresses of this machine, at any free port. */
  addresses?: readonly string[]
  /** Other connectors than those of Sluice, which are asked first. */
  connectors?: readonly Connector[]
  /** Whether a stranger is let in, who has proved a key, and may have shown the secret of a ticket: `Invitations`. */
  admit: ListenerOptions['admit']
  /** Called with each connection of somebody who was let in. */
  onConnection(duplex: SecureDuplex, from: From): void
  /** Called for each connection that came to nothing, with the reason; whoever has made it is not told that. */
  onRefused?(error: SluiceError, from: From): void
  /** How many strangers are borne at once. */
  limits?: GateOptions
  /** Milliseconds for a handshake; 10,000 by default. */
  timeout?: number
  /** Takes no more connections. */
  signal?: AbortSignal
  clock?: Clock
}

const OPTIONS: Keys<ListenForPeersOptions> = {
  identity: true,
  addresses: true,
  connectors: true,
  admit: true,
  onConnection: true,
  onRefused: true,
  limits: true,
  timeout: true,
  signal: true,
  clock: true,
}

/**
 * Listens for peers: each connection is a secure channel before anybody hears of it. What it gives has the addresses
 * for a ticket; closed, it gives up those that are in handshake. Throws `ERR_USAGE` for an option, or for an address
 * that cannot be listened at.
 */
export async function listen(options: ListenForPeersOptions): Promise<Listening> {
  checkObject('options', options)
  checkKeys('options', options, OPTIONS)
  const { addresses = ['*:0'], connectors, signal } = options
  checkOption('addresses', addresses, Array.isArray(addresses) && addresses.length > 0, 'a list of addresses')
  checkFunction('admit', options.admit)
  checkFunction('onConnection', options.onConnection)
  checkCallback('onRefused', options.onRefused)
  const gate = new Gate({ ...options.limits, ...given({ clock: options.clock }) })
  const handshakes = new Set<AbortController>()
  const onConnection = (duplex: Duplex, from: From) => {
    const handshake = new AbortController()
    handshakes.add(handshake)
    void admitted(duplex, from, gate, handshake, options).finally(() => handshakes.delete(handshake))
  }
  // whoever says nothing would hold up the end of the program
  const giveUp = () => {
    for (const handshake of handshakes) handshake.abort(CLOSED)
  }
  signal?.addEventListener('abort', giveUp)
  const all: Listening[] = []
  const close = async () => {
    giveUp()
    signal?.removeEventListener('abort', giveUp)
    await Promise.all(all.map((listening) => listening.close()))
  }
  try {
    for (const address of addresses) {
      const connector = connectorFor(address, connectors)
      checkOption('addresses', address, connector.listen !== undefined, 'addresses that can be listened at')
      all.push(await connector.listen!(address, { ...given({ signal }), onConnection }))
    }
  } catch (error) {
    await close()
    throw error
  }
  return { addresses: all.flatMap((listening) => listening.addresses), close }
}

async function admitted(
  duplex: Duplex,
  from: From,
  gate: Gate,
  handshake: AbortController,
  options: ListenForPeersOptions,
): Promise<void> {
  const { identity, admit, onConnection, onRefused, timeout, clock } = options
  const release = gate.take(from.address, () => handshake.abort(CROWDED))
  if (!release) {
    duplex.on('error', () => {}).destroy()
    return onRefused?.(CROWDED, from)
  }
  const { signal } = handshake
  let channel: SecureDuplex
  try {
    channel = await secure(duplex, { as: 'listener', identity, admit, signal, ...given({ timeout, clock }) })
  } catch (error) {
    // who was refused before it was given up was refused
    const isGivenUp = isSluiceError(error, 'ERR_CANCELLED') && error.cause === signal.reason
    const why = isGivenUp ? signal.reason : error
    return onRefused?.(asSluiceError(why, 'ERR_IDENTITY', 'no secure channel could be made'), from)
  } finally {
    release()
  }
  onConnection(channel, from)
}

const CROWDED = new SluiceError(
  'ERR_LIMIT',
  'too many connections that prove nothing come from its address, or in all',
)

const CLOSED = new SluiceError('ERR_CANCELLED', 'it was in handshake when the listener closed')
