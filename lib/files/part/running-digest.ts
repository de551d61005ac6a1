import { createHash, type Hash } from 'node:crypto'
import { Limiter } from '../../async.js'
import { digestInSteps } from '../disk/digest-file.js'
import type { FileSystem } from '../disk/fs.js'
import { readPieces } from '../disk/read-write.js'
import type { Prefix } from '../journal/journal-records.js'

/** The digest of a file while it is written: what came in order is not read back. */
export class RunningDigest {
  readonly #algorithm: string
  #hasher: Hash
  #seen = 0
  /** One after the other: bytes are digested in order. */
  readonly #turn = new Limiter(1)

  constructor(algorithm: string) {
    this.#algorithm = algorithm
    this.#hasher = createHash(algorithm)
  }

  /** Where the bytes end that it has seen, from the first on. */
  get seen(): number {
    return this.#seen
  }

  /** Bytes are about to be written from `position` on: if it has seen some of them, all is read back. */
  async forget(position: number): Promise<void> {
    if (position < this.#seen)
      await this.#turn.run(async () => {
        if (position < this.#seen) this.clear()
      })
  }

  /** Takes in what was written. What came too early is read back in the end. */
  take(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    return this.#turn.run(async () => {
      // another write of the same bytes ran at the same time
      if (position < this.#seen) this.clear()
      if (position === this.#seen) await this.#add(buffers)
    })
  }

  /** Reads what it has not seen of the bytes up to `end`. */
  readOn(fs: FileSystem, fd: number, end: number, signal?: AbortSignal): Promise<void> {
    return this.#turn.run(async () => {
      for await (const piece of readPieces(fs, fd, undefined, { start: this.#seen, end })) {
        signal?.throwIfAborted()
        await this.#add([piece])
      }
    })
  }

  async #add(buffers: readonly Uint8Array[]): Promise<void> {
    await digestInSteps(this.#hasher, buffers)
    for (const { length } of buffers) this.#seen += length
  }

  /** The digest of what it has seen. */
  value(): Buffer {
    return this.#hasher.copy().digest()
  }

  /** What it has seen, so that a later process can prove it. */
  prefix(): Prefix {
    return { offset: this.#seen, digest: this.value().toString('hex') }
  }

  /** Begins anew. */
  clear(): void {
    this.#hasher = createHash(this.#algorithm)
    this.#seen = 0
  }
}
