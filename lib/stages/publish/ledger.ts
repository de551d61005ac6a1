import { SluiceError } from '../errors.js'
import type { Entry, Offer } from '../wire/manifest.js'
import { allEntries, type SentDigest, type StoredFile } from './items.js'
import type { Outcome } from './outcomes.js'

/** What is known of a file: what is stored of it, and what the sender says of it. */
interface Known {
  stored?: StoredFile
  sent?: SentDigest
}

/** A file of which all is known that decides about it. */
export interface ReadyFile {
  stored: StoredFile
  sent: SentDigest
}

/**
 * Keeps the books of a finalizer: pure. Brings together what is stored and what the sender says of it, in whichever
 * order they come, and has one outcome for each entry at the end.
 */
export class Ledger {
  /** Folders that stand, and links that are still to be made: they end last. */
  readonly folders: Entry[] = []
  readonly links: Entry[] = []
  #entries: readonly Entry[] = []
  readonly #keep: 'all' | 'failed'
  /** Those that are kept: all by the index of their entry, or the failed ones in the order in which they ended. */
  readonly outcomes: Outcome[] = []
  /** By the index of the entry: whether its outcome is there. */
  #isOver = new Uint8Array(0)
  #ended = 0
  /** Files of which only one half is known, by their index. No map: see {@link Pooled.slot}. */
  readonly #halves: (Known | undefined)[] = []

  constructor(keep: 'all' | 'failed' = 'all') {
    this.#keep = keep
  }

  /** How many entries there are. */
  get size(): number {
    return this.#entries.length
  }

  expect(offer: Offer): void {
    this.#entries = allEntries(this.#entries, offer)
    const before = this.#isOver
    this.#isOver = new Uint8Array(this.#entries.length)
    this.#isOver.set(before)
  }

  /** Takes in what was stored; gives the files that are ready. */
  stored(files: readonly StoredFile[]): ReadyFile[] {
    return files.flatMap((stored) => this.#take(stored.entry, { stored }))
  }

  /** Takes in what the sender says; gives the files that are ready. */
  sent(digests: readonly SentDigest[]): ReadyFile[] {
    return digests.flatMap((sent) => this.#take(sent.entry, { sent }))
  }

  /** The files that are stored, but of which the sender never said what they should be. */
  unsaid(): ReadyFile[] {
    return this.#halves.flatMap((known) =>
      known?.stored ? { stored: known.stored, sent: { entry: known.stored.entry } } : [],
    )
  }

  /** The entries of which nothing is stored, and that did not fail. */
  missing(): Entry[] {
    if (this.#missing === 0) return []
    const waiting = new Set([...this.folders, ...this.links].map(({ index }) => index))
    return this.#entries.filter(({ index }) => !this.#isOver[index] && !waiting.has(index))
  }

  /** The outcome under the path of the offer: a stage in between may have given the entry another one. */
  asOffered(outcome: Outcome): Outcome {
    const entry = this.#entries[outcome.entry.index]!
    const { path, status, name = path } = outcome
    if (path === entry.path) return outcome
    return { ...outcome, entry, path: entry.path, ...(status !== 'failed' && { name }) }
  }

  record(outcome: Outcome): void {
    const { index } = outcome.entry
    this.#halves[index] = undefined
    this.#isOver[index] = 1
    this.#ended++
    if (this.#keep === 'all') this.outcomes[index] = outcome
    else if (outcome.status === 'failed') this.outcomes.push(outcome)
  }

  /** @throws SluiceError `ERR_TRUNCATED` if there are entries of which nothing came */
  checkAll(): void {
    if (this.#missing === 0) return
    const message = `the input ended before ${this.#missing} of ${this.#entries.length} entries came`
    throw new SluiceError('ERR_TRUNCATED', message)
  }

  get #missing(): number {
    return this.#entries.length - this.#ended - this.folders.length - this.links.length
  }

  #take(entry: Entry, news: Known): ReadyFile[] {
    const { index, type } = entry
    // it failed here, and the sender has nothing to add
    if (this.#isOver[index]) return []
    if (type === 'symlink') this.links.push(entry)
    else if (type === 'directory' && !news.stored?.failure) this.folders.push(entry)
    else {
      const { stored, sent } = { ...this.#halves[index], ...news }
      const isFailed = stored?.failure !== undefined || sent?.failure !== undefined
      if (isFailed || (stored && sent)) return [{ stored: stored ?? { entry }, sent: sent ?? { entry } }]
      this.#halves[index] = { stored, sent }
    }
    return []
  }
}
