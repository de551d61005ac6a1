import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { printable, SluiceError } from '../../errors.js'
import { type Address, ANY_HOST } from './address.js'

/** Asks for all addresses of a host. */
export type LookUp = (host: string, options: { all: true }) => Promise<LookupAddress[]>

/** What `promise` gives, or the reason of the signal if that is sooner. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  // whoever is not waited for any more may fail all the same
  promise.catch(() => {})
  signal.throwIfAborted()
  let stop = () => {}
  const stopped = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop)
  })
  try {
    return await Promise.race([promise, stopped])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * All that the host of an address may mean, each once. A name server may be slow, which nobody waits for who has
 * stopped.
 * @throws SluiceError `ERR_UNREACHABLE`, or the reason of `signal`
 */
export async function resolveAddress(
  { host, port }: Address,
  signal?: AbortSignal,
  lookUp: LookUp = lookup,
): Promise<Address[]> {
  if (host === ANY_HOST || isIP(host) > 0) return [{ host, port }]
  let found: LookupAddress[]
  try {
    found = await untilAborted(lookUp(host, { all: true }), signal)
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new SluiceError('ERR_UNREACHABLE', `the host ${printable(host, 100)} is not known`, { cause })
  }
  return Array.from(new Set(found.map(({ address }) => address)), (address) => ({ host: address, port }))
}
