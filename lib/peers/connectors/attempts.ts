import type { Duplex } from 'node:stream'
import { deferred } from '../../async.js'
import type { Clock } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import type { Connector } from './connector.js'
import { connectorFor } from './connector-for.js'
import { untilAborted } from './resolve.js'

// Attempts to connect to several addresses of one peer.

/** A connection that stands. */
export interface Answered {
  raw: Duplex
  address: string
  /** Milliseconds that are left for the handshake. */
  left: number
}

/** One of several addresses has answered, or failed; or those that were looked for were not found. */
export type Reached = Answered | { failure: unknown } | { notFound: unknown }

/** What is told whoever looks for addresses. */
export interface FindOptions {
  /** To be called with each of them. */
  onFound(address: string): void
  /** Nothing is looked for any more. */
  signal: AbortSignal
}

/** Milliseconds that an address is given before the next one is tried beside it (RFC 8305, section 8). */
const HEAD_START = 250

/** How {@link connections} goes about it. */
interface Attempts {
  connectors: readonly Connector[] | undefined
  /** Looks for other addresses; rejects if it has found none. */
  find: ((options: FindOptions) => Promise<void>) | undefined
  stopped: AbortSignal
  timeout: number
  clock: Clock
}

/**
 * Connections to the addresses, in the order in which they answer, until it is stopped; later ones are closed. What is
 * found meanwhile is tried before what is left: it is newer.
 */
export async function* connections(
  addresses: readonly string[],
  attempts: Attempts,
): AsyncGenerator<Reached, void> {
  const { find, stopped, clock } = attempts
  const left = [...addresses]
  const known = new Set(addresses)
  let wake = () => {}
  const onFound = (address: string) => {
    if (known.has(address)) return
    known.add(address)
    left.unshift(address)
    wake()
  }
  const pending = new Set<Promise<Reached | undefined>>()
  if (find) pending.add(looked(() => find({ onFound, signal: stopped }), stopped))
  while (!stopped.aborted && (left.length > 0 || pending.size > 0)) {
    const address = left.shift()
    if (address !== undefined) pending.add(attempt(address, attempts))
    const turn = deferred<undefined>()
    const next = () => turn.resolve(undefined)
    // what is found meanwhile takes nothing of the head start of another one
    const cancel = address === undefined ? () => {} : clock.after(HEAD_START, next)
    wake = address === undefined ? next : () => {}
    const first = [...pending].map(async (one) => ({ one, reached: await one }))
    const found = await Promise.race([turn.promise, ...first])
    cancel()
    if (!found) continue
    pending.delete(found.one)
    if (found.reached) yield found.reached
  }
  for (const one of pending) one.then((late) => late && 'raw' in late && late.raw.destroy())
}

/** Looks for addresses, also where `find` takes no notice of its signal. */
async function looked(find: () => Promise<void>, stopped: AbortSignal): Promise<Reached | undefined> {
  try {
    await untilAborted(find(), stopped)
    return undefined
  } catch (notFound) {
    return { notFound }
  }
}

/** Connects to one address in its time, also where the connector takes no notice of its signal. */
async function attempt(address: string, { connectors, stopped, timeout, clock }: Attempts): Promise<Reached> {
  const late = new AbortController()
  const since = clock.now()
  const cancel = clock.after(timeout, () => late.abort(silent(address, timeout)))
  const signal = AbortSignal.any([stopped, late.signal])
  signal.addEventListener('abort', cancel)
  const take = async () => {
    const raw = await connectorFor(address, connectors).connect(address, { signal })
    // it may have to wait for its turn, where nobody listens to it
    raw.on('error', () => {})
    if (signal.aborted) raw.destroy()
    return raw
  }
  try {
    const raw = await untilAborted(take(), signal)
    return { raw, address, left: Math.max(1, Math.ceil(timeout - (clock.now() - since))) }
  } catch (failure) {
    return { failure }
  } finally {
    cancel()
  }
}

/** Nobody has proved anything to anybody then: it is the peer that was not reached. */
export function silent(address: string, ms: number, cause?: SluiceError): SluiceError {
  const what = cause
    ? `answers, but the handshake was not done within ${ms} ms: the peer is slow, or does not speak the secure channel of Sluice`
    : `does not answer within ${ms} ms`
  const message = `${printable(address, 100)} ${what}`
  return new SluiceError('ERR_UNREACHABLE', message, { cause })
}
