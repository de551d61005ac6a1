import { EventEmitter } from 'node:events'
import { deferred, outside } from './async.js'
import { systemClock } from './clock.js'
import { isError, isSluiceError, SluiceError } from './errors.js'
import { checkDuration, checkFunction, checkKeys, checkWhole, type Keys, pickKnown } from './options.js'
import { beginOver, type Connect, overConnections } from './reconnect/connections.js'
import { type ReconnectOptions, retryOf } from './reconnect/retry.js'
import { type SendOptions, send } from './send.js'
import { MANIFEST_OPTIONS } from './stages/manifest/manifest-of.js'
import { type Reconnecting, stateOfError } from './transfer/lifecycle.js'
import { cancelled } from './transfer/peer-error.js'
import type { ByteDuplex } from './transfer/streams/byte-duplex.js'
import type { Transfer } from './transfer/transfer.js'
import { Changes, type Round } from './watch/changes.js'
import { LastFailures } from './watch/last-failures.js'
import type { Watcher } from './watch/watcher.js'
import type { Entry } from './wire/entry.js'
import type { OutcomeRange } from './wire/outcome.js'

/** Options of {@link watch}: those of `send`, but for what makes one transfer differ from the next. */
export interface WatchOptions
  extends Omit<
    SendOptions,
    'after' | 'connections' | 'head' | 'id' | 'keepOpen' | 'only' | 'open' | 'series'
  > {
  /** Milliseconds in which nothing changes at a file until it counts as written, and is sent. Default 500. */
  quiet?: number
  /** Milliseconds after which a file that goes on changing is tried all the same. Default 30,000. */
  longest?: number
  /** Paths that have changed and are kept one by one; of more, all is offered again. Default 10,000. */
  most?: number
  /**
   * Milliseconds after which all is looked at, for what the system told nothing of; later, where such a look takes
   * long: at most a tenth of the time is spent on it. Default 60,000.
   */
  rescan?: number
  /** What tells of changes, where that is not chokidar. */
  watcher?: Watcher
}

const { after: _after, id: _id, only: _only, open: _open, ...OF_LISTING } = MANIFEST_OPTIONS

const OPTIONS: Keys<WatchOptions> = {
  ...OF_LISTING,
  retry: true,
  stages: true,
  quiet: true,
  longest: true,
  most: true,
  rescan: true,
  watcher: true,
}

/** What each transfer is told of these options. */
const OF_CONNECTION = { limits: true, clock: true, stages: true, signal: true } as const

/** The events of a {@link Watch} and their arguments. */
export interface WatchEvents {
  /** Something is sent: all of it at first, then what has changed. */
  transfer: [transfer: Transfer]
  /** All that has changed until now was sent. */
  waiting: []
  /**
   * Something cannot be sent, as the `skipped` of a manifest, or what is watched is gone (`ERR_NO_SUCH_FILE`), until it
   * comes back. Each is told once, and not again by the transfers.
   */
  warning: [warning: SluiceError]
  /** The connection was lost, or could not be made: another one will be tried. */
  reconnecting: [attempt: Reconnecting]
}

/** What became of a {@link Watch}. */
export interface WatchResult {
  /** Transfers that came to their end. */
  transfers: number
  /** Paths of the offers whose last outcome was a failure. */
  failed: readonly string[]
}

const NO_SERIES =
  'all was sent, but the receiver takes only one transfer over a connection, and what changes cannot follow: it has to receive with series'

/**
 * Sends files and folders, and goes on with what changes in them until it is stopped: one transfer after the other over
 * one connection, each of what has changed since, under the same names. The receiver has to take them so:
 * `receiveSeries`, or `Transfers.handle` with `series`. With the same `versions` for all of them a newer version takes
 * the place of the one before. What is removed here stays there; what is renamed comes again under its new name. What
 * the system does not tell of is found by a look at all of it, now and then and before the end.
 *
 * A file that is still being written waits, and so does what changes while it is sent. With a function that makes a
 * connection, a lost one is made again, and all of it is offered there first.
 *
 * @param connection any duplex stream of bytes, or a function that makes one
 * @param paths files and folders of this disk
 * @throws SluiceError `ERR_USAGE` for an option
 */
export function watch(
  connection: ByteDuplex | Connect,
  paths: readonly string[],
  options: WatchOptions = {},
): Watch {
  return new Watch(connection, paths, options)
}

/** @see watch */
export class Watch extends EventEmitter<WatchEvents> {
  readonly #result = deferred<WatchResult>()
  /**
   * Resolves when it was stopped and all was sent. Rejects as a transfer does that fails, other than by its files:
   * `ERR_CANCELLED`, `ERR_INTERRUPTED`, `ERR_REJECTED` …; with `ERR_UNSUPPORTED` if the receiver takes one transfer
   * only, and with `ERR_LIMIT` if the system watches no more files.
   */
  readonly finished: Promise<WatchResult> = this.#result.promise
  readonly #connection: ByteDuplex | Connect
  readonly #options: WatchOptions
  readonly #retry: Required<ReconnectOptions>
  readonly #clock
  readonly #changes: Changes
  readonly #cancelling = new AbortController()
  readonly #failures = new LastFailures()
  #transfers = 0
  /** Aborted when it is stopped. */
  readonly #stopping = new AbortController()
  /** It was stopped, and all was sent. */
  #hasEnough = false
  /** The one that waits, or that is sent. */
  #current: Transfer | undefined
  /** What that one is sending. */
  #round: Round | undefined

