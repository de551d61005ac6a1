import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { Limiter } from '../async.js'
import { errorOf, SluiceError } from '../errors.js'
import type { Destination } from './destination.js'
import { prepareDigest } from './digest/digests.js'
import { endFolders } from './end-folders.js'
import { endLinks } from './end-links.js'
import { checkedOptions, type FinalizerOptions } from './finalizer-options.js'
import type { Item } from './items.js'
import { Ledger, type ReadyFile } from './ledger.js'
import { filesFailed, filtered, leftOut, type Outcome } from './outcomes.js'
import { journalEnd, settleFile } from './settle-file.js'

export type { FinalizerOptions }

/** A stream with one record per entry of the offers, in their order, at the end. */
export interface Finalizer extends Writable {
  /** Resolves when the input came to its end, also if files failed; rejects as the stream does otherwise. */
  readonly outcomes: Promise<Outcome[]>
}

/**
 * Publishes what `partSink` stored: each file gets its name when its digest is that of the sender, never before, and
 * never without one. Files that fail do so alone; the stream then ends with `ERR_FILES_FAILED`, the outcomes in it.
 * Destroyed, it ends what it is doing to a file, and leaves the other parts for a later run.
 *
 * Errors: `ERR_FILES_FAILED`, `ERR_TRUNCATED` (entries never came), `ERR_DISK_FULL`, `ERR_READ_ONLY`,
 * `ERR_UNSAFE_LINK`, `ERR_UNSUPPORTED` (hash algorithm).
 */
export function finalizer(options: FinalizerOptions = {}): Finalizer {
  return new FinalizerStage(options)
}

/** Outcomes that are told at once. */
const MOST_TOLD = 500

/** Says how it ended, whatever a callback of the user's threw. */
function settled(work: Promise<void>, done: (error?: Error | null) => void): Promise<void> {
  return work.then(
    () => done(),
    (thrown: unknown) => done(errorOf(thrown)),
  )
}

class FinalizerStage extends Writable implements Finalizer {
  readonly outcomes: Promise<Outcome[]>
  readonly #options
  readonly #ledger: Ledger
  #destination: Destination | undefined
  #algorithm = ''
  #working: Promise<void> = Promise.resolve()
  #stopped = false
  #resolve!: (outcomes: Outcome[]) => void
  #reject!: (error: unknown) => void

  constructor(options: FinalizerOptions) {
    super({ objectMode: true, highWaterMark: 1 })
    this.#options = checkedOptions(options)
    this.#ledger = new Ledger(options.outcomes)
    this.outcomes = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // whoever does not ask is not crashed by the answer
    this.outcomes.catch(() => {})
  }

  override _write(item: Item, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#working = settled(this.#take(item), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#working = settled(this.#end(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stopped = true
    const release = () => this.#destination?.release()
    this.#working.then(release).then(() => {
      this.#reject(error ?? new SluiceError('ERR_DESTROYED', 'the finalizer was destroyed before its end'))
      done(error)
    }, done)
  }

  // async, so that what is thrown becomes a rejection; up to the first await it runs at once
  async #take(item: Item): Promise<void> {
    switch (item.kind) {
      case 'offer':
        // held before anything is awaited: partSink may end, and be destroyed, before the next turn
        this.#adopt(item.destination)
        return this.#learn(item)
      case 'stored':
        return this.#settle(this.#ledger.stored(item.files))
      case 'digests':
        return this.#settle(this.#ledger.sent(item.digests))
      default:
        throw new SluiceError('ERR_STATE', `finalizer() got a ${item.kind}; put it behind partSink()`)
    }
  }

  #adopt(destination: Destination | undefined): void {
    if (!destination) throw new SluiceError('ERR_STATE', 'finalizer() must stand behind partSink()')
    if (this.#destination) return
    destination.hold()
    this.#destination = destination
    if (this.#options.durability === 'power') destination.durability = 'power'
  }

  async #learn({ offer, want }: Item & { kind: 'offer' }): Promise<void> {
    await prepareDigest(offer.algorithm)
    this.#algorithm = offer.algorithm
    this.#ledger.expect(offer)
    if (want === undefined) return
    await this.#report(await leftOut(offer, want, this.#options.unwanted))
  }

  async #settle(ready: readonly ReadyFile[]): Promise<void> {
    const destination = this.#destination
    if (ready.length === 0 || !destination) return
    const { fs, durability } = destination
    const options = { ...this.#options, fs, durability, algorithm: this.#algorithm }
    const batch: Outcome[] = []
    await new Limiter(this.#options.concurrency).each(
      ready,
      async ({ stored, sent }) => {
        const { outcome, part } = await settleFile(stored, sent, options)
        await destination.arrivals.ended(outcome.entry, journalEnd(outcome, part))
        batch.push(outcome)
      },
      { failFast: true, isStopped: () => this.#stopped },
    )
    await this.#report(batch)
  }

  /** Nothing is told before it is as safe as was asked for; of a million folders, others have their turn meanwhile. */
  async #report(ended: readonly Outcome[]): Promise<void> {
    if (ended.length === 0 || this.#stopped) return
    await this.#destination?.settle()
    for (let from = 0; from < ended.length && !this.#stopped; from += MOST_TOLD) {
      if (from > 0) await setImmediate()
      await this.#tell(ended.slice(from, from + MOST_TOLD))
    }
  }

  async #tell(ended: readonly Outcome[]): Promise<void> {
    const batch = ended.map((outcome) => this.#ledger.asOffered(outcome))
    for (const outcome of batch) {
      this.#ledger.record(outcome)
      if (outcome.error && outcome.status === 'published') this.#options.warn?.(outcome.error)
    }
    await this.#options.onOutcome?.(batch)
  }

  async #end(): Promise<void> {
    const { concurrency, warn, missing } = this.#options
    const ledger = this.#ledger
    await this.#settle(ledger.unsaid())
    if (missing === 'skip') await this.#report(ledger.missing().map(filtered))
    ledger.checkAll()
    if (this.#destination) {
      await this.#report(await endLinks(this.#destination, ledger.links.splice(0), this.#options))
      await this.#report(await endFolders(this.#destination, ledger.folders.splice(0), concurrency))
      await this.#destination.arrivals.finish().catch((error: SluiceError) => warn?.(error))
    }
    const failure = filesFailed(ledger.outcomes, ledger.size)
    this.#resolve(ledger.outcomes)
    if (failure) throw failure
  }
}
