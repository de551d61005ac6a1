import { BLOCKS, blockCountOf, blockSizeOf, rangesOfRuns, runsOfBlocks } from '../../digest/blocks.js'
import { createDigest, digestInto, digestLength } from '../../digest/digests.js'
import { isError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import { inPieces, PIECE } from '../../ranges.js'
import type { Claim, Part } from '../../stores/parts.js'
import type { PublishPolicy } from '../../stores/policy.js'
import type { OpenSource } from '../../stores/sources.js'
import type { Entry } from '../../wire/entry.js'
import { failureOf } from '../../wire/outcome.js'
import { type DigestColumn, digestIn } from '../../wire/run.js'
import { closeSource } from '../river/read-files.js'
import type { StandingEntries } from '../river/standing.js'
import type { StoreCalls } from '../river/store-calls.js'
import type { Repairs } from './repairs.js'

/** Bytes, and files, that are read together at most, but for a single larger file. */
const SLAB = 256 * 1024
const MOST_FILES = 512

/**
 * Proves files that stand already in the place of entries: reads them, and compares them with what the sender says. Of
 * one that differs, what is equal is copied into a part, and the rest is asked for; it stays what it is.
 */
export class StandingProofs {
  readonly #store: StoreCalls
  readonly #algorithm: string
  readonly #signal: AbortSignal
  readonly #repairs: Repairs

  constructor(store: StoreCalls, { algorithm, signal }: PublishPolicy, repairs: Repairs) {
    this.#store = store
    this.#algorithm = algorithm
    this.#signal = signal ?? new AbortController().signal
    this.#repairs = repairs
  }

  /** What stands in the place of an entry, as the part of a file is read; undefined if nothing does. */
  at(entry: Entry): Pick<Part, 'read'> | undefined {
    if (!this.#standing?.has(entry.index)) return undefined
    return { read: (position, into) => this.#within(entry, (source) => source.read(position, into)) }
  }

  /** Those of the files that are what the sender says, and are still there. */
  async equal(files: readonly Entry[], said: DigestColumn): Promise<Entry[]> {
    const equal: Entry[] = []
    let small: Entry[] = []
    let length = 0
    const readSmall = async () => {
      equal.push(...(await this.#equalSmall(small, length, said)))
      small = []
      length = 0
    }
    for (const entry of files) {
      const size = entry.size!
      if (length + size > SLAB || small.length === MOST_FILES) await readSmall()
      if (size > blockSizeOf(size)) {
        if (await this.#isEqual(entry, digestIn(said, entry.index)!)) equal.push(entry)
      } else {
        small.push(entry)
        length += size
      }
    }
    await readSmall()
    const gone = await this.#standing!.acknowledge(equal)
    const there = equal.filter(({ index }) => !gone.has(index))
    for (const entry of there) this.#repairs.proved(entry)
    return there
  }

  /**
   * Asks for a file that is not what stands, as far as it differs; false if that cannot be: an empty one. What it
   * throws is the failure of the file.
   */
  async update(entry: Entry): Promise<boolean> {
    const claim = await this.#copy(entry)
    this.#standing!.handOn(entry.index, claim)
    const ask = this.#repairs.mend(entry, claim === undefined)
    ask?.()
    return ask !== undefined
  }

  get #standing(): StandingEntries | undefined {
    return this.#store.standing
  }

  async #within<T>(entry: Entry, work: (source: OpenSource) => Promise<T>): Promise<T> {
    const source = await this.#standing!.open(entry, this.#signal)
    try {
      return await work(source)
    } finally {
      await closeSource(source)
    }
  }

  /** Small files, read many at once: most of them are equal. */
  async #equalSmall(files: readonly Entry[], length: number, said: DigestColumn): Promise<Entry[]> {
    if (files.length === 0) return []
    this.#signal.throwIfAborted()
    const bytes = Buffer.allocUnsafe(length)
    const failures = await this.#standing!.read(files, bytes, this.#signal)
    const into = digestInto(this.#algorithm)
    const ours = Buffer.alloc(digestLength(this.#algorithm))
    let from = 0
    return files.filter(({ index, size }) => {
      const content = bytes.subarray(from, from + size!)
      from += size!
      if (failures.has(index)) return false
      into([content], ours, 0)
      return digestIn(said, index)!.equals(ours)
    })
  }

  async #isEqual(entry: Entry, said: Buffer): Promise<boolean> {
    if (this.#repairs.differs(entry)) return false
    try {
      return await this.#within(entry, async (source) => {
        const known = this.#algorithm === BLOCKS ? this.#repairs.digest(entry) : undefined
        const found = known ?? (await this.#digest(entry, source))
        await source.verify()
        return found.equals(said)
      })
    } catch {
      this.#signal.throwIfAborted()
      return false
    }
  }

  async #digest({ size }: Entry, source: OpenSource): Promise<Buffer> {
    const digest = createDigest(this.#algorithm)
    const buffer = Buffer.allocUnsafe(Math.min(PIECE, size!))
    for (const { start, end } of inPieces({ start: 0, end: size! })) {
      this.#signal.throwIfAborted()
      const piece = buffer.subarray(0, end - start)
      await source.read(start, piece)
      digest.update(piece)
    }
    return digest.digest()
  }

  /** A part with the blocks of the file that are what the sender says; undefined if those are none, or all. */
  async #copy(entry: Entry): Promise<Claim | undefined> {
    const { index, size } = entry
    if (this.#store.order === 'ascending' || !this.#repairs.knowsBlocks(entry)) return undefined
    // where it changed, or cannot be read, all comes
    const source = await this.#standing!.open(entry, this.#signal).catch(() => undefined)
    if (!source) return undefined
    try {
      const part = (await this.#store.begin([entry])).get(index)!
      if (isError(part)) throw part
      const copied = await this.#copyTo(part, entry, source)
      if (copied.length > 0 && copied.length < blockCountOf(size!))
        return { part, ranges: rangesOfRuns(runsOfBlocks(copied), size) }
      await this.#store.discard(part, entry, failureOf(entry, 'ERR_DIGEST'))
      return undefined
    } finally {
      await closeSource(source)
    }
  }

  async #copyTo(part: Part, entry: Entry, source: OpenSource): Promise<number[]> {
    try {
      return await this.#repairs.copy(entry, source, part, this.#signal)
    } catch (error) {
      const failure = diskError(error, 'write', entry.path)
      await this.#store.keep(part, entry, failure)
      throw failure
    }
  }
}
