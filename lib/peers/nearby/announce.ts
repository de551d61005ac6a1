import { networkInterfaces } from 'node:os'
import type { Clock } from '../../clock.js'
import { asSluiceError, type SluiceError } from '../../errors.js'
import { backgroundClock } from '../../files/own/lease.js'
import {
  checkAbortSignal,
  checkCallback,
  checkKeys,
  checkObject,
  checkOption,
  type Keys,
} from '../../options.js'
import { announcementOf, answerOf, checkKey, isQuestion } from './announcement.js'
import { loadCodec } from './codec.js'
import { Links, type LinksOptions } from './links.js'
import { reachOf } from './reach.js'

/** What {@link announce} takes. */
export interface AnnounceOptions {
  /** Called with the reason when no network can be told any more, or yet: it goes on trying. */
  onWarning?(warning: SluiceError): void
  /** Ends it, as `close` does. */
  signal?: AbortSignal
}

const OPTIONS: Keys<AnnounceOptions> = { onWarning: true, signal: true }

/** What is announced, until it is closed. */
export interface Announcing {
  /** Takes it back: nobody is answered any more. It may be called twice. */
  close(): Promise<void>
}

/**
 * Lets others in the same network find a listener by its key, as `findPeer` does, by multicast DNS: whoever asks there
 * is told its port, and something that only those recognise who know the key. It is told in all networks in which this
 * machine is, and in those that it joins meanwhile. Nothing of it keeps the process alive.
 * @param publicKey of the listener, 32 bytes
 * @param addresses those of the listener
 * @throws SluiceError `ERR_USAGE` for an option, or if no address is one of TCP; `ERR_UNREACHABLE` if no network can be
 *   told, and there is no `onWarning`; the reason of `signal`
 */
export async function announce(
  publicKey: Uint8Array,
  addresses: readonly string[],
  options: AnnounceOptions = {},
): Promise<Announcing> {
  checkKey(publicKey)
  checkOption('addresses', addresses, Array.isArray(addresses), 'a list of addresses')
  checkObject('options', options)
  checkKeys('options', options, OPTIONS)
  checkCallback('onWarning', options.onWarning)
  checkAbortSignal('signal', options.signal)
  return announceOver({}, publicKey, addresses, options, backgroundClock)
}

/** Milliseconds between two looks at the networks of this machine. */
const LOOK_EVERY = 10_000

/** Milliseconds between two answers in a network, as the standard has it: an answer goes to all who may have asked. */
const PAUSE = 1000

/** The same in networks that are given, as those of a test. */
export async function announceOver(
  network: Pick<LinksOptions, 'open' | 'interfaces'>,
  publicKey: Uint8Array,
  addresses: readonly string[],
  { onWarning, signal }: AnnounceOptions,
  clock: Clock,
): Promise<Announcing> {
  signal?.throwIfAborted()
  const { interfaces = networkInterfaces } = network
  const { port, isAt } = reachOf(addresses, interfaces())
  const announcement = announcementOf(publicKey, port)
  const codec = await loadCodec()
  signal?.throwIfAborted()
  const answer = codec.encode(answerOf(announcement))
  /** When it was said last. */
  const said = new Map<string, number>()
  const links = new Links({
    ...network,
    isUsable: (address) => isAt(address),
    onPacket(packet, _from, link) {
      const now = clock.now()
      if (now - (said.get(link.address) ?? -PAUSE) < PAUSE) return
      const heard = codec.decode(packet)
      if (!heard || !isQuestion(heard)) return
      said.set(link.address, now)
      // whoever has heard nothing asks again
      link.send(answer).catch(() => {})
    },
  })
  let cancel = () => {}
  let isWarned = false
  let closing: Promise<void> | undefined
  const look = async () => {
    try {
      await links.update()
      isWarned = false
    } catch (error) {
      if (!isWarned) onWarning?.(asSluiceError(error, 'ERR_UNREACHABLE', 'no network can be told'))
      isWarned = true
    }
    if (!closing) cancel = clock.after(LOOK_EVERY, look)
  }
  const end = async () => {
    cancel()
    signal?.removeEventListener('abort', close)
    // where nobody can be told, nobody has been
    await links.send(codec.encode(answerOf(announcement, true))).catch(() => {})
    links.close()
  }
  const close = () => {
    closing ??= end()
    return closing
  }
  signal?.addEventListener('abort', close)
  try {
    if (!onWarning) await links.update()
  } catch (error) {
    await close()
    throw error
  }
  await look()
  return { close }
}
