import type { Duplex, Readable, Writable } from 'node:stream'
import type { SluiceError } from '../errors.js'
import type { Entry, Offer } from '../wire/entry.js'
import type { Resume, WantMessage } from '../wire/messages.js'
import type { OutcomeRange } from '../wire/outcome.js'
import type { Run } from '../wire/run.js'
import type { Made } from './attachments.js'
import type { Inlet, LaneOwner, MakeInlet } from './lanes/incoming-lanes.js'
import type { Spread } from './lanes/outgoing-lanes.js'
import type { Known } from './plan/known.js'
import type { Plan } from './plan.js'
import type { ChannelStages } from './streams/channel-stages.js'
import type { TransferControl } from './transfer.js'

// What send and receive make for a session: the stages of its river, and what is to be answered.

/** What the stages of a river tell the session. */
export interface RiverHooks {
  plan: Plan
  /** An item has passed: at a sender before it is framed, at a receiver behind the demuxer. */
  passed(
    item: Run | { kind: 'offer' | 'blocks' | 'chunks' | 'answered' | 'digests' | 'stored' | 'end' },
  ): void
  warn(warning: SluiceError): void
}

/** What the stages of a sender tell the session. */
export interface SenderHooks extends RiverHooks {
  failed(error: SluiceError, entry: Entry): void
  /** Nothing is left to be given out at the moment. */
  idle(): void
  /** Nothing is given out until a lane has brought what it was given long ago, or is closed. */
  held(): void
}

/** What a sender has to say and to give, made by `send`. */
export interface Sending {
  /** Whether more may be attached: until that is ended, or while what was attached before is not given out. */
  isOpen: boolean | 'while-busy'
  /**
   * Makes the offer; `skipped` becomes warnings. `signal` aborts when the transfer is over before. May call `grown`
   * with what is known of the offer meanwhile, and goes on when that resolves.
   */
  prepare(signal: AbortSignal, grown: (offer: Offer) => Promise<void>): Promise<Made>
  /** Settles where the paths lead, and gives what makes another offer of them, which goes on where `after` ends. */
  attach(paths: readonly string[]): (after: Offer, signal: AbortSignal) => Promise<Made>
  /** It was answered: it is part of what {@link prepare} gives for another connection. */
  attached(made: Made): void
  /**
   * Makes the stages from the source to just before the framer. The source gives the offer out first, then what the
   * plan wants; it is told when that has changed, when nothing more will be asked for, and when it is to
   * read nothing for a while.
   */
  river(hooks: SenderHooks): {
    stages: [Readable, ...Duplex[]]
    source: { wake(): void; finish(): void; hold(isHeld: boolean): void; attach(made: Made): void }
    /** Where further connections are wanted. */
    spread?: Spread | undefined
  }
  /** Makes the stages around a further connection. */
  laneStages(): ChannelStages
  /** Whether an entry can be read again over another connection. */
  isRereadable(entry: Entry): boolean
  /** Closes what was to be sent, where the transfer ended before there was a river. */
  abandon(): Promise<void>
}

/** What a receiver answers to an offer. */
export interface Decision {
  accept: boolean
  /** Why not. */
  reason?: string
  /** Whether each entry of the offer is to come; all if left out. */
  wanted?: readonly boolean[]
  /** By which the sender proves over another connection that the transfer is its own. */
  secret?: Buffer
  /** The transfer that the sender goes on with, where it began over another connection. */
  goesOn?: TransferControl
}

/** What a sender has said in HELLO of other connections. */
export interface SaidHello {
  /** It makes another one when this one is lost. */
  reconnects: boolean
  /** It goes on with a transfer, and proves that this is its own. */
  resume?: Resume | undefined
}

/** What the stages of a receiver tell the session. */
export interface ReceiverHooks extends RiverHooks {
  /** An offer is complete: asks, answers, decides in the plan. A 'rejected' attached one does not end the transfer. */
  offered(offer: Offer): Promise<'rejected' | undefined>
  /** Entries have their outcome; resolves when more can be told. */
  settled(ranges: readonly OutcomeRange[]): Promise<void>
  /** The paths that the transfer gave, over all connections until now. */
  acknowledged(): Iterable<string>
  /** Blocks of a file are to come again, or to be proved. */
  wanted(want: WantMessage): void
}

/** What a receiver does with what comes, made by `receive`. */
export interface Receiving {
  /** Makes the stages behind the deframer. `foreign` are those that are not ours, and may not close as ours do. */
  river(hooks: ReceiverHooks): {
    stages: [...Duplex[], Writable]
    foreign: readonly Duplex[]
    /** What is there already of the wanted files. */
    claim(offer: Offer, isWanted: (entry: Entry) => boolean): Promise<Known>
    /**
     * Resolves when what came is stored, or will not be.
     * @param isInputEnded whether the deframer has been told that nothing more comes: what it still has counts, too
     */
    stored(isInputEnded: boolean): Promise<void>
    /** Makes an inlet for the data of a further connection. */
    inlet: MakeInlet
    /** All that comes goes into an inlet of another river. */
    divert(inlet: Inlet): void
    /** Nothing is to stay of what has not ended. */
    discard(): void
  }
  /**
   * A connection is to become a lane of a transfer: the session of its first connection, if it is proved to belong to
   * that.
   */
  owner?: ((resume: Resume) => LaneOwner | undefined) | undefined
  /** `signal` aborts when the transfer is over, whatever the answer will be. */
  decide(offer: Offer, signal: AbortSignal, hello: SaidHello): Promise<Decision>
}
