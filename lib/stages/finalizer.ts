import { Writable } from 'node:stream'
import { deferred, overSlices } from '../async.js'
import { prepareDigest } from '../digest/digests.js'
import { errorOf, SluiceError } from '../errors.js'
import type { Offer } from '../wire/entry.js'
import { filesFailed, type Outcome, type OutcomeRange, publishedIn, rangesOf } from '../wire/outcome.js'
import type { Callback } from './bytes/pump.js'
import { askedOf, type BoundStore, bindStore } from './finalizer/bound-store.js'
import { checkedFinalizerOptions, type FinalizerOptions } from './finalizer/options.js'
import { OwedRecords } from './finalizer/owed-records.js'
import { asOffered, filtered } from './finalizer/publisher.js'
import { OutcomeReport } from './finalizer/report.js'
import type { Item, OfferItem } from './river/items.js'
import { belongsLast, misplaced } from './river/place.js'
import { StoreCalls } from './river/store-calls.js'

export type { FinalizerOptions }

/**
 * Publishes what `partSink` stored: each file gets its name when its digest is that of the sender, never before, and
 * never without one. With `repair` it compares blocks, too, fills files from older versions of them, reads back those
 * that are claimed, and asks for those again that differ: a block three times at most, then its file fails
 * (`ERR_DIGEST`). Without it such a file fails at once. Files that fail do so alone; the stream then ends with
 * `ERR_FILES_FAILED`, the outcomes in it. Destroyed, it ends what it is doing to a file, and leaves the other parts for
 * a later run.
 *
 * Errors: `ERR_FILES_FAILED`, `ERR_TRUNCATED` (entries never came), `ERR_DISK_FULL`, `ERR_READ_ONLY`,
 * `ERR_UNSAFE_LINK`, `ERR_UNSUPPORTED` (hash algorithm).
 */
export function finalizer(options: FinalizerOptions = {}): Finalizer {
  return new Finalizer(options)
}

/** @see finalizer */
export class Finalizer extends Writable {
  readonly #outcomes = deferred<Outcome[]>()
  /**
   * One record per entry of the offers, in their order. Resolves when the input came to its end, also if files failed;
   * rejects as the stream does otherwise.
   */
  readonly outcomes: Promise<Outcome[]> = this.#outcomes.promise
  readonly #options
  #bound: BoundStore | undefined
  readonly #report: OutcomeReport
  readonly #owed = new OwedRecords()
  #isFinished = false
  #working: Promise<void> = Promise.resolve()
  readonly #stopping = new AbortController()

  constructor(options: FinalizerOptions) {
    super({ objectMode: true, highWaterMark: 1 })
    this.#options = checkedFinalizerOptions(options)
    this.#report = new OutcomeReport(this.#options, () => this.#stopping.signal.aborted)
    belongsLast('finalizer', this)
    // whoever does not ask is not crashed by the answer
    this.outcomes.catch(() => {})
  }

  override _write(item: Item, _encoding: BufferEncoding, done: Callback): void {
    this.#run(this.#take(item), done)
  }

  override _final(done: Callback): void {
    this.#run(this.#end(), done)
  }

