import { EventEmitter } from 'node:events'
import { deferred } from '../async.js'
import { type Clock, systemClock } from '../clock.js'
import { messageOf, type SluiceError } from '../errors.js'
import { checkChoice, checkKeys } from '../options.js'
import type { Entry } from '../wire/entry.js'
import { type Outcome, type OutcomeRange, outcomesOf, type TransferResult } from '../wire/outcome.js'
import type { Run } from '../wire/run.js'
import { isFinal, nextState, stateOfError, type TransferState } from './lifecycle.js'
import { Plan } from './plan.js'
import { type Progress, ProgressMeter } from './progress.js'

/** The events of a {@link Transfer} and their arguments. There is no `error`: errors come by `finished`. */
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
}

/** Milliseconds between two `progress` events. */
const PROGRESS_INTERVAL = 100

/** What a transfer asks of its session. */
export interface TransferCalls {
  cancel(reason: string, parts: 'keep' | 'discard'): Promise<void>
  /** This side wants a pause, or no longer. */
  pause(isWanted: boolean): void
  attach(paths: readonly string[]): Promise<void>
  end(): void
}

/** What becomes of a transfer that is cancelled. */
export interface CancelOptions {
  /**
   * What a receiver does with what came of files that have not ended: keeps it, so that a later transfer goes on with it
   * (default), or removes it, also what it had taken over from an earlier one. Published files stay. A sender has none.
   */
  parts?: 'keep' | 'discard'
}

/** Which sides want a pause. */
export type PausedBy = 'here' | 'peer' | 'both' | null

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
  readonly #meter: ProgressMeter
  readonly #calls: TransferCalls

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

  /** How far it is now. */
  get progress(): Progress {
    return this.#meter.snapshot()
  }

  /** Which sides want a pause, also before it has begun; `null` if none does. */
  get pausedBy(): PausedBy {
    return this.#pausedBy
  }

  /**
   * Stops the sending, and the reading of files for it, whichever side this is; what is on its way arrives. The other side
   * is told. It may last for as long as both sides run. Where nothing is left to be sent, the transfer ends all the same.
   * Before it has begun it stops at its beginning; does nothing if this side wants a pause already, or it is over.
   */
  pause(): void {
    if (!isFinal(this.#state)) this.#calls.pause(true)
  }

  /** Ends the pause of this side; the transfer goes on unless the other side wants one, too. */
  resume(): void {
    if (!isFinal(this.#state)) this.#calls.pause(false)
  }

  /**
   * Ends the transfer and tells the peer. What was published stays, what had begun can be resumed unless the receiver
   * discards it. Resolves when the stream is closed; does nothing if the transfer is over.
   * @throws SluiceError `ERR_USAGE` for an option; the transfer is cancelled all the same
   */
  async cancel(reason = '', options: CancelOptions = {}): Promise<void> {
    // whatever comes from code without types: a transfer that is to end must not go on
    if (!isFinal(this.#state)) await this.#calls.cancel(messageOf(reason ?? ''), options?.parts ?? 'keep')
    checkKeys('options', options, { parts: true })
    checkChoice('parts', options?.parts, ['keep', 'discard'])
  }

  /**
   * Sends more files and folders by this transfer, which was begun with `open: true`, at any time before {@link end}. The
   * receiver is asked about each such offer; what was offered before goes on meanwhile. They get the algorithm and the options of the
   * first ones. Resolves when they are accepted; their outcomes are among those of the transfer.
   *
   * Rejects with `ERR_REJECTED` if the receiver does not take them, `ERR_STATE` where nothing can be attached (any more),
   * `ERR_DUPLICATE_NAME` if such a name was offered already, `ERR_LIMIT`, with what `manifestOf` fails with, or with what
   * the transfer ends with before there is an answer. The transfer goes on in all cases but the last.
   */
  attach(paths: readonly string[]): Promise<void> {
    const attaching = this.#calls.attach(paths)
    attaching.catch(() => {}) // as with `finished`: who does not ask is not crashed by the answer
    return attaching
  }

  /** Nothing more will be attached: a transfer that was begun with `open: true` ends when all is there. What was attached before still counts. */
  end(): void {
    if (!isFinal(this.#state)) this.#calls.end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Progress, void, void> {
    while (!isFinal(this.#state)) {
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

  /** Makes a transfer together with what only its session may do. */
  static create(
    direction: 'send' | 'receive',
    calls: TransferCalls,
    plan = new Plan(),
    clock: Clock = systemClock,
  ) {
    const { promise, resolve, reject } = deferred<TransferResult>()
    promise.catch(() => {}) // who ignores the result is not punished with an unhandled rejection
    const transfer = new Transfer(direction, promise, calls, plan, clock)
    const meter = transfer.#meter
    let told = Number.NEGATIVE_INFINITY
    const tell = () => {
      told = clock.now()
      outside(() => transfer.emit('progress', meter.snapshot()))
    }
    /** Bytes were counted, or files ended. */
    const advance = () => {
      if (clock.now() - told >= PROGRESS_INTERVAL) tell()
    }
    /** A listener may cause the next one: every listener hears of them in their order. */
    const untold: TransferState[] = []
    const move = (state: TransferState) => {
      const isTurn = state === 'paused' || transfer.#state === 'paused'
      transfer.#state = nextState(transfer.#state, state)
      if (isTurn) meter.pause(state === 'paused')
      if (isTurn || isFinal(state)) tell()
      if (untold.push(state) > 1) return
      for (; untold.length > 0; untold.shift()) outside(() => transfer.emit('state', untold[0]!))
    }
    return {
      transfer,
      identify(id: string): void {
        transfer.#id = id
      },
      move,
      pausedBy(sides: PausedBy): void {
        transfer.#pausedBy = sides
        if (transfer.#state === 'paused') tell()
      },
      advance,
      passed(run: Run): void {
        meter.passed(run)
        advance()
      },
      /** Tells what became of entries. */
      settled(range: OutcomeRange, entries: readonly Entry[]): void {
        outside(() => transfer.emit('settled', range, entries))
        if (transfer.listenerCount('file') === 0) return
        for (const outcome of outcomesOf(range, entries)) outside(() => transfer.emit('file', outcome))
      },
      warn(warning: SluiceError): void {
        outside(() => transfer.emit('warning', warning))
      },
      complete(result: TransferResult): void {
        move('completed')
        resolve(result)
      },
      /** Ends in the state that belongs to the error. */
      fail(error: SluiceError): void {
        move(stateOfError(error))
        reject(error)
      },
    }
  }
}

/** Calls listeners. What one throws is its own affair, not that of the stage which happens to tell it something. */
function outside(emit: () => void): void {
  try {
    emit()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
