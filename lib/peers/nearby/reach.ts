import { isIP } from 'node:net'
import { SluiceError } from '../../errors.js'
import { type Address, isHostAndPort, parseAddress, reachableHosts } from '../connectors/address.js'
import type { Interfaces } from './links.js'

/** Where something listens, as far as others in a network reach it. */
export interface Reach {
  port: number
  /** Whether it is reached at this address of this machine, by that port. */
  isAt(address: string): boolean
}

/**
 * What the addresses of a listener say of that. One that listens at all that this machine has is reached where its
 * addresses do not say so, too: at those that are good on one network only, and at those that come later.
 * @throws SluiceError `ERR_USAGE` if none of them is the number of an address and a port
 */
export function reachOf(addresses: readonly string[], interfaces: Interfaces): Reach {
  const numbers = addresses.flatMap((address): Address[] => {
    const plain = address.replace(/^tcp:/i, '')
    const found = isHostAndPort(plain) ? parseAddress(plain) : undefined
    return found && isIP(found.host) > 0 ? [found] : []
  })
  const [first] = numbers
  if (!first) {
    const message = 'nobody in a network finds what listens at no port of TCP; listen at HOST:PORT'
    throw new SluiceError('ERR_USAGE', message, { found: addresses[0] })
  }
  const hosts = new Set(numbers.flatMap(({ host, port }) => (port === first.port ? host : [])))
  const hasAllOf = (any: string) => reachableHosts(any, interfaces).every((host) => hosts.has(host))
  const isEverywhere = { 4: hasAllOf('0.0.0.0'), 6: hasAllOf('::') }
  return {
    port: first.port,
    isAt: (address) => hosts.has(address) || isEverywhere[isIP(address) as 4 | 6],
  }
}
