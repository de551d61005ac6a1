import type { Transform } from 'node:stream'
import { deferred, inSlices } from './async.js'
import { asSluiceError, type SluiceError } from './errors.js'
import { checkFlag, checkKeys, checkObject, checkOption, type Keys, pickKnown } from './options.js'
import {
  checkFileStages,
  makeForeignStage,
  nameOfStage,
  owedBy,
  type StageStream,
} from './stages/bytes/foreign-stage.js'
import { heldByPeer } from './stages/bytes/held-back.js'
import { MemoryPool } from './stages/bytes/memory-pool.js'
import { makeWireStages, type WireStage } from './stages/bytes/wire-stage.js'
import { deframer } from './stages/deframer.js'
import { demuxer } from './stages/demuxer.js'
import { FINALIZER_OPTIONS } from './stages/finalizer/options.js'
import { type FinalizerOptions, finalizer } from './stages/finalizer.js'
import { framer } from './stages/framer.js'
import { hashTap } from './stages/hash-tap.js'
import type { LaneInlet } from './stages/lanes/lane-inlet.js'
import { PART_SINK_OPTIONS, type PartSinkOptions } from './stages/part-sink/options.js'
import { partSink } from './stages/part-sink.js'
import { tap } from './stages/progress-tap.js'
import { itemCheck } from './stages/river/given-items.js'
import { checkPartStore } from './stores/parts.js'
import { CONNECTION_OPTIONS, type ConnectionOptions, keptOpenBy } from './transfer/connection.js'
import type { Continuing } from './transfer/lifecycle.js'
import type { Known } from './transfer/plan/known.js'
import { isQuota, type Quota, QuotaUse } from './transfer/quota.js'
import { Receiver } from './transfer/receiver.js'
import type { Decision, SaidHello } from './transfer/rivers.js'
import type { ByteDuplex } from './transfer/streams/byte-duplex.js'
import type { Transfer } from './transfer/transfer.js'
import type { Entry, Offer } from './wire/entry.js'
import { limitsOf } from './wire/limits.js'
import type { Resume } from './wire/messages.js'

/** What `accept` may answer: yes, no, or which entries and why not. */
export type Accept =
  | boolean
  | {
      accept: boolean
      /** Told to the sender when the offer is rejected. */
      reason?: string
      /** The entries that are wanted; the others are not sent. */
      select?: (entry: Entry) => boolean
    }

/** Options of {@link receive}. What `warn` is told is also the event `warning` of the transfer. */
export interface ReceiveOptions
  extends ConnectionOptions,
    PartSinkOptions,
    Omit<FinalizerOptions, 'outcomes' | 'missing' | 'onSettled' | 'repair' | 'acknowledged'> {
  /**
   * Whether an offer is taken: `'all'`, or a function that is asked. There is no default: who sends is a stranger.
   * The signal aborts when the transfer ends before there is an answer, and nobody has to be asked any more.
   */
  accept: 'all' | ((offer: Offer, signal: AbortSignal) => Accept | Promise<Accept>)
  /** Looks at what stands while an offer still comes, before `accept` is asked. Default: whether that is 'all'. */
  lookAhead?: boolean
  /**
   * `wire`: what stands between the socket and the deframer; the sender needs the same formats in the same order.
   * `file`: makers of Transforms over items, after the digest was taken: scan, filter, rename, convert. An entry of
   * which nothing passes is skipped as 'filtered'. For another path or another size the cuts get an entry that says so,
   * a copy with the same index. Each gives items of the kinds that it is given, the offer first. With any of them,
   * files are received whole: what they have seen cannot pass them again.
   */
  stages?: { wire?: readonly WireStage[]; file?: readonly (() => StageStream)[] }
  /**
   * How much somebody may bring over time, as `FileQuota` counts it. An offer is rejected before `accept` is asked if
   * it is more than all of that, or nothing is left. Of others only what is missing here counts; if that is more than
   * what is left, the transfer ends with `ERR_REJECTED`, `found: 'quota'`: before anything comes, if the sizes are
   * known. Default: no limit.
   */
  quota?: Quota
}

const { outcomes, missing, onSettled, repair, acknowledged: _, ...OF_FINALIZER } = FINALIZER_OPTIONS

const OPTIONS: Keys<ReceiveOptions> = {
  ...CONNECTION_OPTIONS,
  ...PART_SINK_OPTIONS,
  ...OF_FINALIZER,
  accept: true,
  lookAhead: true,
  stages: true,
  quota: true,
}

