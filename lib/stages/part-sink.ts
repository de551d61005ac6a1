import { Transform, type TransformCallback } from 'node:stream'
import { inSlices, type Owed } from '../async.js'
import { printable, SluiceError } from '../errors.js'
import { diskParts } from '../stores/disk/disk-store.js'
import { togetherParts } from '../stores/together/together-store.js'
import type { Known } from '../transfer/plan/known.js'
import type { Entry, Offer } from '../wire/entry.js'
import { pathCheck } from '../wire/paths.js'
import { checkRun } from './part-sink/check-run.js'
import { type ClaimRules, claimParts, knownOf } from './part-sink/claim-parts.js'
import { IncomingRuns } from './part-sink/incoming-runs.js'
import { checkedPartSinkOptions, type PartSinkOptions } from './part-sink/options.js'
import { RunWriter } from './part-sink/run-writer.js'
import type { DigestsItem, Item, OfferItem, StoredRun } from './river/items.js'
import { checkPlace, watchNext } from './river/place.js'
import { StoreCalls } from './river/store-calls.js'

export type { PartSinkOptions }

/**
 * Stores what arrives: on disk each file beside its name as `name.part`, folders before their files, the bytes of a
 * file as they come. It goes on with what an earlier transfer left: what comes again and is there already is not
 * written. With `claim` the sender need not send it. Gives out what ended (`stored`) before it takes the next run.
 * Checks every path of an offer again, and the room on the disk. A file that cannot be written fails alone; when the
 * disk is full or read-only, or a link stands in the place of a folder, the stream ends. Parts stay for a later run.
 *
 * Errors: `ERR_PATH`, `ERR_PROTOCOL`, `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_UNSAFE_LINK`, `ERR_PERMISSION` and
 * `ERR_WRITE` of the folder itself.
 */
export function partSink(options: PartSinkOptions): PartSink {
  return new PartSink(options)
}

/** @see partSink */
export class PartSink extends Transform {
  readonly #store: StoreCalls
  readonly #writer: RunWriter
  readonly #rules: Omit<ClaimRules, 'isWanted'>
  readonly #runs: IncomingRuns
  #entries: readonly Entry[] = []
  /** Bytes that are claimed of offers that are still to come, by their first entry. */
  readonly #claims = new Map<number, Awaited<ReturnType<typeof claimParts>>>()
  #working: Promise<void> = Promise.resolve()
  #claiming: Promise<unknown> = Promise.resolve()
  readonly #stopping = new AbortController()

  constructor(options: PartSinkOptions) {
    super({ objectMode: true, highWaterMark: 1 })
    const checked = checkedPartSinkOptions(options)
    this.#rules = { checkPath: pathCheck(checked), signal: this.#stopping.signal }
    const inFolder = checked.publish === 'together' ? togetherParts : diskParts
    this.#store = new StoreCalls(options.store ?? inFolder(checked), checked.concurrency, checked.warn)
    if (checked.durability === 'power') this.#store.raiseDurability()
    this.#store.hold()
    this.#writer = new RunWriter(this.#store, checked)
    const fail = (error: Error) => void this.destroy(error)
    this.#runs = new IncomingRuns(this.#writer, (stored) => this.#give(stored), fail)
    watchNext('partSink', this)
  }

  /**
   * Takes over what earlier transfers left of an offer, and looks for what stands in the place of its files, or for
   * older versions; gives what is there of it. Called by `receive` for an accepted offer, before its plan is said.
   */
  async claim(offer: Offer, asked: Pick<ClaimRules, 'isWanted' | 'obey'>): Promise<Known> {
    const claiming = claimParts(this.#store, offer, { ...asked, ...this.#rules })
    // what is opened for it is not closed before it has ended
    this.#claiming = Promise.allSettled([claiming])
    const claims = await claiming
    this.#claims.set(offer.first, claims)
    return knownOf(offer, claims, this.#store)
  }

  /** Looks at what is there of entries of an offer that still comes. Called by `receive` where that is asked for. */
  lookAhead = (entries: readonly Entry[]): void => this.#store.lookAhead(entries)

  /** Resolves when so many bytes came here and are written, or will not be. Called by `receive` at the end of all. */
  async drain(bytes: number): Promise<void> {
    if (this.destroyed) return
    this.once('close', this.#runs.end)
    const drained = this.#runs.await(bytes)
    if (this.#runs.haveCome) this.#working = this.#working.then(() => this.#runs.writeOut())
    await drained
  }

  /** What the store has been asked for, and has not done. */
  owed = (): Iterable<Owed> => this.#store.pending.owed()

  /** Of what has not ended when this is closed, nothing is to stay. Called by `receive`. */
  discardAll = (): void => this.#store.discardAll()

  override _transform(item: Item, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      const taking = this.#take(item)
      if (taking) this.#working = taking.then(() => done(), done)
      else done()
    } catch (error) {
      done(error as Error)
    }
  }

  override _flush(done: TransformCallback): void {
    this.#working = this.#end().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#writer.stop()
    this.#stopping.abort(new SluiceError('ERR_DESTROYED', 'destroyed while it looked for what is there'))
    Promise.all([this.#working, this.#claiming])
      .then(() => this.#writer.settle())
      .catch(() => {}) // it came too late to matter
      .then(() => this.#store.release())
      .then(
        () => done(error),
        (failure) => done(error ?? failure),
      )
  }

  /** Takes an item, at once where nothing has to be waited for. */
  #take(item: Item): Promise<void> | undefined {
    checkPlace('partSink', item)
    switch (item.kind) {
      case 'offer':
        return this.#offer(item)
      case 'run':
        checkRun(item, this.#entries, this.#rules.checkPath)
        return this.#runs.take(item)
      case 'digests':
        return this.#digests(item)
      default:
        this.push(item)
        return undefined
    }
  }

  async #digests(item: DigestsItem): Promise<void> {
    await this.#runs.flush(item.first, item.count)
    this.#give(await this.#writer.giveUp(item))
    this.push(item)
  }

  async #offer(item: OfferItem): Promise<void> {
    const { offer, plan, isRejected } = item
    const isWanted = ({ index }: Entry) => plan.isWanted(index) && !plan.isClosed(index)
    const asked = this.#claims.get(offer.first)
    this.#claims.delete(offer.first)
    let bytes = 0
    await inSlices(offer.entries, (entry) => {
      if (entry.type !== 'unreadable') this.#rules.checkPath(entry.path)
      if (isWanted(entry) && !this.#store.standing?.has(entry.index)) bytes += entry.size ?? 0
    })
    const claims = asked ?? (await claimParts(this.#store, offer, { isWanted, ...this.#rules }))
    for (const ranges of claims.values()) for (const { start, end } of ranges) bytes -= end - start
    if (!isRejected) await this.#store.expect(offer, bytes)
    this.#entries = plan.entries
    this.#writer.follow(plan)
    this.push({ ...item, store: this.#store } satisfies Item)
    // where nobody asked for claims, the sender knows of none, and sends all of it
    for (const [index, blocks] of claims)
      this.#give(this.#writer.goOn(plan.entries[index]!, this.#store.claimed(index)!, asked && blocks))
    this.#give(await this.#writer.fill(this.#store.bases.of(offer)))
  }

  async #end(): Promise<void> {
    await this.#runs.settle()
    const path = this.#writer.unfinished?.path
    if (path !== undefined)
      throw new SluiceError('ERR_TRUNCATED', `the input ended in the middle of ${printable(path)}`, { path })
  }

  #give(stored: readonly StoredRun[]): void {
    for (const run of stored) this.push({ kind: 'stored', stored: run } satisfies Item)
  }
}
