import { Limiter } from '../../async.js'
import { BLOCKS } from '../../digest/blocks.js'
import { type ErrorDetails, isError, printable, SluiceError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import type { Part } from '../../stores/parts.js'
import type { PublishPolicy } from '../../stores/policy.js'
import type { Entry } from '../../wire/entry.js'
import {
  failed,
  failureOf,
  IDENTICAL,
  type Outcome,
  type OutcomeRange,
  PUBLISHED,
  rangesIn,
  rangesOf,
  skipped,
} from '../../wire/outcome.js'
import { digestIn, hasDigest } from '../../wire/run.js'
import {
  type BlocksItem,
  type ChunksItem,
  type DigestsItem,
  isLastWord,
  type StoredRun,
} from '../river/items.js'
import { endsTransfer } from '../river/placements.js'
import type { StoreCalls } from '../river/store-calls.js'
import { Filling } from './filling.js'
import type { Ledger } from './ledger.js'
import type { FinalizerOptions } from './options.js'
import type { Repairs } from './repairs.js'
import { StandingProofs } from './standing-proofs.js'

type PublisherOptions = Pick<FinalizerOptions, 'missing'> & {
  concurrency: number
  isStopped(): boolean
  /** Asks for what did not come as the sender says it is; left out, that fails. */
  repairs?: Repairs | undefined
}

/** A stored file that waits for the word of the sender. */
interface StoredFile {
  entry: Entry
  part: Part
  /** Whether every byte of it was written. */
  isWhole: boolean
  /** Whether it was stored together with others. */
  isOfRun: boolean
}

/** Compares what is stored with what the sender says: equal files are published, others fail. */
export class Publisher {
  readonly #ledger: Ledger
  readonly #store: StoreCalls
  readonly #policy: PublishPolicy
  readonly #options: PublisherOptions
  readonly #filling: Filling | undefined
  readonly #standing: StandingProofs | undefined

  constructor(ledger: Ledger, store: StoreCalls, policy: PublishPolicy, options: PublisherOptions) {
    this.#ledger = ledger
    this.#store = store
    this.#policy = policy
    this.#options = options
    this.#filling = options.repairs && new Filling(store, options.repairs, policy.signal)
    this.#standing = options.repairs && new StandingProofs(store, policy, options.repairs)
  }

  /** Takes in what was stored: what failed has its outcome at once, what comes after its outcome is discarded. */
  async take(run: StoredRun): Promise<OutcomeRange[]> {
    for (const index of this.#ledger.add(run)) {
      const part = partOf(run, index)
      const entry = this.#ledger.entry(index)
      if (part) await this.#store.discard(part, entry, failureOf(entry, 'ERR_STATE', 'it came late'))
    }
    const outcomes: Outcome[] = []
    for (const [index, error] of run.failures ?? [])
      if (!this.#ledger.isClosed(index)) outcomes.push(failed(this.#ledger.entry(index), error))
    return rangesOf(outcomes)
  }

  /** Files that are stored, but of which the sender never said what they should be: they fail, their parts stay. */
  async unsaid(): Promise<OutcomeRange[]> {
    const outcomes: Outcome[] = []
    for (const index of this.#ledger.unsaid()) {
      const stored = this.#ledger.at(index)!
      const entry = stored.entry ?? this.#ledger.entry(index)
      const error = failureOf(entry, 'ERR_DIGEST', 'nothing to compare it with; it is not published')
      const part = partOf(stored, index)
      if (part) await this.#store.keep(part, entry, error)
      outcomes.push(asOffered(failed(entry, error), this.#ledger.entry(index)))
    }
    return rangesOf(outcomes)
  }

  /** Decides about the files of which the item has a digest or a failure; gives their outcomes. */
  async of(item: DigestsItem): Promise<OutcomeRange[]> {
    const { first, count } = item
    const plain = new Uint8Array(count)
    /** Of those that were not published together with others. */
    const outcomes = new Map<number, Outcome>()
    const alone: number[] = []
    const standing: Entry[] = []
    for (let index = first; index < first + count; ) {
      const stored = this.#ledger.at(index)
      const end = stored?.run ? this.#equalUpTo(index, stored, item) : index
      if (end > index) {
        const unusual = await this.#store.publishRun(stored!.run!, index, end - 1)
        for (let i = index; i < end; i++)
          if (stored!.entries[i]!.type === 'file') plain[i - first] = PUBLISHED
        for (const i of unusual) plain[i - first] = 0
        alone.push(...unusual)
      } else if (this.#isDecided(index, item)) {
        if (!item.failures?.has(index) && this.#store.standing?.has(index))
          standing.push(this.#ledger.entry(index))
        else alone.push(index)
      }
      index = Math.max(end, index + 1)
    }
    const equal = standing.length === 0 ? [] : await this.#standing!.equal(standing, item)
    for (const entry of equal) {
      const { index } = entry
      if (this.#store.standing!.isPlain(index)) plain[index - first] = IDENTICAL
      else outcomes.set(index, { ...this.#store.standing!.outcome(entry), digest: digestIn(item, index)! })
    }
    for (const { index } of standing)
      if (plain[index - first] !== IDENTICAL && !outcomes.has(index)) alone.push(index)
    const { concurrency, isStopped } = this.#options
    const decide = async (index: number) => {
      const outcome = await this.#decide(index, item)
      if (outcome) outcomes.set(index, asOffered(outcome, this.#ledger.entry(index)))
    }
    await new Limiter(concurrency).each(alone, decide, { failFast: true, isStopped })
    return rangesIn(item, plain, outcomes)
  }

  /** A folder has no record; of a closed file nobody wants to know. */
  #isDecided(index: number, item: DigestsItem): boolean {
    const { repairs } = this.#options
    if (!this.#ledger.isWaited(index)) return false
    if (!repairs?.has(index)) return isLastWord(item, index)
    return isRecord(item, index) && !repairs.isOwed(index)
  }

  /** Compares blocks with what the sender says, and asks for those again that differ. */
  async compareBlocks(item: BlocksItem): Promise<void> {
    const { repairs } = this.#options
    const entry = this.#ledger.entry(item.index)
    // where nothing can be written twice, all of the file is asked for again in the end
    if (!repairs || this.#ledger.isClosed(item.index) || this.#store.order === 'ascending') return
    if (!item.isSaid) return repairs.note(entry, item)
    const part = partOf(this.#ledger.at(item.index), item.index) ?? this.#store.claimed(item.index)?.part
    const there = part ?? this.#standing?.at(entry)
    await repairs.compare(entry, item, there, this.#policy.signal)
  }

  /** Fills a file from an older version of it, by its chunks; gives the outcome of one that failed. */
  async fill(item: ChunksItem): Promise<OutcomeRange[]> {
    const part = partOf(this.#ledger.at(item.index), item.index)
    const failure = part && (await this.#filling?.fill(this.#ledger.entry(item.index), item, part))
    return failure ? rangesOf([failure]) : []
  }

  /** Up to which entry the digests of a stored run are there, and those of the sender, and the files wait for them. */
  #equalUpTo(index: number, stored: StoredRun, item: DigestsItem): number {
    const { entries, last, digests, failures } = stored
    const length = item.bytes.length / item.count
    if (!digests || digests.bytes.length !== length * digests.count) return index
    const end = Math.min(last + 1, item.first + item.count, digests.first + digests.count)
    const areEqual = (from: number, to: number) => {
      const ours = digests.bytes.subarray((from - digests.first) * length, (to - digests.first) * length)
      return ours.equals(item.bytes.subarray((from - item.first) * length, (to - item.first) * length))
    }
    const areAllEqual = areEqual(index, end)
    let to = index
    for (; to < end && !item.failures?.has(to) && !failures?.has(to); to++) {
      if (item.open?.has(to)) break
      if (!areAllEqual && !areEqual(to, to + 1)) break
      if (entries[to]!.type !== 'file') continue
      // two that are both not known are not equal
      if (!hasDigest(digests, to)) break
      if (this.#ledger.at(to) !== stored) break
    }
    return to
  }

  /** The outcome of one file, under the path that it has by now. */
  async #decide(index: number, item: DigestsItem): Promise<Outcome | undefined> {
    const stored = this.#ledger.at(index)
    const entry = stored?.entry ?? this.#ledger.entry(index)
    const why = item.failures?.get(index)
    const part = partOf(stored, index)
    if (why !== undefined) {
      const said = isError(why) ? why : failureOf(entry, why, 'a stage refused it')
      const isRepair = this.#options.repairs?.has(index) && said.code !== 'ERR_SOURCE_CHANGED'
      const error = isRepair ? mismatch(entry, { cause: said }) : said
      const left = part ?? this.#store.standing?.handedOn(index)?.part
      if (left) await this.#store.discard(left, entry, error)
      return failed(entry, error)
    }
    if (this.#store.standing?.has(index)) return this.#update(entry)
    if (!part) return this.#options.missing === 'skip' ? filtered(entry) : undefined
    const isOfRun = stored!.run !== undefined
    const isWhole = isOfRun || stored!.isWhole === true
    const file = { entry, part, isWhole, isOfRun }
    const differs = this.#options.repairs?.differs(entry)
    if (differs && (await this.#mend(file, mismatch(entry, {})))) return undefined
    return this.#compare(file, digestIn(stored!.digests, index), digestIn(item, index)!)
  }

  async #compare(file: StoredFile, seen: Buffer | undefined, sent: Buffer): Promise<Outcome | undefined> {
    const { entry, part, isWhole } = file
    try {
      // all that was asked for has passed the demuxer, so that it was a stage behind that
      if (!isWhole) return await this.#drop(file, failureOf(entry, 'ERR_DIGEST', CUT_SHORT))
      // where bytes came with gaps, what stands in the store is what counts
      const found = seen ?? this.#byBlocks(entry) ?? (await this.#store.digest(part, entry, this.#policy))
      if (!found.equals(sent)) {
        const error = mismatch(entry, { expected: sent, found })
        return (await this.#mend(file, error)) ? undefined : await this.#drop(file, error)
      }
      this.#options.repairs?.proved(entry)
      return { ...(await this.#store.publish(part, entry, this.#policy)), digest: sent }
    } catch (reason) {
      const error = diskError(reason, 'publish', entry.path)
      if (endsTransfer(error)) throw error
      // other content has the name: that would be so the next time, too
      if (error.code === 'ERR_CONFLICT') await this.#store.discard(part, entry, error)
      else await this.#store.keep(part, entry, error)
      return failed(entry, error)
    }
  }

  /** What stands is not what the sender has: that comes, as far as it differs. */
  async #update(entry: Entry): Promise<Outcome | undefined> {
    try {
      return (await this.#standing!.update(entry)) ? undefined : failed(entry, mismatch(entry, {}))
    } catch (reason) {
      const error = diskError(reason, 'write', entry.path)
      if (endsTransfer(error)) throw error
      return failed(entry, error)
    }
  }

  #byBlocks(entry: Entry): Buffer | undefined {
    return this.#policy.algorithm === BLOCKS ? this.#options.repairs?.digest(entry) : undefined
  }

  /** Asks for a file again, or for proof of it; false if that was done often enough, or cannot be. */
  async #mend({ entry, part, isOfRun }: StoredFile, error: SluiceError): Promise<boolean> {
    const isFresh = isOfRun || this.#store.order === 'ascending'
    const ask = this.#options.repairs?.mend(entry, isFresh)
    if (ask === undefined) return false
    // before it comes again: the next part may get the same name
    if (isFresh) {
      await this.#store.discard(part, entry, error)
      this.#ledger.forget(entry.index)
    }
    ask()
    return true
  }

  async #drop({ entry, part }: StoredFile, error: SluiceError): Promise<Outcome> {
    await this.#store.discard(part, entry, error)
    return failed(entry, error)
  }
}

/** An entry of which a stage between demuxer and partSink let nothing pass. */
export function filtered(entry: Entry): Outcome {
  return skipped(entry, 'filtered', failureOf(entry, 'ERR_SKIPPED', 'a file stage took it away'))
}

/** The outcome under the path of the offer: a stage in between may have given the entry another one. */
export function asOffered(outcome: Outcome, entry: Entry): Outcome {
  const { path, status, name = path } = outcome
  if (path === entry.path) return outcome
  return { ...outcome, entry, path: entry.path, ...(status !== 'failed' && { name }) }
}

/** Where a file is that is stored. */
function partOf(stored: StoredRun | undefined, index: number): Part | undefined {
  return stored?.part ?? stored?.run?.part(index)
}

/** Whether the item says something of a file. */
function isRecord(item: DigestsItem, index: number): boolean {
  return item.failures?.has(index) === true || hasDigest(item, index)
}

function mismatch({ path }: Entry, details: ErrorDetails): SluiceError {
  const text = `the content of ${printable(path)} does not match its digest; it is not published`
  return new SluiceError('ERR_DIGEST', text, { path, saysPath: true, ...details })
}

const CUT_SHORT =
  'a file stage left less of it than its entry says; one that changes content must say the new size in the entry'
