import { createHash, type Hash } from 'node:crypto'
import { digestInSteps } from '../disk/digest-file.js'
import type { FileSystem } from '../disk/fs.js'
import { readPieces } from '../disk/read-write.js'
import type { Prefix } from '../journal/journal-records.js'

/**
 * The digest of a file while it is written: what came in order is not read back. Its methods are called one after the
 * other; only {@link prefix} may be asked in between.
 */
export class RunningDigest {
  readonly #algorithm: string
  #hasher: Hash
  #seen = 0
  /** As it was when the last bytes had been seen to their end. */
  #noted: { offset: number; hasher: Hash }

  constructor(algorithm: string) {
    this.#algorithm = algorithm
    this.#hasher = createHash(algorithm)
    this.#noted = { offset: 0, hasher: this.#hasher.copy() }
  }

  /** Where the bytes end that it has seen, from the first on. */
  get seen(): number {
    return this.#seen
  }

  /** Bytes are about to be written from `position` on: if it has seen some of them, all is read back. */
  forget(position: number): void {
    if (position < this.#seen) this.clear()
  }

  /** Takes in what was written. What came too early is read back in the end. */
  async take(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    if (position === this.#seen) await this.#add(buffers)
  }

  /** Reads what it has not seen of the bytes up to `end`. */
  async readOn(fs: FileSystem, fd: number, end: number, signal?: AbortSignal): Promise<void> {
    for await (const piece of readPieces(fs, fd, undefined, { start: this.#seen, end })) {
      signal?.throwIfAborted()
      await this.#add([piece])
    }
  }

  async #add(buffers: readonly Uint8Array[]): Promise<void> {
    await digestInSteps(this.#hasher, buffers)
    for (const { length } of buffers) this.#seen += length
    this.#note()
  }

  #note(): void {
    this.#noted = { offset: this.#seen, hasher: this.#hasher.copy() }
  }

  /** The digest of what it has seen. */
  value(): Buffer {
    return this.#hasher.copy().digest()
  }

  /** What it has seen, so that a later process can prove it. */
  prefix(): Prefix {
    const { offset, hasher } = this.#noted
    return { offset, digest: hasher.copy().digest('hex') }
  }

  /** Begins anew. */
  clear(): void {
    this.#hasher = createHash(this.#algorithm)
    this.#seen = 0
    this.#note()
  }
}
