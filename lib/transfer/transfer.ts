import { EventEmitter } from 'node:events'
import { deferred, outside } from '../async.js'
import { type Clock, systemClock } from '../clock.js'
import { messageOf, type SluiceError } from '../errors.js'
import { checkChoice, checkKeys } from '../options.js'
import type { Entry } from '../wire/entry.js'
import { type OutcomeRange, outcomesOf, type TransferResult } from '../wire/outcome.js'
import type { Run } from '../wire/run.js'
import {
  type CancelOptions,
  nextState,
  type PausedBy,
  type Reconnecting,
  stateOfError,
  type TransferCalls,
  type TransferEvents,
  type TransferState,
  UNCONNECTED,
} from './lifecycle.js'
import { OutcomeTable } from './outcome-table.js'
import { Plan } from './plan.js'
import { type Progress, ProgressMeter } from './progress.js'
import type { QuotaUse } from './quota.js'

/** Milliseconds between two `progress` events. */
const PROGRESS_INTERVAL = 100

/** What the session does with a transfer; users hold the {@link Transfer} only. */
export type TransferControl = ReturnType<typeof Transfer.create>

/**
 * One transfer, sending or receiving. `finished` resolves with one outcome per entry, or rejects with a
 * `SluiceError` (with `outcomes`, if the transfer came to its end but files failed). It never crashes a process that
 * ignores it. Iterating gives {@link Progress} until the end.
 */
export class Transfer extends EventEmitter<TransferEvents> {
  readonly direction: 'send' | 'receive'
  readonly finished: Promise<TransferResult>
  #state: TransferState = 'preparing'
  #id = ''
  #pausedBy: PausedBy = null
  #isOver = false
  #hasNext = false
  /** Whether `end()` was called: that holds over all connections. */
  #isEnded = false
  readonly #meter: ProgressMeter
  /** Where it ended: what is done later does not count. */
  #last: Progress | undefined
  #calls: TransferCalls

  private constructor(
    direction: 'send' | 'receive',
    finished: Promise<TransferResult>,
    calls: TransferCalls,
    plan: Plan,
    clock: Clock,
  ) {
    super()
    this.direction = direction
    this.finished = finished
    this.#calls = calls
    this.#meter = new ProgressMeter(plan, () => clock.now())
  }

  /** The same on both sides; empty until the offer is known. */
  get id(): string {
    return this.#id
  }

  /** Where it is on its way; the event `state` tells each change. */
  get state(): TransferState {
    return this.#state
  }

  /** Whether it has ended. One that is `interrupted` and not over goes on when there is another connection. */
  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Whether both sides said `series`: another transfer follows when this one has its result. Known once it is offered.
   */
  get hasNext(): boolean {
    return this.#hasNext
  }

  /** Whether more may be attached: it was begun as `open`, and neither has ended, nor is to end. */
  get isOpen(): boolean {
    return !this.#isOver && !this.#isEnded && this.#calls.isOpen()
  }

  /** How far it is now. */
  get progress(): Progress {
    return this.#last ?? this.#meter.snapshot()
  }

  /** Which sides want a pause, also before it has begun; `null` if none does. */
  get pausedBy(): PausedBy {
    return this.#pausedBy
  }

