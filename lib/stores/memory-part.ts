import { digestOf } from '../digest/digests.js'
import { SystemError } from '../files/disk/disk-error.js'
import { type Range, Ranges } from '../ranges.js'
import type { Entry } from '../wire/entry.js'
import type { Part } from './parts.js'
import type { Placement, PublishPolicy } from './policy.js'

/** A published file in memory. */
export interface MemoryFile {
  bytes: Buffer
  /** Permission bits. */
  mode: number
  /** Milliseconds since 1970. */
  mtime: number
}

/** What a file has where nobody chose a mode: in memory there is no umask. */
const FILE_MODE = 0o644

/** Reads bytes of a content, into all of a buffer. */
export function readFrom(content: Buffer, position: number, into: Buffer): void {
  const bytes = content.subarray(position, position + into.length)
  if (bytes.length < into.length)
    throw new SystemError('EIO', 'read', `${bytes.length} of ${into.length} bytes stand at ${position}`)
  into.set(bytes)
}

/** A file on its way into memory. */
export class MemoryPart implements Part {
  entry: Entry
  readonly #put: (file: MemoryFile, policy: PublishPolicy) => Promise<Placement>
  readonly #drop: () => void
  #memory = Buffer.alloc(0)
  /** What was written. */
  readonly #written = new Ranges()

  constructor(
    entry: Entry,
    put: (file: MemoryFile, policy: PublishPolicy) => Promise<Placement>,
    drop: () => void,
  ) {
    this.entry = entry
    this.#put = put
    this.#drop = drop
  }

  get ranges(): Range[] {
    return this.#written.toArray()
  }

  /** Memory grows up to the last byte that came. What a sender of ours announces and never sends takes none. */
  write(offset: number, buffers: readonly Buffer[]): void {
    let end = offset
    for (const { length } of buffers) end += length
    if (end > this.#memory.length) {
      const most = this.entry.size ?? Number.POSITIVE_INFINITY
      const larger = Buffer.alloc(Math.max(end, Math.min(most, this.#memory.length * 2)))
      larger.set(this.#memory)
      this.#memory = larger
    }
    this.#written.add(offset, end)
    let at = offset
    for (const bytes of buffers) {
      this.#memory.set(bytes, at)
      at += bytes.length
    }
  }

  read(position: number, into: Buffer): void {
    readFrom(this.#content, position, into)
  }

  digest(algorithm: string): Buffer {
    return digestOf(algorithm, this.#content)
  }

  publish(policy: PublishPolicy): Promise<Placement> {
    const { mode, mtime } = this.entry
    return this.#put({ bytes: this.#content, mode: mode ?? FILE_MODE, mtime }, policy)
  }

  discard(): void {
    this.#drop()
    this.#memory = Buffer.alloc(0)
    this.#written.clear()
  }

  /** {@link MemoryStore.close} keeps it. */
  keep(): void {}

  get #content(): Buffer {
    return this.#memory.subarray(0, this.#written.end)
  }
}
