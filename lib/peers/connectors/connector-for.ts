import { printable, SluiceError } from '../../errors.js'
import { checkFunction, checkMembers, checkObject, checkOption, checkText } from '../../options.js'
import type { Connector } from './connector.js'
import { tcp } from './tcp.js'
import { unix } from './unix.js'
import { websocket } from './websocket.js'

/** Those that are chosen by an address. A command is never: an address may come from somebody else. */
const SHIPPED: readonly Connector[] = [unix(), websocket(), tcp()]

/** The members of a connector. */
const MEMBERS = { takes: true, connect: true, listen: true } as const

/**
 * The connector for an address: the first of one's own that takes it, else one of ours, for `HOST:PORT` and
 * `[IPv6]:PORT`, also behind `tcp:`, for `unix:PATH`, and for `ws://…` and `wss://…`.
 * @throws SluiceError `ERR_USAGE` if none takes it
 */
export function connectorFor(address: string, own: readonly Connector[] = []): Connector {
  checkText('address', address)
  checkOption('connectors', own, Array.isArray(own), 'a list of connectors')
  for (const connector of own) {
    checkObject('a connector', connector)
    checkMembers('a connector', connector, MEMBERS)
    checkFunction('takes of a connector', connector.takes)
    checkFunction('connect of a connector', connector.connect)
  }
  const found = [...own, ...SHIPPED].find((connector) => connector.takes(address))
  if (found) return found
  const message = `"${printable(address, 100)}" is not an address; write HOST:PORT, as 127.0.0.1:7000`
  throw new SluiceError('ERR_USAGE', message)
}
