import { badOption, checkKeys, checkOption, type Keys, pickKnown } from './options.js'
import type { Connect } from './reconnect/connections.js'
import { sendLasting } from './reconnect/lasting-sender.js'
import { type RetryOptions, retryOf } from './reconnect/retry.js'
import { heldByPeer } from './stages/bytes/held-back.js'
import { SendMemory } from './stages/bytes/send-memory.js'
import { checkWireStages, makeWireStages, type WireStage } from './stages/bytes/wire-stage.js'
import { deframer } from './stages/deframer.js'
import { joinedManifest } from './stages/file-source/joined-sources.js'
import { fileSource } from './stages/file-source.js'
import { framer } from './stages/framer.js'
import { hashTap } from './stages/hash-tap.js'
import { isManifest, type Manifest } from './stages/manifest/builder.js'
import { listingOf, MANIFEST_OPTIONS, type ManifestOptions } from './stages/manifest/manifest-of.js'
import { tap } from './stages/progress-tap.js'
import type { Item } from './stages/river/items.js'
import { isThrottle } from './stages/throttle.js'
import { lent } from './stores/sources.js'
import { StreamSource } from './stores/stream-source.js'
import {
  type ByteDuplex,
  CONNECTION_OPTIONS,
  type ConnectionOptions,
  checkConnection,
  keptOpenBy,
} from './transfer/connection.js'
import type { Continuing } from './transfer/lifecycle.js'
import { Sender } from './transfer/sender.js'
import type { Transfer } from './transfer/transfer.js'
import { limitsOf } from './wire/limits.js'

/** Options of {@link send}. */
export interface SendOptions extends Omit<ManifestOptions, 'open'>, ConnectionOptions {
  /**
   * Whether more may be attached: `true` until `end()` is called, 'while-busy' as long as anything of what was attached
   * before is still to be given out; then it ends by itself. Default: as the manifest says, or false.
   */
  open?: boolean | 'while-busy'
  /**
   * How often, and when, a connection that was lost is tried again; where `send` was given a function that makes one.
   */
  retry?: RetryOptions
  /** What stands between the framer and the socket; the receiver needs the same formats in the same order. */
  stages?: { wire?: readonly WireStage[] }
}

const OPTIONS: Keys<SendOptions> = {
  ...CONNECTION_OPTIONS,
  ...MANIFEST_OPTIONS,
  retry: true,
  stages: true,
}

/** Whether nobody gets to see what leaves in a wire stage. */
const isHarmless = (stage: WireStage) => isThrottle(stage) || !(stage.outgoing || stage.paired)

const BY_HAND =
  'a receiver by hand (sluice unpack), if it is one, goes one way and cannot answer; use receive() there, or send by hand (sluice pack)'

/**
 * Sends files and folders over a duplex stream to a `receive` on its other side: what that does not have already. What
 * it has is read and proved, and what did not come as it was sent is sent again, at most three times the size of a
 * file.
 *
 * With a function that makes a connection, it makes another one when that is lost, and goes on there: where the
 * receiver takes its connections by `Transfers.handle`, which asks nobody again. As long as that lasts, `finished` is
 * not settled, and the states `interrupted` and `connecting` follow each other. What is not accepted yet, and a stream,
 * are not tried again; who is attaching something then is told `ERR_INTERRUPTED`, and may attach it again.
 *
 * @param socket any duplex stream of bytes, or a function that makes one; it is ended afterwards unless `keepOpen`
 * @param source paths, or a manifest from `manifestOf` or `manifestFrom`, whose stream is destroyed if the transfer
 *   fails; or a function that gives one when the first connection is there, and may take its time
 * @returns at once; the transfer's `finished` resolves with one outcome per entry, or rejects with a `SluiceError`:
 * `ERR_REJECTED`, `ERR_CANCELLED`, `ERR_INTERRUPTED`, `ERR_TRUNCATED`, `ERR_TIMEOUT`, `ERR_FORMATS`,
 * `ERR_FILES_FAILED` (with `outcomes`), or what the receiver reports; `ERR_UNREACHABLE` where the first connection
 * could not be made
 * @throws SluiceError `ERR_USAGE` for an option, `ERR_STATE` for a socket that carries a transfer already, and for a
 *   manifest
 * of a stream that was sent before
 */
