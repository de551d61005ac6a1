import { BlockList, isIP } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { printable, SluiceError } from '../../errors.js'

/** A host and a port, to connect to or to listen on. */
export interface Address {
  host: string
  port: number
}

/** What an address of a connector of ours begins with, unless it is HOST:PORT alone. */
export type Scheme = 'tcp' | 'unix' | 'ws' | 'wss'

const SCHEME = /^(?:(tcp|unix):|(wss?):\/\/)/i

/** What the address begins with; undefined for HOST:PORT, and for what is of no connector of ours. */
export function schemeOf(address: string): Scheme | undefined {
  const match = SCHEME.exec(address)
  return (match?.[1] ?? match?.[2])?.toLowerCase() as Scheme | undefined
}

/** Whether it is HOST:PORT or [HOST]:PORT, with a port of whatever size. */
export function isHostAndPort(text: string): boolean {
  return schemeOf(text) === undefined && HOST_AND_PORT.test(text)
}

const HOST_AND_PORT = /^(?:\[([^\]]+)\]|([^:[\]/]+)):(\d+)$/

/**
 * Parses HOST:PORT, or [HOST]:PORT for IPv6.
 * @throws SluiceError `ERR_USAGE`
 */
export function parseAddress(text: string): Address {
  const match = HOST_AND_PORT.exec(text)
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

/** The host that stands for all addresses of this machine. */
export const ANY_HOST = '*'

const LINK_LOCAL = new BlockList()
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4')
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6')

const PRIVATE = new BlockList()
PRIVATE.addSubnet('10.0.0.0', 8, 'ipv4')
PRIVATE.addSubnet('172.16.0.0', 12, 'ipv4')
PRIVATE.addSubnet('192.168.0.0', 16, 'ipv4')
PRIVATE.addSubnet('100.64.0.0', 10, 'ipv4')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')

/**
 * The addresses at which others reach what listens at `host`: of one that stands for all of this machine, first those
 * that are good everywhere, then those of private networks; where there are none, those of the loopback. Link-local
 * ones are left out: another machine has another name for the network that they mean.
 */
export function reachableHosts(
  host: string,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): string[] {
  const families = { '0.0.0.0': ['IPv4'], '::': ['IPv4', 'IPv6'] }[host]
  if (!families) return [host]
  const all = Object.values(interfaces)
    .flatMap((list) => list ?? [])
    .filter(({ family }) => families.includes(family))
  const isIn = (list: BlockList) => (one: NetworkInterfaceInfo) =>
    list.check(one.address, one.family === 'IPv6' ? 'ipv6' : 'ipv4')
  const outward = all.filter((one) => !one.internal && !isIn(LINK_LOCAL)(one))
  const isPrivate = isIn(PRIVATE)
  const ordered = [...outward.filter((one) => !isPrivate(one)), ...outward.filter(isPrivate)]
  const found = ordered.length > 0 ? ordered : all.filter(({ internal }) => internal)
  return [...new Set(found.map(({ address }) => address))]
}