  /** Says how it ended, whatever a callback of the user's threw. */
  #run(work: Promise<void>, done: Callback): void {
    const failed = (thrown: unknown) => done(errorOf(thrown))
    this.#working = work.then(() => done(), failed)
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.#stopping.abort(new SluiceError('ERR_DESTROYED', 'the finalizer was destroyed before its end'))
    const release = () => this.#bound?.store.release()
    const end = (failure: Error | null) => {
      this.#outcomes.reject(failure ?? this.#stopping.signal.reason)
      done(failure)
    }
    this.#working.then(release).then(
      () => end(error),
      (failure) => end(error ?? failure),
    )
  }

  // async, so that what is thrown becomes a rejection; up to the first await it runs at once
  async #take(item: Item): Promise<void> {
    if (item.kind === 'offer') {
      // held before anything is awaited: partSink may end, and be destroyed, before the next turn
      const { ledger, recall } = this.#bindStore(item)
      await recall()
      await prepareDigest(item.offer.algorithm)
      const { first, entries } = item.offer
      // of a million, others have their turn meanwhile, and say what they hear of them
      return overSlices(first, first + entries.length, (from, end) =>
        this.#settle(ledger.skipped(from, end, item.isRejected)),
      )
    }
    const bound = this.#bound
    if (item.kind === 'run' || !bound) throw misplaced('finalizer', item)
    if (item.kind === 'stored') await this.#settle(await bound.publisher.take(item.stored))
    else if (item.kind === 'blocks') await bound.publisher.compareBlocks(item)
    else if (item.kind === 'chunks') await this.#settle(await bound.publisher.fill(item))
    else if (item.kind === 'digests') await this.#settle(await bound.publisher.of(item))
    else if (item.kind === 'end') this.#owed.end(item.open?.filter((index) => !bound.plan.isClosed(index)))
    if (item.kind === 'digests') this.#owed.hear(item)
    if (this.#owed.areAllThere && !bound.repairs?.areOwed) await this.#finish()
  }

  #bindStore(item: OfferItem): BoundStore {
    const { store } = item
    if (!(store instanceof StoreCalls)) throw misplaced('finalizer', item)
    this.#bound ??= bindStore(item, store, this.#options, this.#stopping.signal)
    return this.#bound
  }

  /**
   * Tells a store how names will be given, so that it can look for what stands there; not where all is published
   * together. Called by `receive`.
   */
  async tell(store: StoreCalls, offer: Offer): Promise<void> {
    if (store.publishing(this.#options.publish) === 'together') return
    const { policy, recall } = askedOf(offer, store, this.#options, this.#stopping.signal)
    await recall()
    store.obey(policy)
  }

  /** Tells nothing before it is as safe as was asked for; once it was stopped, only what has its name by now. */
  async #settle(ended: readonly OutcomeRange[]): Promise<void> {
    const bound = this.#bound
    if (ended.length === 0 || !bound) return
    await bound.store.sync()
    const isStopped = this.#stopping.signal.aborted
    // what is to appear together has no name yet
    if (isStopped && bound.held) return
    const { plan } = bound
    const ranges = isStopped ? publishedIn(ended, plan.entries) : ended
    if (bound.held) bound.held.add(ranges)
    else for (const range of ranges) await this.#report.tell(range, plan.entries)
    for (const { first, last } of ranges) {
      bound.ledger.close(first, last)
      bound.repairs?.drop(first, last)
      this.#owed.close(first, last)
    }
    if (!bound.held) await this.#options.onSettled?.(ranges)
  }

  async #tell(ranges: readonly OutcomeRange[]): Promise<void> {
    for (const range of ranges) await this.#report.tell(range, this.#bound!.plan.entries)
    if (!this.#stopping.signal.aborted) await this.#options.onSettled?.(ranges)
  }

  /** Nothing more comes: what ends last, and what never came. */
  async #finish(): Promise<void> {
    const bound = this.#bound
    if (this.#isFinished || !bound) return
    this.#isFinished = true
    const { ledger, plan, store, policy, held, publisher } = bound
    const offered = (outcome: Outcome) => asOffered(outcome, plan.entries[outcome.entry.index]!)
    const settle = (outcomes: Outcome[]) => this.#settle(rangesOf(outcomes.map(offered)))
    await this.#settle(await publisher.unsaid())
    if (this.#options.missing === 'skip') await settle(ledger.missing().map(filtered))
    ledger.checkAll()
    await settle(await store.end.makeLinks(ledger.links.splice(0), this.#options.symlinks, policy))
    const folders = await store.end.endFolders(ledger.folders.splice(0))
    await settle(folders.sort((a, b) => a.entry.index - b.entry.index))
    if (held && !this.#stopping.signal.aborted) await this.#tell(await held.publish(store, plan.entries))
    await store.finish().catch((error: SluiceError) => this.#options.warn?.(error))
  }

  async #end(): Promise<void> {
    this.#bound?.repairs?.checkNothingOwed()
    await this.#finish()
    const failure = filesFailed(this.#report.kept, this.#bound?.plan.entries.length ?? 0)
    this.#outcomes.resolve(this.#report.kept)
    if (failure) throw failure
  }
}
