import { isUtf8 } from 'node:buffer'
import { isIPv4, isIPv6 } from 'node:net'
import { badOption, checkText } from '../options.js'

// Addresses at which a peer listens: HOST:PORT, unix:PATH, ws://…, or what another connector understands.

/** Addresses of one peer, at most. */
export const MOST_ADDRESSES = 16
/** Bytes of one address, at most. */
export const LONGEST_ADDRESS = 255

/** Characters that no address has: they could change what a person sees of it. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const NUMBER = /^(?:tcp:)?(?:\[([\da-f:.]+)\]|([\d.]+)):(\d+)$/i

/** An address as a number, if it is one. */
interface NumberAddress {
  host: string
  port: number
}

function numberOf(address: string): NumberAddress | undefined {
  const [, six = '', four = '', port] = NUMBER.exec(address) ?? []
  if (port === undefined || !(isIPv6(six) || isIPv4(four))) return undefined
  // a URL has each address in one spelling, the shortest
  return { host: four || new URL(`http://[${six}]`).hostname, port: Number(port) }
}

/**
 * An address in the one spelling that tickets have: `tcp:` is left out, IPv6 is shortened. Throws `ERR_USAGE` for what
 * no connector could understand: no `:` in it, more than 255 bytes, invisible characters, a port that is none.
 */
export function plainAddress(option: string, address: string): string {
  checkText(option, address)
  const isSeen = !UNSEEN.test(address) && address.includes(':')
  if (!isSeen || Buffer.byteLength(address) > LONGEST_ADDRESS)
    throw badOption(option, 'HOST:PORT, or another address of at most 255 bytes', address)
  const number = numberOf(address)
  if (!number) return address.replace(/^tcp:(?=[^:]+:\d+$)/i, '')
  if (number.port < 1 || number.port > 65_535)
    throw badOption(option, 'an address with a port from 1 to 65535', address)
  return `${number.host}:${number.port}`
}

/** What the byte before an address says of it: a text with its length, or a number of IPv4 or IPv6 and a port. */
const TEXT = 0
const IPV4 = 4
const IPV6 = 6

/** A plain address as bytes: 7 for IPv4, 19 for IPv6. */
export function packAddress(address: string): Buffer {
  const number = numberOf(address)
  if (!number) {
    const text = Buffer.from(address)
    return Buffer.concat([Buffer.of(TEXT, text.length), text])
  }
  const { host, port } = number
  const isFour = isIPv4(host)
  const bytes = isFour ? host.split('.').map(Number) : bytesOf(host.slice(1, -1))
  return Buffer.from([isFour ? IPV4 : IPV6, ...bytes, port >> 8, port & 0xff])
}

/** The bytes of an IPv6 address. */
export function bytesOf(address: string): number[] {
  // a URL has each address in one spelling, without IPv4 in it
  const host = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [before = [], after = []] = host.split('::').map((half) => half.split(':').filter(Boolean))
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after]
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff])
}

/** The plain addresses in bytes; undefined if there is anything else. Throws as {@link plainAddress} does. */
export function unpackAddresses(bytes: Buffer): string[] | undefined {
  const addresses: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at++]
    const length = kind === IPV4 ? 6 : kind === IPV6 ? 18 : kind === TEXT ? bytes[at++] : undefined
    if (length === undefined || at + length > bytes.length) return undefined
    const found = bytes.subarray(at, at + length)
    if (kind === TEXT && !isUtf8(found)) return undefined
    const address = kind === TEXT ? found.toString() : textOfNumber(found)
    addresses.push(plainAddress('an address', address))
    at += length
  }
  return addresses
}

function textOfNumber(bytes: Buffer): string {
  const port = bytes.readUInt16BE(bytes.length - 2)
  if (bytes.length === 6) return `${bytes.subarray(0, 4).join('.')}:${port}`
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  return `[${groups.join(':')}]:${port}`
}
