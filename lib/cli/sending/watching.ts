import type { Duplex } from 'node:stream'
import { counted, isSluiceError, printable, SluiceError } from '../../errors.js'
import type { Connect } from '../../reconnect/connections.js'
import type { Rate } from '../../stages/bytes/rate.js'
import type { WireStage } from '../../stages/bytes/wire-stage.js'
import { limitRate } from '../../stages/throttle.js'
import type { Transfer } from '../../transfer/transfer.js'
import { isFollowed } from '../../watch/receive-series.js'
import { type Watch, watch } from '../../watch.js'
import type { Context } from '../ui/context.js'
import { said } from '../ui/events.js'
import { retryText } from '../ui/watch-reconnects.js'
import { pathsFrom } from './files-from.js'
import { listingOptions, orChosen, type SourceFlags } from './sources.js'

/** What `--watch` looks at of the options of `send`. */
export interface WatchFlags extends SourceFlags {
  watch?: boolean
  many?: string
  dryRun?: boolean
}

/** Names of paths that are shown, at most. */
const MOST_SHOWN = 5

/** @throws SluiceError `ERR_USAGE` for what `--watch` cannot be combined with */
export function checkWatch(paths: readonly string[], flags: WatchFlags, isCompressed: boolean): void {
  if (!flags.watch) return
  const wrong = [
    [paths.includes('-'), 'standard input (-) ends'],
    [flags.text !== undefined, '--text does not change'],
    [flags.dryRun === true, '--dry-run sends nothing'],
    [flags.many !== undefined, 'with --many each receiver would need a watch of its own: start one for each'],
    [isCompressed, 'one stream of --compress cannot carry one transfer after the other: leave it out'],
  ] as const
  const why = wrong.find(([isSo]) => isSo)?.[1]
  if (why !== undefined) throw new SluiceError('ERR_USAGE', `--watch is for files and folders: ${why}`)
}

/**
 * The transfers of `--watch`, which the user stops: once all was sent for the first time, what has changed until then
 * is sent, and it ends well; before that it is cancelled.
 */
export class Watching {
  /** That of the command, with a signal that cancels at once. */
  readonly context: Context
  readonly #flags: WatchFlags
  #paths: readonly string[] = []
  readonly #reporter: Context['reporter']
  readonly #signal: AbortSignal
  /** Something was offered; how much of what was there was left out. */
  #hasBegun = false
  #leftOut = 0
  #isWhole = false
  #watch: Watch | undefined

  constructor(flags: WatchFlags, context: Context) {
    this.#flags = flags
    this.#reporter = context.reporter
    this.#signal = context.signal
    const cancelling = new AbortController()
    this.context = { ...context, signal: cancelling.signal }
    const stop = () => {
      if (this.#isWhole) void this.#watch!.stop().catch(() => {})
      else cancelling.abort(context.signal.reason)
    }
    context.signal.addEventListener('abort', stop)
    if (context.signal.aborted) stop()
  }

  /** How much is left out of the first offer, once that is made. */
  get leftOut(): number {
    return this.#leftOut
  }

  /** Takes the paths of the command and those of `--files-from`, or what people choose. */
  async takePaths(given: readonly string[]): Promise<this> {
    const named = [...given, ...(await pathsFrom(this.#flags, this.context))]
    this.#paths = await orChosen(named, this.context)
    return this
  }

  /** Begins; resolves with the first transfer when it is offered. The further ones are reported here. */
  async begin(
    connection: Duplex | Connect,
    { attempts, rate }: { attempts: number; rate: Rate },
  ): Promise<Transfer> {
    const paths = this.#paths
    const { signal } = this.context
    // what comes is little, and not held back
    const wire: WireStage[] = [{ rate, outgoing: () => limitRate({ rate }) }]
    const listing = await listingOptions(this.#flags, this.context)
    const watching = watch(connection, paths, { ...listing, signal, retry: { attempts }, stages: { wire } })
    this.#watch = watching
    this.#reporter.controls?.listenUntil(watching.finished)
    let warn = this.#reporter.warnings()
    watching.on('warning', (warning) => {
      warn(warning)
      if (!this.#hasBegun && warning.code === 'ERR_SKIPPED') this.#leftOut++
    })
    watching.on('transfer', () => {
      this.#hasBegun = true
      warn = this.#reporter.warnings()
    })
    const first = new Promise<Transfer>((resolve, reject) => {
      watching.once('transfer', resolve)
      watching.finished.catch(withAdvice).catch(reject)
    })
    const transfer = await first
    watching.on('transfer', (next) => {
      this.#reporter.endsWith(next)
      this.#reporter.watch(next, { where: 'sent', isNext: true })
    })
    const told = (one: Transfer) =>
      isFollowed(one).then((goesOn) => {
        if (goesOn) this.#reporter.event({ event: 'waiting', id: one.id })
      })
    watching.on('transfer', told)
    void told(transfer)
    void isFollowed(transfer).then((goesOn) => {
      this.#isWhole = goesOn
      if (goesOn) this.#reporter.note(`watching ${namesOf(paths)}; Ctrl-C stops`)
    })
    watching.on('reconnecting', ({ error, ...attempt }) => {
      this.#reporter.event({ event: 'reconnecting', ...said(error), ...attempt })
      this.#reporter.note(retryText(attempt))
    })
    return transfer
  }

  /**
   * Resolves when it was stopped and all was sent. Rejects as it does, and with `ERR_FILES_FAILED` where the last
   * version of a file did not arrive.
   */
  async ended(): Promise<void> {
    const { failed } = await this.#watch!.finished.catch(withAdvice)
    if (failed.length === 0) return
    const message = `${counted(failed.length, 'file')} did not arrive as they are now: ${namesOf(failed)}`
    throw new SluiceError('ERR_FILES_FAILED', message)
  }

  /** Whether a failure of the first transfer ends nothing. */
  goesOnAfter(error: unknown): boolean {
    return isSluiceError(error, 'ERR_FILES_FAILED') && !this.#signal.aborted
  }
}

/** Throws the error of a watch; where the receiver cannot take one transfer after the other, with what to do. */
function withAdvice(error: unknown): never {
  if (!isSluiceError(error, 'ERR_UNSUPPORTED') && !isSluiceError(error, 'ERR_FORMATS')) throw error
  const { code, message, expected, found } = error
  const advice = '--watch needs a receiver without --compress, --receipt and --stdout'
  throw new SluiceError(code, `${message}; ${advice}`, { expected, found, cause: error })
}

function namesOf(paths: readonly string[]): string {
  const more = paths.length > MOST_SHOWN ? ` and ${paths.length - MOST_SHOWN} more` : ''
  return `${paths
    .slice(0, MOST_SHOWN)
    .map((path) => printable(path, 100))
    .join(', ')}${more}`
}
