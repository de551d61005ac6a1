import type { Owed } from './async.js'
import { badOption, checkKeys, checkOption, checkWhole, type Keys, pickKnown } from './options.js'
import type { Connect } from './reconnect/connections.js'
import { sendLasting } from './reconnect/lasting-sender.js'
import { type ReconnectOptions, retryOf } from './reconnect/retry.js'
import { heldByPeer } from './stages/bytes/held-back.js'
import { MemoryPool } from './stages/bytes/memory-pool.js'
import { checkWireStages, makeWireStages, type WireStage } from './stages/bytes/wire-stage.js'
import { deframer } from './stages/deframer.js'
import { joinedManifest } from './stages/file-source/joined-sources.js'
import { fileSource } from './stages/file-source.js'
import { framer } from './stages/framer.js'
import { hashTap } from './stages/hash-tap.js'
import { type Grown, isManifest, type Manifest } from './stages/manifest/builder.js'
import { listingOf, MANIFEST_OPTIONS, type ManifestOptions } from './stages/manifest/manifest-of.js'
import { watchPassing } from './stages/progress-tap.js'
import type { Item } from './stages/river/items.js'
import { spreader } from './stages/spreader.js'
import { isThrottle } from './stages/throttle.js'
import { lent } from './stores/sources.js'
import { StreamSource } from './stores/stream-source.js'
import {
  CONNECTION_OPTIONS,
  type ConnectionOptions,
  checkConnection,
  keptOpenBy,
} from './transfer/connection.js'
import type { Continuing } from './transfer/lifecycle.js'
import { Sender } from './transfer/sender.js'
import type { ByteDuplex } from './transfer/streams/byte-duplex.js'
import type { ChannelStages } from './transfer/streams/channel-stages.js'
import type { Transfer } from './transfer/transfer.js'
import type { Entry } from './wire/entry.js'
import { limitsOf, MOST_CONNECTIONS } from './wire/limits.js'

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
  retry?: ReconnectOptions
  /**
   * How many connections carry the transfer at once, 1 to 16, where `send` was given a function that makes them and
   * the receiver takes them by `Transfers.handle`: where one does not fill the way to it, several may. All but the
   * first are asked for with an attempt from 1 on, once the transfer is accepted. One that is lost gives what it had
   * to the others, and is made again by `retry`. Best with the algorithm `blocks`: by others the receiver reads files
   * again for their digests. Default 1.
   */
  connections?: number
  /** What stands between the framer and the socket; the receiver needs the same formats in the same order. */
  stages?: { wire?: readonly WireStage[] }
}