/**
 * Receives what a `send` on the other side of a duplex stream offers, into the folder `dir`, or into a `store`. It goes
 * on with what earlier transfers left of the same files, all of which is proved, and asks again for what is not what
 * was sent; neither with file stages, nor for a stream of unknown size. When the connection breaks, what came is stored
 * first.
 *
 * @param socket any duplex stream of bytes; it is ended afterwards unless `keepOpen`
 * @returns at once; the transfer's `finished` resolves with one outcome per entry, or rejects with a `SluiceError`:
 * `ERR_REJECTED`, `ERR_CANCELLED`, `ERR_INTERRUPTED`, `ERR_UNREACHABLE`, `ERR_TRUNCATED`, `ERR_TIMEOUT`,
 * `ERR_NOT_SLUICE`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`, `ERR_PATH`, `ERR_DISK_FULL`, `ERR_READ_ONLY`,
 * `ERR_PERMISSION`, `ERR_UNSAFE_LINK`, or `ERR_FILES_FAILED` (with `outcomes`)
 * @throws SluiceError `ERR_USAGE` for an option, `ERR_STATE` for a socket that carries a transfer already
 */
export function receive(socket: ByteDuplex, options: ReceiveOptions): Transfer {
  return beginReceiving(socket, options).transfer
}

/** What is done by whoever has the receiver go on over other connections. */
export interface LastingCalls extends Pick<Continuing, 'failed'> {
  /** Asks about an offer, or knows the transfer. */
  decide(offer: Offer, signal: AbortSignal, hello: SaidHello, ask: () => Promise<Decision>): Promise<Decision>
  /** The session of the transfer to which a further connection belongs, if that is proved. */
  owner(resume: Resume): Receiver | undefined
}

/** {@link receive} over one of several connections. */
export function beginReceiving(
  socket: ByteDuplex,
  options: ReceiveOptions,
  lasting?: LastingCalls,
): Receiver {
  checkObject('options', options)
  checkKeys('options', options, OPTIONS)
  checkKeys('stages', options.stages, { wire: true, file: true })
  checkFileStages(options.stages?.file)
  const limits = limitsOf(options.limits)
  const { accept, lookAhead = accept === 'all', stages, quota } = options
  checkFlag('lookAhead', lookAhead)
  checkOption('quota', quota, quota === undefined || isQuota(quota), 'a FileQuota, or what has its methods')
  const ofOffers = accept === 'all' ? { ...limits, unaccepted: Number.MAX_SAFE_INTEGER } : limits
  const isAccept = accept === 'all' || typeof accept === 'function'
  checkOption('accept', accept, isAccept, "'all' or a function that is asked about each offer")
  if (options.store !== undefined) checkPartStore(options.store, options.conflict, options.publish)
  const { maxFrame, heldBack, ...wire } = makeWireStages(stages?.wire, keptOpenBy(options), limits)
  const makers = stages?.file ?? []
  // else nothing is looked for, or each file by itself
  const looksForAll = options.unless !== 'nothing' && options.publish !== 'together'
  const looksAhead = lookAhead && makers.length === 0 && looksForAll && options.durability !== 'power'
  const owing = [wire.owed]
  // a stage of the user's, and a store, may hold on to what they are given
  const isOurs = makers.length === 0 && wire.incoming.length === 0 && options.store === undefined
  const memory = isOurs ? new MemoryPool() : undefined
  // a stage of the user's, and such a store, are given the bytes of a file in order
  const takesLanes = makers.length === 0 && options.store?.features?.order !== 'ascending'
  // where the connection is cut off, what came before is stored before anything fails
  const cut = deferred<void>()
  const receiver: Receiver = new Receiver(
    socket,
    {
      framer: framer({ maxFrame }),
      deframer: (onTalk) => deframer({ limits, onTalk, afterCut: () => cut.promise, memory }),
      ...wire,
      owed: () => owing.flatMap((owed) => [...owed()]),
      unheard: (silence) => heldBack.here(silence) ?? heldByPeer(silence),
      memory,
    },
    {
      owner: lasting?.owner,
      decide: (offer, signal, hello) => {
        const decided = () => decide(offer, signal, accept)
        const use = quota && QuotaUse.of(quota, receiver.control, options.clock)
        const ask = () => (use ? use.ask(offer, signal, decided) : decided())
        return lasting ? lasting.decide(offer, signal, hello, ask) : ask()
      },
      river: ({ plan, offered, passed, settled, acknowledged, wanted, ...hooks }) => {
        const warn = (warning: SluiceError) => {
          hooks.warn(warning)
          options.warn?.(warning)
        }
        // where stages of the user's stand between, nobody knows what of it arrives
        const drain = async () => {
          if (makers.length === 0) await sink.drain(plan.cameBytes)
        }
        const use = () => receiver.control.use
        const first = demuxer({
          limits: ofOffers,
          names: options.names,
          platform: options.platform,
          plan,
          onOffer: offered,
          onItem: (item) => {
            if (item.kind === 'run') use()?.passed(item)
            passed(item)
          },
          onCut: async () => {
            await drain()
            cut.resolve()
          },
        })
        // where nothing was cut off, or it failed before that
        const over = deferred<void>()
        first.once('close', over.resolve)
        const inSeries = () => receiver.transfer.hasNext
        if (looksAhead) first.on('entries', (entries: readonly Entry[]) => sink.lookAhead(entries))
        const sink = partSink({ ...pickKnown(options, PART_SINK_OPTIONS), inSeries, warn, memory })
        const last = finalizer({
          ...pickKnown(options, OF_FINALIZER),
          warn,
          onSettled: settled,
          acknowledged,
          // what comes again cannot pass a stage twice that has seen all of it
          ...(makers.length === 0 && {
            repair: { plan, want: wanted, copied: (entry, bytes) => use()?.copied(entry, bytes) },
          }),
          missing: makers.length > 0 ? 'skip' : 'fail',
          // the session keeps what is to be said of each
          outcomes: 'failed',
        })
        // last, so that a wrong option leaves no stage of somebody else's behind
        const foreign = makers.map((make, at) =>
          makeForeignStage(`stages.file[${at}]`, make, { ofItems: true }),
        )
        owing.push(() => [...foreign.flatMap((stage) => [...owedBy(stage)]), ...sink.owed()])
        const claim = async (offer: Offer, isWanted: (entry: Entry) => boolean) => {
          const known: Known =
            foreign.length > 0
              ? { claims: new Map() }
              : await sink.claim(offer, { isWanted, obey: (store) => last.tell(store, offer) })
          await use()?.expect(offer, isWanted, known)
          return known
        }
        return {
          foreign,
          stages: [first, hashTap(), ...foreign.flatMap(checkedStage), sink, last],
          claim,
          stored: async (isInputEnded) => {
            if (isInputEnded) await Promise.race([cut.promise, over.promise])
            await drain()
          },
          discard: () => sink.discardAll(),
          inlet: (took) => first.confluence.inlet(took),
          divert: (inlet) => {
            first.inlet = inlet as LaneInlet
          },
        }
      },
    },
    { ...options, limits, ...(lasting && { continuing: { ...lasting, takesLanes } }) },
  )
  return receiver
}

