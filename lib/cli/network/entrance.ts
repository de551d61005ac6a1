import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { deferred } from '../../async.js'
import { type Clock, systemClock } from '../../clock.js'
import { counted, printable, SluiceError } from '../../errors.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { MOST_ADDRESSES, plainAddress } from '../../peers/addresses.js'
import { connectorFor } from '../../peers/connectors/connector-for.js'
import { identity } from '../../peers/identity.js'
import { Invitations } from '../../peers/invitations.js'
import { fingerprint, sameKey, showKey } from '../../peers/keys.js'
import { type KnownPeer, KnownPeers, unknownPeer } from '../../peers/known-peers.js'
import { listen } from '../../peers/listen.js'
import type { Stranger } from '../../peers/secure.js'
import { encodeTicket, isTicket, makeTicket } from '../../peers/ticket.js'
import type { Context } from '../ui/context.js'
import { announced } from './find.js'
import { parseLife } from './life.js'
import { listenAt } from './sockets.js'

/** How a command listens. */
export interface ListenFlags {
  listen?: string
  /** Addresses that lead here besides those of this machine, as that of a router. */
  address?: string[]
  /** Nothing is proved, and nothing encrypted. */
  plain?: boolean
  /** Names of known peers, who are let in without a ticket; then there is none. */
  allow?: string[]
  /** How many others a ticket is good for. */
  many?: string
  /** How long a ticket is good for those who have not come yet. */
  expires?: string
  /** Show the ticket as a QR code, too. */
  qr?: boolean
  /** Others in the same network find this side by its key. */
  find?: boolean
}

/** Who is at the other end of a connection. */
export interface Caller {
  /** Where the connection comes from. */
  address?: string
  /** By which ticket it came, or was reached: one that this side has printed, or was given. */
  ticket?: 'printed' | 'given' | undefined
  /** Where it was reached: it listens there. */
  reachedAt?: string
  /** What is proved, where the connection is a secure channel. */
  key?: Uint8Array
  /** What this secure channel has, and no other. */
  handshakeHash?: Uint8Array
  /** Closes the connection, where nothing is to come of it. */
  hangUp: () => void
  /** For people: the name of the peer, if it has one here, and its fingerprint. */
  who?: string
}

interface EntranceEvents {
  connection: [duplex: Duplex, caller: Caller]
  /** A connection came to nothing. */
  refused: [error: SluiceError]
  /** Nobody new can come with the ticket any more, although it was not used up. */
  expired: []
}

/** Where connections come in. */
export class Entrance extends EventEmitter<EntranceEvents> {
  /** What the other side is given: a ticket, or an address where it is known, or nothing is proved. */
  readonly word: string
  /** What makes this side known at the other one, as `NAME`, where that has to be run there before. */
  readonly introduction: string | undefined
  readonly #close: () => void
  readonly #served = deferred<void>()

  constructor(word: string, close: () => void, introduction?: string) {
    super()
    this.word = word
    this.introduction = introduction
    this.#close = close
  }

  /** What to run at the other side, where `command` gives that for whom to name. */
  hint(command: (whom: string) => string): string[] {
    if (this.introduction === undefined) return [command(this.word)]
    return [this.introduction, command('NAME')]
  }

  /** To be called once somebody listens to the events: who comes before waits until then. */
  serve(): void {
    this.#served.resolve()
  }

  /** Somebody has come. */
  async enter(duplex: Duplex, caller: Caller): Promise<void> {
    await this.#served.promise
    this.emit('connection', duplex, caller)
  }

  /** Takes no more connections; those that stand go on. */
  close(): void {
    this.#close()
  }
}

/** Listens as the flags say. Fails with `ERR_USAGE`, or as the identity of the user does. */
export async function openEntrance(
  flags: ListenFlags,
  context: Pick<Context, 'signal' | 'reporter'>,
  clock = systemClock,
): Promise<Entrance> {
  return flags.plain ? plainEntrance(flags, context.signal) : secureEntrance(flags, context, clock)
}

async function plainEntrance(flags: ListenFlags, signal: AbortSignal): Promise<Entrance> {
  const { server, address } = await listenAt(flags.listen ?? '127.0.0.1:0', signal)
  const entrance = new Entrance(address, () => server.close())
  server.on('connection', (socket) => {
    const { remoteAddress } = socket
    const hangUp = () => socket.destroy()
    void entrance.enter(socket, { hangUp, ...(remoteAddress !== undefined && { address: remoteAddress }) })
  })
  return entrance
}

