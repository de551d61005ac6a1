import { type Code, SluiceError } from '../errors.js'
import type { Entry } from '../wire/entry.js'
import type { Resume } from '../wire/messages.js'
import type { Outcome, OutcomeRange } from '../wire/outcome.js'
import type { SessionOptions } from './channel.js'
import type { OutgoingLanes } from './lanes/outgoing-lanes.js'
import type { Progress } from './progress.js'
import type { ChannelStages } from './streams/channel-stages.js'
import type { TransferControl } from './transfer.js'

/**
 * Where a transfer stands. It is `paused` while one of the sides wants that, and goes back to what it was before. The
 * last five are final, but for `interrupted` where another connection is tried or waited for; else that can be resumed
 * by running it again.
 */
export type TransferState =
  | 'preparing'
  | 'connecting'
  | 'offered'
  | 'sending'
  | 'receiving'
  | 'paused'
  | 'completed'
  | 'rejected'
  | 'cancelled'
  | 'interrupted'
  | 'failed'

/** Which sides want a pause. */
export type PausedBy = 'here' | 'peer' | 'both' | null

/** How a transfer may end, from wherever it is. */
const ENDS: readonly TransferState[] = ['completed', 'rejected', 'cancelled', 'interrupted', 'failed']

/** What may follow; nothing where nothing is said. */
const NEXT: Partial<Record<TransferState, readonly TransferState[]>> = {
  preparing: ['connecting', ...ENDS],
  connecting: ['offered', ...ENDS],
  offered: ['sending', 'receiving', ...ENDS],
  sending: ['paused', ...ENDS],
  receiving: ['paused', ...ENDS],
  paused: ['sending', 'receiving', ...ENDS],
  interrupted: ['connecting', ...ENDS],
}

/**
 * The state after `from`, if `to` may follow it.
 * @throws SluiceError `ERR_STATE` if it may not
 */
export function nextState(from: TransferState, to: TransferState): TransferState {
  const expected = NEXT[from] ?? []
  if (expected.includes(to)) return to
  const message = `a transfer that is ${from} cannot become ${to}`
  throw new SluiceError('ERR_STATE', message, { expected, found: to })
}

/** Errors that are no failure. */
const STATE_OF_ERROR: Partial<Record<Code, TransferState>> = {
  ERR_REJECTED: 'rejected',
  ERR_CANCELLED: 'cancelled',
  ERR_INTERRUPTED: 'interrupted',
  ERR_TRUNCATED: 'interrupted',
  ERR_TIMEOUT: 'interrupted',
}

/** The final state that an error of a transfer leads to. */
export function stateOfError({ code }: SluiceError): TransferState {
  return STATE_OF_ERROR[code] ?? 'failed'
}

/** An attempt to go on over another connection. */
export interface Reconnecting {
  /** Which it will be, from 1 on, since the connection was lost. */
  readonly attempt: number
  /** How many there will be at most. */
  readonly attempts: number
  /** Milliseconds until it is made. */
  readonly wait: number
  /** Why the connection, or the last attempt to make one, failed. */
  readonly error: SluiceError
}

/** The events of a `Transfer` and their arguments. There is no `error`: errors come by `finished`. */
export interface TransferEvents {
  state: [state: TransferState]
  /** An entry ended. */
  file: [outcome: Outcome]
  /** The same of consecutive entries at once: what very many files cost least. */
  settled: [range: OutcomeRange, entries: readonly Entry[]]
  /** Something that a person should know, and that did not stop the transfer. */
  warning: [warning: SluiceError]
  /** At most ten times a second while bytes flow, and once at the end. */
  progress: [progress: Progress]
  /**
   * Nothing has come of the peer for a third longer than its pings allow (`true`; by default 20 s), or something comes
   * again (`false`). It is given up, and the connection lost, after `idleTimeout`.
   */
  silent: [isSilent: boolean]
  /** The connection was lost, or could not be made: another one will be tried. */
  reconnecting: [attempt: Reconnecting]
}

/** What a transfer asks of its session. */
export interface TransferCalls {
  cancel(reason: string, parts: 'keep' | 'discard'): Promise<void>
  /** This side wants a pause, or no longer. */
  pause(isWanted: boolean): void
  attach(paths: readonly string[]): Promise<void>
  /** Whether it may be asked to attach something. */
  isOpen(): boolean
  end(): void
}

/** What becomes of a transfer that is cancelled. */
export interface CancelOptions {
  /**
   * What a receiver does with what came of files that have not ended: keeps it, so that a later transfer goes on with
   * it (default), or removes it, also what it had taken over from an earlier one. Published files stay. A sender has
   * none.
   */
  parts?: 'keep' | 'discard'
}

/** What can be asked where there is no connection: nothing. */
export const UNCONNECTED: TransferCalls = {
  cancel: async () => {},
  pause() {},
  attach: async () => {
    throw new SluiceError('ERR_STATE', 'nothing can be attached while the transfer has no connection')
  },
  isOpen: () => false,
  end() {},
}

/** How a transfer goes on over another connection when one is lost. */
export interface Continuing {
  /** The one that goes on; a new one by default. */
  control?: TransferControl | undefined
  /** What a sender says of it. */
  resume?: Resume | undefined
  /** Whether a receiver takes data over further connections, too. */
  takesLanes?: boolean
  /** Told at a sender when further connections may be made of the transfer. */
  widen?(widening: Widening): void
  /** Told how this connection failed, when all is closed: in the place of the end of the transfer that it carried. */
  failed(error: SluiceError, control: TransferControl): void
}

/** What it takes to make further connections of a transfer. */
export interface Widening {
  lanes: OutgoingLanes
  /** What proves that they belong to it. */
  resume: Resume
  /** Makes the stages around one. */
  stages(): ChannelStages
  options: SessionOptions
  /** Aborted when there need be none any more. */
  ends: AbortSignal
}
