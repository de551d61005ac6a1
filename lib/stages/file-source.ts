import { Readable } from 'node:stream'
import { TimeSlice } from '../async.js'
import { type Clock, systemClock } from '../clock.js'
import { BLOCKS } from '../digest/blocks.js'
import { SluiceError } from '../errors.js'
import { badOption, checkKeys, checkOption, checkWhole } from '../options.js'
import type { Plan } from '../transfer/plan.js'
import type { Entry } from '../wire/entry.js'
import { DEFAULT_LIMITS } from '../wire/limits.js'
import { FILE_SOURCE_OPTIONS, type FileSourceOptions, planOfAll } from './file-source/options.js'
import { SourceReader } from './file-source/reader.js'
import { nextStep, type StepRules } from './file-source/steps.js'
import { WakeUps } from './file-source/wake-ups.js'
import { isManifest, type Manifest } from './manifest/builder.js'
import type { Item } from './river/items.js'
import { watchNext } from './river/place.js'

export type { FileSourceOptions }

/**
 * Reads a manifest as items: the offer, then runs of what the plan wants, small files many to a run, and `end`. What is to
 * be sent comes first, in the order of the stream; then what is claimed, as runs with `isProof`, which `framer` does not
 * send. By an algorithm other than `blocks`, what is claimed of a file comes before what is to be sent of it further on. What
 * the plan asks for again, behind `end` too, is read once more, and ends with an item `answered`, of which `hashTap` makes
 * the digest. A file that cannot be read or is no longer what the manifest says becomes a digests item with a
 * failure (`ERR_SOURCE_READ`, `ERR_SOURCE_CHANGED`), and the others go on at their own positions. Reads one run ahead.
 * The store of the manifest is closed if this is destroyed before its end.
 *
 * What is given out counts in the plan as sent, and a file that was given out to its end as answered.
 *
 * Throws `ERR_USAGE` for an option. Errors: `ERR_STATE` if `finish()` is called before the plan was told about every entry.
 */
export function fileSource(manifest: Manifest, options: FileSourceOptions = {}): FileSource {
  return new FileSource(manifest, options)
}

/** @see fileSource */
export class FileSource extends Readable {
  readonly #manifest: Manifest
  readonly #plan: Plan
  readonly #rules: StepRules
  readonly #clock: Clock
  readonly #stop = new AbortController()
  readonly #reader: SourceReader
  readonly #items: AsyncGenerator<Item>
  /** The item that is being read while downstream works on the one before. */
  #ahead: Promise<IteratorResult<Item>> | undefined
  #isFinished: boolean
  readonly #untilSettled: boolean
  readonly #wakeUps = new WakeUps()

  constructor(manifest: Manifest, options: FileSourceOptions) {
    checkKeys('options', options, FILE_SOURCE_OPTIONS)
    const { maxRun = DEFAULT_LIMITS.frame, clock = systemClock, signal } = options
    const expected = 'what manifestOf(), manifestFrom() or manifestOfEntries() gave'
    checkOption('manifest', manifest, isManifest(manifest), expected)
    checkWhole('maxRun', maxRun, 1, DEFAULT_LIMITS.frame)
    const { offer, store } = manifest
    const plan = options.plan ?? planOfAll(manifest)
    if (offer.entries.length > 0 && plan.entries[offer.first] !== offer.entries[0])
      throw badOption('plan', 'one that has the offer: call plan.add(manifest.offer) first', plan)
    if (plan.isEnded) throw badOption('plan', 'one that was not sent to its end before', plan)
    super({ objectMode: true, highWaterMark: 1, ...(signal && { signal }) })
    this.#manifest = manifest
    this.#plan = plan
    this.#isFinished = options.plan === undefined
    this.#untilSettled = options.untilSettled === true
    const { algorithm } = offer
    const isRereadable = (entry: Entry) => store.rereadable(entry)
    this.#rules = { maxRun, isRereadable, provesLast: algorithm === BLOCKS }
    this.#clock = clock
    this.#reader = new SourceReader({ ...options, store, plan, algorithm, maxRun, signal: this.#stop.signal })
    this.#items = this.#produce()
    watchNext('fileSource', this)
  }

  /** To be called when the plan was changed: decided about entries, asked for something again, closed something. */
  wake(): void {
    this.#wakeUps.change()
  }

  /** To be called when nothing will be asked for any more: the source ends once all that is wanted was given out. */
  finish(): void {
    this.#isFinished = true
    this.wake()
  }

  /** Reads nothing more, also not for proof, until it is told to go on; what was read is given out. Files are closed meanwhile. */
  hold(isHeld: boolean): void {
    this.#wakeUps.hold(isHeld)
  }

  override _read(): void {
    const next = this.#ahead ?? this.#items.next()
    next.then(
      ({ value, done }) => {
        this.#ahead = done ? undefined : this.#items.next()
        // heard of when it is taken, or not at all when the stream is destroyed before
        this.#ahead?.catch(() => {})
        this.push(done ? null : value)
      },
      (error) => this.destroy(error as Error),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stop.abort()
    this.#wakeUps.end()
    this.#close(error !== null || !this.readableEnded).then((failure) => done(error ?? failure))
  }

  /** Gives what went wrong, when all is closed. */
  async #close(early: boolean): Promise<Error | undefined> {
    // what waits for a stream ends with it; what is being read goes on to its end first, since a handle that is closed
    // in mid-read could by then be that of another file
    const close = async () => early && this.#manifest.store.close?.()
    const ended = await Promise.allSettled([close(), this.#items.return(undefined)])
    return ended.find((one) => one.status === 'rejected')?.reason
  }

  async *#produce(): AsyncGenerator<Item> {
    const plan = this.#plan
    yield { kind: 'offer', offer: this.#manifest.offer, plan }
    const slice = new TimeSlice(this.#clock)
    try {
      for (;;) {
        this.#wakeUps.look()
        const step = nextStep(plan, this.#rules)
        // the end is nothing to be read
        if (step && this.#wakeUps.isHeld) await this.#held()
        else if (step) yield* this.#unheld(this.#reader.items(step))
        else if (plan.isEnded && (plan.isFinished || !this.#untilSettled)) return
        else if (this.#isFinished && !plan.isEnded) yield this.#end()
        else await this.#change()
        if (this.#stop.signal.aborted) return
        await slice.yield()
      }
    } finally {
      await this.#reader.close()
    }
  }

  /** A stream to its end, or a block of a large file, is one step: it is held in the middle, too. */
  async *#unheld(items: AsyncGenerator<Item>): AsyncGenerator<Item> {
    for await (const item of items) {
      yield item
      await this.#held()
      if (this.#stop.signal.aborted) return
    }
  }

  /** Resolves when reading may go on, or nobody reads any more. */
  async #held(): Promise<void> {
    if (!this.#wakeUps.isHeld) return
    await this.#reader.close()
    await this.#wakeUps.released()
  }

  #end(): Item {
    const plan = this.#plan
    if (plan.undecided < plan.entries.length) {
      const message = `finish() was called before plan.want() or plan.skip() of entry ${plan.undecided}`
      throw new SluiceError('ERR_STATE', message)
    }
    plan.end()
    return { kind: 'end' }
  }

  /** Resolves when the plan was changed, or nobody reads any more. */
  async #change(): Promise<void> {
    await this.#reader.close()
    await this.#wakeUps.changed()
  }
}
