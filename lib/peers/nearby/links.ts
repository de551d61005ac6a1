import { networkInterfaces } from 'node:os'
import { SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import { type Link, type OnPacket, type OpenLink, openLink } from './link.js'

/** Interfaces of a machine, as the system names them. */
export type Interfaces = ReturnType<typeof networkInterfaces>

/** How {@link Links} come about; a test has its own network. */
export interface LinksOptions {
  onPacket: OnPacket
  /** Whether an address of this machine is one to be used. Default: all are. */
  isUsable?(address: string): boolean
  open?: OpenLink
  interfaces?(): Interfaces
}

/** Links, at most: a machine may have an interface for each of its containers. */
const MOST = 32

/** The links of all networks that this machine is in. */
export class Links {
  readonly #options: Required<LinksOptions>
  readonly #links = new Map<string, Link>()
  #isClosed = false

  constructor({
    isUsable = () => true,
    open = openLink,
    interfaces = networkInterfaces,
    onPacket,
  }: LinksOptions) {
    this.#options = { isUsable, open, interfaces, onPacket }
  }

  /**
   * Takes in the networks that were joined since, and lets go of those that were left.
   * @throws SluiceError `ERR_UNREACHABLE` if there is none, or none can be used
   */
  async update(): Promise<void> {
    const { open, interfaces, isUsable, onPacket } = this.#options
    const addresses = linkAddresses(interfaces(), isUsable)
    for (const [address, link] of this.#links) if (!addresses.includes(address)) this.#drop(address, link)
    let failure: unknown
    for (const address of addresses.filter((one) => !this.#links.has(one))) {
      try {
        const link = await open(address, onPacket)
        if (this.#isClosed) link.close()
        else this.#links.set(address, link)
      } catch (error) {
        failure = error
      }
    }
    if (this.#links.size === 0 && !this.#isClosed) throw noNetwork(failure)
  }

  /** Sends to all who are in any of the networks. Throws `ERR_UNREACHABLE` if it went out to none of them. */
  async send(packet: Uint8Array): Promise<void> {
    const sent = await Promise.allSettled(Array.from(this.#links.values(), (link) => link.send(packet)))
    const [failure] = sent.filter((one) => one.status === 'rejected')
    if (sent.every((one) => one.status === 'rejected')) throw noNetwork(failure?.reason)
  }

  close(): void {
    this.#isClosed = true
    for (const [address, link] of this.#links) this.#drop(address, link)
  }

  #drop(address: string, link: Link): void {
    this.#links.delete(address)
    link.close()
  }
}

/** One address for each interface and family: of IPv6 the one that is good on that network only, with its zone. */
export function linkAddresses(interfaces: Interfaces, isUsable: (address: string) => boolean): string[] {
  const found = Object.entries(interfaces).flatMap(([name, list = []]) => {
    const outward = list.filter(({ internal }) => !internal)
    const four = outward.flatMap((one) => (one.family === 'IPv4' ? one.address : []))
    const six = outward.flatMap((one) => {
      if (one.family !== 'IPv6' || !one.scopeid) return []
      return `${one.address}%${process.platform === 'win32' ? one.scopeid : name}`
    })
    return [four, six].flatMap((all) => all.find(isUsable) ?? [])
  })
  return found.slice(0, MOST)
}

function noNetwork(cause: unknown): SluiceError {
  const why =
    cause === undefined
      ? 'there is none in which it can be found, or find others; join one'
      : `the system refuses multicast (${errorCode(cause) ?? 'it does not say why'})`
  const message = `this machine can neither ask a network nor answer there: ${why}, or go by addresses and tickets`
  return new SluiceError('ERR_UNREACHABLE', message, { cause })
}