export function send(
  socket: ByteDuplex | Connect,
  source: readonly string[] | Manifest | ((signal: AbortSignal) => Promise<Manifest>),
  options: SendOptions = {},
): Transfer {
  checkKeys('options', options, OPTIONS)
  checkKeys('stages', options.stages, { wire: true })
  const isSource = Array.isArray(source) || isManifest(source) || typeof source === 'function'
  const expected =
    'a list of paths, a manifest from manifestOf() or manifestFrom(), or a function that gives one'
  checkOption('source', source, isSource, expected)
  if (isManifest(source) && source.offer.first > 0)
    throw badOption('source', 'an offer that follows no other, which cannot be sent without it', source)
  if (isManifest(source) && source.store instanceof StreamSource) source.store.checkUnread()
  const retry = retryOf(options.retry)
  const limits = limitsOf(options.limits)
  const { open } = options
  const isOpening = open === undefined || open === 'while-busy' || typeof open === 'boolean'
  checkOption('open', open, isOpening, "true, false or 'while-busy'")
  const keptOpen = keptOpenBy(options)
  const isOpen = open || (isManifest(source) && source.offer.open === true)
  // what is listed only over a connection, or after the offers before it, is what the paths lead to now
  const list = Array.isArray(source) ? listingOf(source, options) : undefined
  const ofListing = { ...pickKnown(options, MANIFEST_OPTIONS), open: isOpen !== false }
  const make = async (signal: AbortSignal): Promise<Manifest> => {
    if (typeof source === 'function') return source(signal)
    if (!isManifest(source)) return list!({ ...ofListing, signal })
    return { ...source, offer: { ...source.offer, ...(isOpen && { open: true }) } }
  }
  let manifest: Manifest | undefined
  /** What was attached, and has its answer. */
  const attached: Manifest[] = []
  const release = async () => {
    if (isManifest(source)) await source.store.close?.()
  }
  const begin = (duplex: ByteDuplex, continuing?: Continuing) => {
    const { maxFrame, heldBack, ...wire } = makeWireStages(options.stages?.wire, keptOpen, limits)
    const owing = [wire.owed]
    // a wire stage of the user's may hold on to what it is given, or send it twice
    const memory = (options.stages?.wire ?? []).every(isHarmless) ? new SendMemory() : undefined
    return new Sender(
      duplex,
      {
        framer: framer({ maxFrame }),
        deframer: (onTalk) => deframer({ limits, onTalk }),
        ...wire,
        owed: () => owing.flatMap((owed) => [...owed()]),
        unheard: (silence) =>
          heldBack.here(silence) ?? heldByPeer(silence, silence.said > 0 ? BY_HAND : undefined),
        sent: memory && ((chunk) => memory.used(chunk)),
      },
      {
        isOpen,
        prepare: async (signal) => {
          manifest ??= await make(signal)
          if (!continuing?.resume) return manifest
          manifest = joinedManifest([manifest, ...attached.splice(0)])
          // told once, over whichever connection
          return { ...manifest, skipped: [] }
        },
        attached: (made) => attached.push(made as Manifest),
        attach: (paths) => {
          const listMore = listingOf(paths, options)
          return (after, signal) => listMore({ ...ofListing, name: undefined, after, signal })
        },
        river: ({ plan, passed, failed, idle }) => {
          const given = (made: Manifest) => (continuing ? { ...made, store: lent(made.store) } : made)
          const source = fileSource(given(manifest!), {
            plan,
            untilSettled: true,
            maxRun: maxFrame,
            onIdle: idle,
            onFailure: failed,
            memory,
          })
          owing.push(() => [...source.owed()])
          const hashed = (item: Item) => {
            if (item.kind === 'run' && item.isProof) for (const bytes of item.buffers) memory?.used(bytes)
            passed(item)
          }
          return {
            stages: [source, hashTap(), tap(hashed)],
            source: {
              wake: () => source.wake(),
              finish: () => source.finish(),
              hold: (isHeld) => source.hold(isHeld),
              attach: (made) => source.attach(given(made as Manifest)),
            },
          }
        },
        isRereadable: (entry) => {
          const { store } = attached.findLast(({ offer }) => offer.first <= entry.index) ?? manifest!
          return store.rereadable(entry)
        },
        abandon: async () => {
          if (!continuing) await release()
        },
      },
      { ...options, limits, ...(continuing && { continuing }) },
    )
  }
  if (typeof socket !== 'function') return begin(socket).transfer
  checkConnection(options)
  checkOption('series', options.series, !options.series, 'false where a function makes the connections')
  checkOption(
    'head',
    options.head,
    options.head === undefined,
    'left out where a function makes the connections',
  )
  checkWireStages(options.stages?.wire, keptOpen)
  const { clock, signal } = options
  return sendLasting({ connect: socket, begin, retry, release, isOpen: isOpen !== false, clock, signal })
}
