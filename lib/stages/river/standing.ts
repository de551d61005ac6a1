import type { Claim, PartStore, StandingFiles } from '../../stores/parts.js'
import type { PublishPolicy } from '../../stores/policy.js'
import type { OpenSource } from '../../stores/sources.js'
import { IndexSet } from '../../transfer/plan/index-set.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { Outcome, SkipReason } from '../../wire/outcome.js'
import { indicesOf, isAmong, standingOf } from './answers.js'
import { outcomeOf } from './placements.js'
import { openSource, readEach } from './read-files.js'

/** Files that stand already in the place of entries: there by their time, or to be proved to be what the sender has. */
export class Standing {
  /** Why an entry is skipped because of such a file. */
  readonly reason: SkipReason
  readonly #files: StandingFiles
  readonly #indices = new IndexSet()
  readonly #claims = new Map<number, Claim>()

  /** Asks a store for it, if that was told how names will be given. */
  static async find(
    store: Pick<PartStore, 'lookup'>,
    { unless = 'nothing' }: Partial<PublishPolicy> = {},
    { offer, files, signal }: { offer: Offer; files: readonly Entry[]; signal: AbortSignal },
  ): Promise<Standing | undefined> {
    if (unless === 'nothing' || files.length === 0) return undefined
    const found = standingOf(await store.lookup?.(files, signal), files)
    if (!found?.indices.length) return undefined
    return new Standing(found, unless, offer.first + offer.entries.length)
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