  /**
   * Stops the sending, and the reading of files for it, whichever side this is; what is on its way arrives. The other
   * side is told. It may last for as long as both sides run. Where nothing is left to be sent, the transfer ends.
   * Before it has begun it stops at its beginning; does nothing if this side wants a pause already, or it is over.
   */
  pause(): void {
    if (!this.#isOver) this.#calls.pause(true)
  }

  /** Ends the pause of this side; the transfer goes on unless the other side wants one, too. */
  resume(): void {
    if (!this.#isOver) this.#calls.pause(false)
  }

  /**
   * Ends the transfer and tells the peer. What was published stays, what had begun can be resumed unless the receiver
   * discards it. Resolves when stream and files are closed, or after `closeTimeout`. Does nothing if it is over.
   * @throws SluiceError `ERR_USAGE` for an option; the transfer is cancelled all the same
   */
  async cancel(reason = '', options: CancelOptions = {}): Promise<void> {
    // whatever comes from code without types: a transfer that is to end must not go on
    if (!this.#isOver) await this.#calls.cancel(messageOf(reason ?? ''), options?.parts ?? 'keep')
    checkKeys('options', options, { parts: true })
    checkChoice('parts', options?.parts, ['keep', 'discard'])
  }

  /**
   * Sends more files and folders by this transfer, which was begun with `open: true`, at any time before {@link end}.
   * The receiver is asked about each such offer; what was offered before goes on meanwhile. They get the algorithm and
   * the options of the first ones. Resolves when they are accepted; their outcomes are among those of the transfer.
   *
   * Rejects with `ERR_REJECTED` if the receiver does not take them, `ERR_STATE` where nothing can be attached (any
   * more), `ERR_DUPLICATE_NAME` if such a name was offered already, `ERR_LIMIT`, with what `manifestOf` fails with, or
   * with what the transfer ends with before there is an answer. The transfer goes on in all cases but the last.
   */
  attach(paths: readonly string[]): Promise<void> {
    const attaching = this.#calls.attach(paths)
    attaching.catch(() => {}) // as with `finished`: who does not ask is not crashed by the answer
    return attaching
  }

  /** Nothing more will be attached: a transfer begun with `open: true` ends when all that was attached is there. */
  end(): void {
    if (this.#isOver) return
    this.#isEnded = true
    this.#calls.end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Progress, void, void> {
    while (!this.#isOver) {
      const { promise, resolve } = deferred<void>()
      const wake = () => resolve()
      this.once('progress', wake).once('state', wake)
      try {
        yield this.progress
        await promise
      } finally {
        this.off('progress', wake).off('state', wake)
      }
    }
    yield this.progress
  }

  /**
   * Makes a transfer together with what only its session may do.
   * @param earlier outcomes that were told already
   */
  static create(
    direction: 'send' | 'receive',
    calls: TransferCalls,
    plan = new Plan(),
    clock: Clock = systemClock,
    earlier?: OutcomeTable,
  ) {
    const { promise, resolve, reject } = deferred<TransferResult>()
    promise.catch(() => {}) // who ignores the result is not punished with an unhandled rejection
    const transfer = new Transfer(direction, promise, calls, plan, clock)
    const meter = transfer.#meter
    const connection = { plan, outcomes: new OutcomeTable() }
    /** Those of all connections; while there was one, the same. */
    const outcomes = earlier ?? connection.outcomes
    let told = Number.NEGATIVE_INFINITY
    const tell = () => {
      told = clock.now()
      outside(() => transfer.emit('progress', transfer.progress))
    }
    /** Bytes were counted, or files ended. */
    const advance = () => {
      if (clock.now() - told >= PROGRESS_INTERVAL) tell()
    }
    /** A listener may cause the next one: every listener hears of them in their order. */
    const untold: TransferState[] = []
    const move = (state: TransferState) => {
      if (state === transfer.#state) return
      const isTurn = state === 'paused' || transfer.#state === 'paused'
      transfer.#state = nextState(transfer.#state, state)
      if (isTurn) meter.pause(state === 'paused')
      if (isTurn) tell()
      if (untold.push(state) > 1) return
      for (; untold.length > 0; untold.shift()) outside(() => transfer.emit('state', untold[0]!))
    }
    const isPausedHere = () => transfer.#pausedBy === 'here' || transfer.#pausedBy === 'both'
    const waiting = new Set<() => void>()
    const end = (state: TransferState, settle: () => void) => {
      transfer.#isOver = true
      transfer.#last = meter.snapshot()
      tell()
      move(state)
      settle()
      for (const listener of waiting) listener()
    }
    return {
      transfer,
      /** What became of entries, of all that was told: over this connection, and over all. */
      get outcomes() {
        return connection.outcomes
      },
      get allOutcomes() {
        return outcomes
      },
      /**
       * It goes on over another connection, or over the first one, if there was none when it was made.
       * @returns whether this side wants a pause
       */
      follow(plan: Plan, calls: TransferCalls): boolean {
        transfer.#calls = calls
        transfer.#pausedBy = isPausedHere() ? 'here' : null
        meter.follow(plan)
        if (connection.plan.entries.length > 0) connection.outcomes = new OutcomeTable()
        connection.plan = plan
        return isPausedHere()
      },
      /** No connection: who looks for another one is told when it is cancelled; that a pause is wanted is noted. */
      onCancel(cancel: TransferCalls['cancel'], isOpen = false): void {
        const pause = (isWanted: boolean) => {
          transfer.#pausedBy = isWanted ? 'here' : null
        }
        transfer.#calls = { ...UNCONNECTED, cancel, pause, isOpen: () => isOpen }
      },
      reconnecting: (attempt: Reconnecting) => outside(() => transfer.emit('reconnecting', attempt)),
      silent: (isSilent: boolean) => outside(() => transfer.emit('silent', isSilent)),
      hasNext(): void {
        transfer.#hasNext = true
      },
      identify(id: string): void {
        transfer.#id = id
      },
      /** What it takes of a quota, if there is one. */
      use: undefined as QuotaUse | undefined,
      /** Nothing more will be attached. */
      get isEnded() {
        return transfer.#isEnded
      },
      move,
      pausedBy(sides: PausedBy): void {
        transfer.#pausedBy = sides
        if (transfer.#state === 'paused') tell()
      },
      advance,
      decided: () => meter.decided(),
      passed(run: Run): void {
        // what is only proved does not travel
        if (!run.isProof) meter.passed(run)
        advance()
      },
      /** Tells what became of entries. */
      settled(range: OutcomeRange, entries: readonly Entry[]): void {
        connection.outcomes.add(range, entries)
        const isFirst = connection.outcomes === outcomes
        for (const news of isFirst ? [range] : outcomes.addNews(range, entries)) {
          outside(() => transfer.emit('settled', news, entries))
          if (transfer.listenerCount('file') === 0) continue
          for (const outcome of outcomesOf(news, entries)) outside(() => transfer.emit('file', outcome))
        }
      },
      warn: (warning: SluiceError) => outside(() => transfer.emit('warning', warning)),
      /** The result of all connections, by that of the last one. */
      whole(result: TransferResult): TransferResult {
        if (connection.outcomes === outcomes) return result
        const { resumedBytes } = meter.snapshot()
        return outcomes.result(
          result.id,
          connection.plan.entries,
          meter.travelled + result.bytes,
          resumedBytes,
        )
      },
      complete(result: TransferResult): void {
        end('completed', () => resolve(result))
      },
      /** Ends in the state that belongs to the error. */
      fail(error: SluiceError): void {
        end(stateOfError(error), () => reject(error))
      },
      /** Tells when it is over. Gives what ends that: by `finished` a connection that was lost would be kept. */
      whenOver: (listener: () => void) => waiting.add(listener) && (() => void waiting.delete(listener)),
    }
  }
}