  constructor(connection: ByteDuplex | Connect, paths: readonly string[], options: WatchOptions) {
    super()
    checkKeys('options', options, OPTIONS)
    const { quiet = 500, longest = 30_000, most = 10_000, rescan = 60_000, watcher } = options
    const { clock = systemClock, signal } = options
    checkDuration('quiet', quiet)
    checkDuration('longest', longest)
    checkDuration('rescan', rescan)
    checkWhole('most', most, 1)
    if (watcher !== undefined) checkFunction('watcher', watcher, 'a function that watches files')
    this.#connection = connection
    this.#options = options
    this.#retry = retryOf(options.retry)
    this.#clock = clock
    const listing = pickKnown(options, OF_LISTING)
    this.#changes = new Changes(paths, {
      ...{ quiet, longest, most, rescan, watcher, clock, listing },
      idle: () => this.#idle(),
      warn: (warning) => outside(() => this.emit('warning', warning)),
    })
    // whoever does not ask is not crashed by the answer
    this.finished.catch(() => {})
    const cancel = () =>
      this.#cancelling.abort(cancelled('here', isError(signal?.reason) ? signal.reason.message : ''))
    signal?.addEventListener('abort', cancel)
    if (signal?.aborted) cancel()
    this.#run()
      .then(() => this.#result.resolve({ transfers: this.#transfers, failed: this.#failures.paths }))
      .catch((error: unknown) => this.#result.reject(error))
      .finally(() => signal?.removeEventListener('abort', cancel))
  }

  /**
   * Sends what has changed until now, and ends then. Settles as `finished` does. Where there is no connection,
   * `retry.timeout` counts for the first one, too, and there are no pauses any more.
   */
  async stop(): Promise<WatchResult> {
    this.#stopping.abort()
    this.#changes.hurry()
    return this.finished
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  async #run(): Promise<void> {
    await null // whoever called has it before anything happens
    const signal = this.#cancelling.signal
    const connection = this.#connection
    const isMade = typeof connection === 'function'
    try {
      await this.#changes.open()
      await overConnections({
        connect: isMade ? connection : () => connection,
        retry: isMade ? this.#retry : { ...this.#retry, attempts: 0 },
        clock: this.#clock,
        signal,
        hurry: this.#stopping.signal,
        serve: (socket) => this.#serve(socket),
        reconnecting: (attempt) => outside(() => this.emit('reconnecting', attempt)),
        isDone: async () => this.#isStopping && this.#changes.isDone(signal),
      })
    } finally {
      await this.#changes.close()
    }
  }

  async #serve(socket: ByteDuplex): Promise<SluiceError | undefined> {
    this.#changes.offerAll()
    try {
      await this.#series(socket)
      return undefined
    } catch (error) {
      if (!isSluiceError(error)) throw error
      return error
    }
  }

  /** One transfer after the other; resolves when it was stopped. */
  async #series(socket: ByteDuplex): Promise<void> {
    for (;;) {
      const hasEnded = await this.#one(socket)
      if (hasEnded) return
    }
  }

  /** Waits for something to send, and sends it; gives whether it was stopped before. */
  async #one(socket: ByteDuplex): Promise<boolean> {
    this.#round = undefined
    const source = async (over: AbortSignal) => {
      await null // the transfer is known by then
      const round = await this.#changes.next(over)
      this.#round = round
      return round.manifest
    }
    const given = pickKnown(this.#options, OF_CONNECTION)
    const begin = () => send(socket, source, { ...given, series: true })
    const transfer = typeof this.#connection === 'function' ? beginOver(socket, begin) : begin()
    this.#current = transfer
    transfer.on('state', (state) => state === 'offered' && this.emit('transfer', transfer))
    transfer.on('settled', (range, entries) => this.#settled(range, entries))
    try {
      await transfer.finished
    } catch (error) {
      if (this.#hasEnough) return true
      if (!isSluiceError(error, 'ERR_FILES_FAILED')) {
        this.#putBack()
        const isIdle = this.#transfers > 0 && this.#round === undefined
        throw isIdle && isSluiceError(error) ? whileIdle(error) : error
      }
    }
    this.#transfers++
    if (!transfer.hasNext) throw new SluiceError('ERR_UNSUPPORTED', NO_SERIES)
    return false
  }

  #settled(range: OutcomeRange, entries: readonly Entry[]): void {
    // once it is stopped, nobody waits until a file is left alone
    for (const { entry, error } of this.#failures.add(range, entries))
      if (error?.code === 'ERR_SOURCE_CHANGED' && !this.#isStopping) this.#changes.putBack([entry.path])
  }

  #putBack(): void {
    if (this.#round) this.#changes.putBack(this.#round.changed)
  }

  /** Nothing is left to be sent: what waits for more is cancelled if it was stopped, so that its receiver knows. */
  #idle(): void {
    if (!this.#isStopping && this.#transfers > 0) outside(() => this.emit('waiting'))
    if (!this.#isStopping) return
    if (this.#round !== undefined || !this.#current || this.#current.isOver) return
    this.#hasEnough = true
    void this.#current.cancel(ENOUGH)
  }
}

/** How a series ended while nothing was being sent. */
function whileIdle(cause: SluiceError): SluiceError {
  const { code, found, message } = cause
  const isEnded = code === 'ERR_CANCELLED' && found === 'by the peer'
  if (isEnded)
    return new SluiceError(code, `${message}; nothing was being sent, and nothing is watched any more`, {
      found,
      cause,
    })
  if (stateOfError(cause) !== 'interrupted') return cause
  const gone = 'the receiver went away, or the connection broke, while nothing was being sent'
  return new SluiceError('ERR_INTERRUPTED', gone, { cause })
}

/** Why a transfer that waited for changes is cancelled. */
const ENOUGH = 'nothing more is watched'