/**
 * Behind each stage of the user's what it gives is looked at, so that its error names it, and not the one that takes
 * it.
 */
function checkedStage(stage: Transform, at: number): Transform[] {
  return [stage, tap(itemCheck(nameOfStage(stage, `stages.file[${at}]`)))]
}

async function decide(
  offer: Offer,
  signal: AbortSignal,
  accept: ReceiveOptions['accept'],
): Promise<Decision> {
  if (accept === 'all') return { accept: true }
  try {
    const answer = await accept(offer, signal)
    const { select, ...decision } = typeof answer === 'boolean' ? { accept: answer } : checked(answer)
    if (!decision.accept || select === undefined) return decision
    const wanted: boolean[] = []
    await inSlices(offer.entries, (entry) => wanted.push(chosen(select(entry))))
    return { ...decision, wanted }
  } catch (cause) {
    // `throw undefined` as well: it must not pass for no error
    throw asSluiceError(cause, 'ERR_DESTROYED', 'accept failed')
  }
}

/** Only a clear yes is one: an answer may come from a form, or from a program without types. */
function checked(answer: Exclude<Accept, boolean>): Exclude<Accept, boolean> {
  const { accept, reason, select } = answer ?? {}
  const isAnswer =
    typeof accept === 'boolean' &&
    (reason === undefined || typeof reason === 'string') &&
    (select === undefined || typeof select === 'function')
  const expected = 'true, false, or { accept: true or false, reason?: text, select?: function }'
  checkOption('what accept answers', answer, isAnswer, expected)
  checkKeys('what accept answers', answer, { accept: true, reason: true, select: true })
  return answer
}

/** A promise would be a yes to everything. */
function chosen(wanted: boolean): boolean {
  checkOption('what select answers', wanted, typeof wanted === 'boolean', 'true or false, at once')
  return wanted
}