const OPTIONS: Keys<SendOptions> = {
  ...CONNECTION_OPTIONS,
  ...MANIFEST_OPTIONS,
  retry: true,
  connections: true,
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
 *   fails; or a function that gives one when the first connection is there, and may take its time: what it calls
 *   `grown` with meanwhile is said before
 * @returns at once; the transfer's `finished` resolves with one outcome per entry, or rejects with a `SluiceError`:
 * `ERR_REJECTED`, `ERR_CANCELLED`, `ERR_INTERRUPTED`, `ERR_TRUNCATED`, `ERR_TIMEOUT`, `ERR_FORMATS`,
 * `ERR_FILES_FAILED` (with `outcomes`), or what the receiver reports; `ERR_UNREACHABLE` where the first connection
 * could not be made
 * @throws SluiceError `ERR_USAGE` for an option, `ERR_STATE` for a socket that carries a transfer already, and for a
 *   manifest of a stream that was sent before
 */
export function send(
  socket: ByteDuplex | Connect,
  source: readonly string[] | Manifest | ((signal: AbortSignal, grown: Grown) => Promise<Manifest>),
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
  const { connections = 1 } = options
  checkWhole('connections', connections, 1, MOST_CONNECTIONS)
  const limits = limitsOf(options.limits)
  const { open } = options
  const isOpening = open === undefined || open === 'while-busy' || typeof open === 'boolean'
  checkOption('open', open, isOpening, "true, false or 'while-busy'")
  const keptOpen = keptOpenBy(options)
  checkWireStages(options.stages?.wire, keptOpen)
  const isOpen = open ?? (isManifest(source) && source.offer.open === true)
  // what is listed only over a connection, or after the offers before it, is what the paths lead to now
  const list = Array.isArray(source) ? listingOf(source, options) : undefined
  const ofListing = { ...pickKnown(options, MANIFEST_OPTIONS), open: isOpen !== false }
  const make = async (signal: AbortSignal, grown: Grown): Promise<Manifest> => {
    if (typeof source === 'function') return source(signal, grown)
    if (!isManifest(source)) return list!({ ...ofListing, signal }, grown)
    const { open: _, ...offer } = source.offer
    return { ...source, offer: { ...offer, ...(isOpen && { open: true }) } }
  }
  let manifest: Manifest | undefined
  /** What was attached, and has its answer. */
  const attached: Manifest[] = []
  const release = async () => {
    const given = manifest ?? (isManifest(source) ? source : undefined)
    await given?.store.close?.()
  }
  const begin = (duplex: ByteDuplex, continuing?: Continuing) => {
    // a wire stage of the user's may hold on to what it is given, or send it twice
    const memory = (options.stages?.wire ?? []).every(isHarmless) ? new MemoryPool() : undefined
    /** Made afresh for each connection, with the most bytes in a frame of it. */
    const stagesOf = (owed: (() => Iterable<Owed>)[]) => {
      const { maxFrame, heldBack, ...wire } = makeWireStages(options.stages?.wire, keptOpen, limits)
      const stages: ChannelStages = {
        framer: framer({ maxFrame }),
        deframer: (onTalk) => deframer({ limits, onTalk }),
        ...wire,
        owed: () => [wire.owed, ...owed].flatMap((some) => [...some()]),
        unheard: (silence) =>
          heldBack.here(silence) ?? heldByPeer(silence, silence.said > 0 ? BY_HAND : undefined),
        sent: memory && ((chunk) => memory.used(chunk)),
      }
      return { stages, maxFrame }
    }
    const owing: (() => Iterable<Owed>)[] = []
    const { stages, maxFrame } = stagesOf(owing)
    const isRereadable = (entry: Entry) => {
      const { store } = attached.findLast(({ offer }) => offer.first <= entry.index) ?? manifest!
      return store.rereadable(entry)
    }
    return new Sender(
      duplex,
      stages,
      {
        isOpen,
        prepare: async (signal, grown) => {
          manifest ??= await make(signal, grown)
          // who released it did not know of it yet
          if (signal.aborted && !continuing?.resume) await release()
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
        river: ({ plan, passed, failed, idle, held }) => {
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
          const spread = connections > 1 ? spreader({ isRereadable, onHeld: held }) : undefined
          return {
            stages: [source, watchPassing(hashTap(), hashed), ...(spread ? [spread] : [])],
            spread,
            source: {
              wake: () => source.wake(),
              finish: () => source.finish(),
              hold: (isHeld) => source.hold(isHeld),
              attach: (made) => source.attach(given(made as Manifest)),
            },
          }
        },
        laneStages: () => stagesOf([]).stages,
        isRereadable,
        abandon: async () => {
          if (!continuing) await release()
        },
      },
      { ...options, limits, ...(continuing && { continuing }) },
    )
  }
  if (typeof socket !== 'function') {
    checkOption('connections', connections, connections === 1, '1 where no function makes the connections')
    return begin(socket).transfer
  }
  checkConnection(options)
  checkOption('series', options.series, !options.series, 'false where a function makes the connections')
  checkOption(
    'head',
    options.head,
    options.head === undefined,
    'left out where a function makes the connections',
  )
  const { clock, signal } = options
  const isOpenAtAll = isOpen !== false
  return sendLasting({
    connect: socket,
    begin,
    retry,
    connections,
    release,
    isOpen: isOpenAtAll,
    clock,
    signal,
  })
}
