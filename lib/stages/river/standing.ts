import { inSlices } from '../../async.js'
import { parentOf } from '../../files/disk/names.js'
import type { Claim, PartStore, StandingFiles } from '../../stores/parts.js'
import type { PublishPolicy } from '../../stores/policy.js'
import type { OpenSource } from '../../stores/sources.js'
import { IndexSet } from '../../transfer/plan/index-set.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { Outcome, SkipReason } from '../../wire/outcome.js'
import { indicesOf, isAmong, standingOf } from './answers.js'
import { outcomeOf } from './placements.js'
import { openSource, readEach } from './read-files.js'

/** For what a store is to look. */
export interface Sought {
  /** Files and folders of the offer. */
  entries: readonly Entry[]
  /** Whether an entry of the offer is to come, unless it stands already. */
  isWanted(entry: Entry): boolean
  signal: AbortSignal
}

/**
 * Files and folders that stand already in the place of entries: there by their time, or files that are to be proved to
 * be what the sender has.
 */
export class StandingEntries {
  /** Why an entry is skipped because of such a file. */
  readonly reason: SkipReason
  readonly #files: StandingFiles
  readonly #indices = new IndexSet()
  readonly #claims = new Map<number, Claim>()

  /** Asks a store for it, if that was told how names will be given. */
  static async find(
    store: Pick<PartStore, 'lookup'>,
    { unless = 'nothing' }: Partial<PublishPolicy> = {},
    { first, entries: offered }: Offer,
    { entries, isWanted, signal }: Sought,
  ): Promise<StandingEntries | undefined> {
    if (unless === 'nothing' || entries.length === 0) return undefined
    const found = standingOf(await store.lookup?.(entries, signal), entries)
    if (!found?.indices.length) return undefined
    const standing = new StandingEntries(found, unless, first + offered.length)
    await standing.#leaveGrowing(offered, isWanted)
    return standing
  }

  /** @param length entries that were offered until now */
  private constructor(
    files: StandingFiles,
    unless: Exclude<PublishPolicy['unless'], 'nothing'>,
    length: number,
  ) {
    this.#files = files
    this.reason = unless
    this.#indices.grow(length)
    for (const index of files.indices) this.#indices.add(index)
  }

  /** What comes into a folder changes its time: that is to be set at the end. */
  async #leaveGrowing(offered: readonly Entry[], isWanted: (entry: Entry) => boolean): Promise<void> {
    const growing = new Set<string>()
    await inSlices(offered, (entry) => {
      if (!this.has(entry.index) && isWanted(entry)) growing.add(parentOf(entry.path))
    })
    if (growing.size === 0) return
    await inSlices(offered, ({ type, path, index }) => {
      if (type === 'directory' && growing.has(path)) this.#indices.delete(index)
    })
  }

  has(index: number): boolean {
    return this.#indices.has(index)
  }

  /** Whether an entry is to be proved because of such a file, or to be skipped. */
  kindOf(index: number): 'prove' | 'skip' | undefined {
    if (!this.has(index)) return undefined
    return this.reason === 'identical' ? 'prove' : 'skip'
  }

  /** The entry comes, and what stands has nothing more to do with it: `partSink` goes on with what was made of that. */
  handOn(index: number, claim: Claim | undefined): void {
    this.#indices.delete(index)
    if (claim) this.#claims.set(index, claim)
  }

  /** What was handed on of a file, once. */
  handedOn(index: number): Claim | undefined {
    const claim = this.#claims.get(index)
    this.#claims.delete(index)
    return claim
  }

  /** What becomes of an entry that is skipped because of such a file. */
  outcome(entry: Entry): Outcome {
    return outcomeOf(entry, { name: this.#files.names?.get(entry.index), skipped: this.reason })
  }

  /** Whether that is all that is to be said of it. */
  isPlain(index: number): boolean {
    return this.#files.names?.has(index) !== true
  }

  /** Reads small files one behind the other; gives those that failed. */
  async read(
    files: readonly Entry[],
    buffer: Buffer,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, unknown>> {
    const { source } = this.#files
    try {
      return await (source.readRun?.(files, buffer, signal) ?? readEach(source, files, buffer, signal))
    } catch (error) {
      return new Map(files.map(({ index }) => [index, error]))
    }
  }

  open(entry: Entry, signal: AbortSignal): Promise<OpenSource> {
    return openSource(this.#files.source, entry, signal)
  }

  /** The files are what the sender has; gives those that are not there any more. */
  async acknowledge(entries: readonly Entry[]): Promise<ReadonlySet<number>> {
    const gone = await this.#files.acknowledge?.(entries)
    return new Set(gone && indicesOf('acknowledge', gone, isAmong(entries)))
  }
}
