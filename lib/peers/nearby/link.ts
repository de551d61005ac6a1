import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { promisify } from 'node:util'

/** A network that this machine is in, for packets to all who are in it (multicast DNS, RFC 6762). */
export interface Link {
  /** The address of this machine there, from which packets come; one of IPv6 has its zone. */
  readonly address: string
  /** Sends to all who are in it. Rejects with the error of the system. */
  send(packet: Uint8Array): Promise<void>
  close(): void
}

/** Called with each packet that somebody has sent to all, and the address that it comes from, with its zone. */
export type OnPacket = (packet: Buffer, from: string, link: Link) => void

/** Makes the link of an address of this machine. Rejects with the error of the system. */
export type OpenLink = (address: string, onPacket: OnPacket) => Promise<Link>

/** Of multicast DNS: whoever speaks it sends from this port, too. */
const PORT = 5353
const GROUPS = { udp4: '224.0.0.251', udp6: 'ff02::fb' }
/** What the standard has all packets sent with; they do not leave their network in any case. */
const HOPS = 255

/** A link over UDP. It does not keep the process alive, and others on this machine may have one, too. */
export const openLink: OpenLink = async (address, onPacket) => {
  const type = isIPv6(address) ? 'udp6' : 'udp4'
  const group = GROUPS[type]
  const socket = createSocket({ type, reuseAddr: true, ipv6Only: type === 'udp6' })
  try {
    socket.bind(PORT)
    await once(socket, 'listening')
    const own = address.replace(/^[^%]*(?=%)/, '::')
    socket.addMembership(group, own)
    socket.setMulticastInterface(own)
    socket.setMulticastTTL(HOPS)
  } catch (error) {
    socket.close()
    throw error
  }
  const link: Link = {
    address,
    send: promisify((packet: Uint8Array, done: (error: Error | null) => void) =>
      socket.send(packet, PORT, group, done),
    ),
    close: () => void socket.close(),
  }
  const heard = (packet: Buffer, { port, address: from }: RemoteInfo) => {
    if (port === PORT) onPacket(packet, from, link)
  }
  // of a packet that could not be received: it is lost, as any of them may be
  socket.on('error', () => {}).on('message', heard)
  socket.unref()
  return link
}
