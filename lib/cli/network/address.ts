import { BlockList, isIP } from 'node:net'
import { printable, SluiceError } from '../../errors.js'
import { type Address, parseAddress } from '../../peers/connectors/address.js'
import { type LookUp, resolveAddress } from '../../peers/connectors/resolve.js'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/**
 * Parses an address and resolves its host to all that it may mean. Only loopback addresses are accepted: nothing on the
 * connection proves who the peer is.
 * @throws SluiceError `ERR_USAGE`, `ERR_UNREACHABLE`, or the reason of `signal`
 */
export async function resolveLoopback(
  text: string,
  signal: AbortSignal,
  lookUp?: LookUp,
): Promise<Address[]> {
  const found = await resolveAddress(parseAddress(text), signal, lookUp)
  if (!found.every(({ host }) => isLoopback(host))) {
    const why = 'an address alone is plain, and taken on this machine only (127.0.0.0/8, [::1])'
    const way = 'give a ticket, or a known peer (sluice peers add NAME KEY ADDRESS)'
    const message = `"${printable(text, 100)}" is not a loopback address; ${why}: ${way}`
    throw new SluiceError('ERR_USAGE', message)
  }
  return found
}

/** Whether nobody but this machine reaches a host, which is given by its number. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  return family !== 0 && LOOPBACK.check(host.replace(/%.*/, ''), family === 6 ? 'ipv6' : 'ipv4')
}
