import { EventEmitter } from 'node:events'
import type { NetworkInterfaceInfo } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import type { Link, OnPacket, OpenLink } from '../../lib/peers/nearby/link.js'
import type { Interfaces } from '../../lib/peers/nearby/links.js'

/** An interface with these addresses; one of `fe80:` is good on its network only. */
export function interfaceWith(...addresses: string[]): NetworkInterfaceInfo[] {
  const common = { netmask: '', mac: '', internal: addresses[0] === '127.0.0.1', cidr: null }
  return addresses.map((address) =>
    address.includes(':')
      ? { ...common, address, family: 'IPv6', scopeid: address.startsWith('fe80:') ? 2 : 0 }
      : { ...common, address, family: 'IPv4' },
  )
}

/** A network in memory, with packets to all; machines see each other's packets, and their own. */
export class Network {
  readonly #wire = new EventEmitter().setMaxListeners(0)
  /** All that was sent, in order. */
  readonly sent: { packet: Buffer; from: string }[] = []
  /** Links that are open. */
  readonly open = new Set<Link>()

  /** A machine in this network, with an interface of these addresses. */
  machine(...addresses: string[]): { open: OpenLink; interfaces: () => Interfaces } {
    const open: OpenLink = async (address, onPacket) => this.#link(address, onPacket)
    return {
      open,
      interfaces: () => ({ lo: interfaceWith('127.0.0.1'), eth0: interfaceWith(...addresses) }),
    }
  }

  /** Somebody sends a packet to all. */
  send(packet: Uint8Array, from: string): void {
    this.sent.push({ packet: Buffer.from(packet), from })
    this.#wire.emit('packet', Buffer.from(packet), from)
  }

  #link(address: string, onPacket: OnPacket): Link {
    const link: Link = {
      address,
      send: async (packet) => this.send(packet, address),
      close: () => {
        this.open.delete(link)
        this.#wire.off('packet', hear)
      },
    }
    const hear = (packet: Buffer, from: string) => onPacket(packet, from, link)
    this.#wire.on('packet', hear)
    this.open.add(link)
    return link
  }
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let at = 0; at < 50; at++) await setImmediate()
}
