import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { printable, SluiceError } from '../../errors.js'

/** An address to connect to or to listen on. */
export interface Address {
  host: string
  port: number
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/**
 * Parses HOST:PORT, or [HOST]:PORT for IPv6.
 * @throws SluiceError `ERR_USAGE`
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65535) {
    const why = match === null ? '; write HOST:PORT, as 127.0.0.1:7000' : ': a port is at most 65535'
    throw new SluiceError('ERR_USAGE', `"${printable(text, 100)}" is not an address${why}`)
  }
  return { host: match[1] ?? match[2]!, port }
}

/** As HOST:PORT, with brackets around an IPv6 address. */
export function showAddress({ host, port }: Address): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * Parses an address and resolves its host to all that it may mean. Only loopback addresses are accepted: nothing on the
 * connection proves who the peer is.
 * @throws SluiceError `ERR_USAGE`, `ERR_UNREACHABLE`, or the reason of `signal`
 */
export async function resolveLoopback(
  text: string,
  signal: AbortSignal,
  lookUp = lookup,
): Promise<Address[]> {
  const { host, port } = parseAddress(text)
  const found = await lookedUp(() => lookUp(host, { all: true }), host, signal)
  if (!found.every(({ address, family }) => LOOPBACK.check(address, family === 6 ? 'ipv6' : 'ipv4'))) {
    const why = 'until peers can prove who they are, only 127.0.0.0/8 and [::1] are taken'
    const message = `"${printable(text, 100)}" is not a loopback address; ${why}: put an SSH tunnel between two machines`
    throw new SluiceError('ERR_USAGE', message)
  }
  const hosts = new Set(found.map(({ address }) => address))
  return Array.from(hosts, (host) => ({ host, port }))
}

/** A name server may be slow, which nobody waits for who has stopped the program. */
async function lookedUp(
  lookUp: () => Promise<LookupAddress[]>,
  host: string,
  signal: AbortSignal,
): Promise<LookupAddress[]> {
  const stopped = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  try {
    return await Promise.race([lookUp(), stopped])
  } catch (cause) {
    if (signal.aborted) throw cause
    throw new SluiceError('ERR_UNREACHABLE', `the host ${printable(host, 100)} is not known`, { cause })
  }
}