async function secureEntrance(
  { listen: at = '*:0', address = [], allow, many, expires, find }: ListenFlags,
  context: Pick<Context, 'signal' | 'reporter'>,
  clock: Clock,
): Promise<Entrance> {
  const fs = commandFileSystem
  const peers = new KnownPeers({ fs })
  const elsewhere = address.map(checkedAddress)
  const own = await identity({ fs })
  if (allow?.some(isTicket))
    throw new SluiceError('ERR_USAGE', '--allow takes the name of a known peer, and not a ticket')
  const allowed = allow && (await Promise.all(allow.map((name) => knownPeer(peers, name, 'no known peer'))))
  const invitations = new Invitations({ clock })
  const ttl = parseLife(expires)
  const secret = allowed ? undefined : invitations.issue({ many: manyOf(many), ttl })
  const admit = (stranger: Stranger) => {
    if (!allowed) return invitations.admit(stranger)
    if (allowed.some(({ key }) => sameKey(key, stranger.key))) return true
    const message = `a dialler was not let in: ${fingerprint(stranger.key)} is not one that --allow names`
    throw new SluiceError('ERR_IDENTITY', message)
  }
  const opened = deferred<Entrance>()
  // whoever comes back goes on with the transfer of the same name, also if it has got another one here meanwhile
  const names = new Map<string, string>()
  const nameOf = async (key: Uint8Array) => {
    const name = names.get(showKey(key)) ?? (await shownPeer(peers, key))
    names.set(showKey(key), name)
    return name
  }
  const listening = await listen({
    identity: own,
    addresses: [at],
    admit,
    signal: context.signal,
    async onConnection(duplex, from) {
      // whoever fails before is told of by the transfer
      duplex.on('error', () => {})
      const { peerKey: key, handshakeHash } = duplex
      const [entrance, who] = await Promise.all([opened.promise, nameOf(key)])
      const hangUp = () => duplex.destroy()
      const ticket = secret ? { ticket: 'printed' as const } : {}
      await entrance.enter(duplex, { ...from, ...ticket, key, handshakeHash, who, hangUp })
    },
    onRefused: async (error) => (await opened.promise).emit('refused', error),
  })
  const { addresses } = listening
  // whoever names one knows best where others are
  const told = [...new Set([...elsewhere, ...addresses])].slice(0, MOST_ADDRESSES)
  const { publicKey } = own
  try {
    const word = secret ? encodeTicket(makeTicket({ addresses: told, publicKey, secret })) : told[0]!
    const known = told.slice(0, 8).map((one) => printable(one))
    const introduction = allowed && `sluice peers add NAME ${showKey(publicKey)} ${known.join(' ')}`
    const announcing = find ? await announced({ publicKey, addresses, at }, context) : undefined
    const close = () => {
      cancel()
      void listening.close()
      void announcing?.close()
    }
    const entrance = new Entrance(word, close, introduction)
    const expire = () => names.size < manyOf(many) && entrance.emit('expired')
    const cancel = secret ? clock.after(ttl, expire) : () => {}
    opened.resolve(entrance)
    return entrance
  } catch (error) {
    await listening.close()
    throw error
  }
}

/** One of `--address`, in the spelling of tickets. Throws `ERR_USAGE` for what nobody can connect to. */
function checkedAddress(address: string): string {
  connectorFor(address)
  return plainAddress('--address', address)
}

/**
 * The peer of a name, who has to be known. Throws `ERR_USAGE`, with what the name `isNot`, and the way out, the `hint`.
 */
export async function knownPeer(
  peers: KnownPeers,
  name: string,
  isNot: string,
  hint = '; sluice peers add makes somebody known',
): Promise<KnownPeer> {
  const known = await peers.list()
  const peer = known.find((one) => one.name === name)
  if (peer) return peer
  throw unknownPeer(name, known, { isNot, hint })
}

/** A peer for people. */
export async function shownPeer(peers: KnownPeers, key: Uint8Array): Promise<string> {
  const print = fingerprint(key)
  // a damaged list is reported by those commands that need it
  const known = await peers.findByKey(key).catch(() => undefined)
  return known ? `${printable(known.name)} (${print})` : print
}

/** Whether the only one that the ticket is good for has come with the first one that is let in. */
export function isForOne({ plain, allow, many }: ListenFlags): boolean {
  return !plain && allow === undefined && manyOf(many) === 1
}

export function manyOf(many: string | undefined): number {
  if (many === undefined) return 1
  const count = /^[1-9]\d{0,5}$/.test(many) ? Number(many) : 0
  if (count > 0) return count
  throw new SluiceError('ERR_USAGE', `--many must be a whole number from 1, not "${printable(many, 100)}"`)
}

/** For how many a ticket is good, for people. */
export function goodFor({ many }: ListenFlags): string {
  const count = manyOf(many)
  return count === 1 ? 'one other' : counted(count, 'other')
}
