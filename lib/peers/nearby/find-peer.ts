import { deferred } from '../../async.js'
import { type Clock, MOST_TIMER, systemClock } from '../../clock.js'
import { SluiceError } from '../../errors.js'
import {
  checkAbortSignal,
  checkFunction,
  checkKeys,
  checkObject,
  checkWhole,
  type Keys,
} from '../../options.js'
import { showAddress } from '../connectors/address.js'
import { untilAborted } from '../connectors/resolve.js'
import { announcementsIn, checkKey, isOf, QUESTION } from './announcement.js'
import { loadCodec } from './codec.js'
import { Links, type LinksOptions } from './links.js'

/** What {@link findPeer} takes. */
export interface FindPeerOptions {
  /** Called with each address at which it may be, as soon as it is found; with at most 16 in all. */
  onFound(address: string): void
  /** Milliseconds for which it is looked for; 5,000 by default. */
  timeout?: number
  /** Ends it, with its reason. */
  signal?: AbortSignal
  clock?: Clock
}

const OPTIONS: Keys<FindPeerOptions> = { onFound: true, timeout: true, signal: true, clock: true }

/**
 * Looks for a peer in the networks that this machine is in, by multicast DNS: it answers if it was announced by
 * `announce`. What is found is where somebody claims to be who knows the key of the peer, or repeats what the peer has
 * said: `connect` has the key proved there. Resolves when the time is over.
 * @param publicKey of the peer, 32 bytes
 * @throws SluiceError `ERR_UNREACHABLE` if nothing was found, or no network can be asked; `ERR_USAGE`, or the reason of
 *   `signal`
 */
export async function findPeer(publicKey: Uint8Array, options: FindPeerOptions): Promise<void> {
  checkKey(publicKey)
  checkObject('options', options)
  checkKeys('options', options, OPTIONS)
  const { timeout = 5000 } = options
  checkFunction('onFound', options.onFound)
  checkWhole('timeout', timeout, 1, MOST_TIMER)
  checkAbortSignal('signal', options.signal)
  return findOver({}, publicKey, options)
}

/** Milliseconds after which it is asked: packets to all get lost, and a listener may be starting. */
const ASK_AT = [0, 1000, 3000]

/** Addresses that are told, at most. */
const MOST_FOUND = 16

/** Of these, on one machine: a user may have several listeners there. */
const MOST_OF_HOST = 4

/** The same in networks that are given, as those of a test. */
export async function findOver(
  network: Pick<LinksOptions, 'open' | 'interfaces'>,
  publicKey: Uint8Array,
  { onFound, timeout = 5000, signal, clock = systemClock }: FindPeerOptions,
): Promise<void> {
  signal?.throwIfAborted()
  const codec = await loadCodec()
  const found = new Map<string, Set<number>>()
  const count = () => Array.from(found.values()).reduce((sum, ports) => sum + ports.size, 0)
  const links = new Links({
    ...network,
    onPacket(packet, from) {
      const heard = codec.decode(packet)
      for (const announcement of heard ? announcementsIn(heard) : []) {
        const ports = found.get(from) ?? new Set()
        const isFull = ports.size === MOST_OF_HOST || count() === MOST_FOUND
        if (isFull || ports.has(announcement.port) || !isOf(announcement, publicKey)) continue
        found.set(from, ports.add(announcement.port))
        onFound(showAddress({ host: from, port: announcement.port }))
      }
    },
  })
  const { promise: over, resolve: end } = deferred<void>()
  const { promise: failed, reject: fail } = deferred<never>()
  const question = codec.encode(QUESTION)
  const ask = () => void links.send(question).catch(fail)
  const timers: (() => void)[] = []
  try {
    await untilAborted(links.update(), signal)
    timers.push(...ASK_AT.map((ms) => clock.after(ms, ask)), clock.after(timeout, end))
    await untilAborted(Promise.race([over, failed]), signal)
  } finally {
    for (const cancel of timers) cancel()
    links.close()
  }
  if (found.size > 0) return
  const message = `nobody in this network answers as the peer within ${timeout} ms; start the other side with --find, too`
  throw new SluiceError('ERR_UNREACHABLE', message)
}
