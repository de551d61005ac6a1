import { Transform, type TransformCallback } from 'node:stream'
import {
  createDigest,
  type Digest,
  type DigestInto,
  digestInto,
  digestLength,
  prepareDigest,
} from '../digest/digests.js'
import { printable, SluiceError } from '../errors.js'
import type { Entry } from '../wire/entry.js'
import { type Cut, endsIn, lengthIn, type Run, RunReader } from '../wire/run.js'
import { type DigestsItem, type Item, isLastWord } from './river/items.js'
import { checkPlace, watchNext } from './river/place.js'

/** Files that have begun and not ended; a river has one, a stage that weaves rivers together a few. */
const MOST_RUNNING = 16

interface Running {
  digest: Digest
  /** Where the next bytes must begin. */
  offset: number
}

/**
 * Puts the digest of each whole file on the run in which it ends, by the algorithm of the offer, when all of the file
 * passed from its first byte on without a gap. Everything passes; nothing is held back. Of files that were begun and
 * left, the 16 that were begun last are remembered.
 *
 * Errors: `ERR_UNSUPPORTED` if this machine does not have the algorithm, `ERR_STATE` if data comes before an offer,
 * `ERR_PROTOCOL` if a later offer has another algorithm.
 */
export function hashTap(): Transform {
  return new HashTap()
}

class HashTap extends Transform {
  #algorithm: string | undefined
  #length = 0
  #digestInto: DigestInto | undefined
  readonly #running = new Map<number, Running>()

  constructor() {
    super({ objectMode: true, highWaterMark: 1 })
    watchNext('hashTap', this)
  }

  override _transform(item: Item, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      checkPlace('hashTap', item)
      if (item.kind === 'offer') {
        this.#learn(item.offer.algorithm).then(() => done(null, item), done)
        return
      }
      if (item.kind === 'run') this.#run(item)
      if (item.kind === 'digests') this.#forget(item)
    } catch (error) {
      done(error as Error)
      return
    }
    done(null, item)
  }

  async #learn(algorithm: string): Promise<void> {
    if (this.#algorithm !== undefined && this.#algorithm !== algorithm) {
      const message = `an offer with the hash algorithm ${printable(algorithm, 64)} follows one with another; a transfer has one`
      throw new SluiceError('ERR_PROTOCOL', message, { expected: this.#algorithm, found: algorithm })
    }
    await prepareDigest(algorithm)
    this.#length = digestLength(algorithm)
    this.#digestInto = digestInto(algorithm)
    this.#algorithm = algorithm
  }

  #run(run: Run): void {
    if (this.#algorithm === undefined) {
      throw new SluiceError(
        'ERR_STATE',
        'hashTap() got data before an offer; put it behind fileSource() or demuxer()',
      )
    }
    if (run.cuts) for (const cut of run.cuts) this.#cut(cut)
    else this.#columns(run)
  }

  #columns(run: Run): void {
    const { first, last, entries } = run
    const count = (run.ends ? last : last - 1) - first + 1
    const column = Buffer.alloc(count * this.#length)
    const reader = new RunReader(run.buffers)
    for (let index = first; index <= last; index++) {
      const entry = entries[index]!
      if (entry.type !== 'file') continue
      const place = (index - first) * this.#length
      const offset = index === first ? run.offset : 0
      const buffers = reader.take(lengthIn(run, index))
      if (offset === 0 && endsIn(run, index)) {
        this.#running.delete(index)
        this.#digestInto!(buffers, column, place)
      } else this.#take(entry, offset, buffers, endsIn(run, index))?.copy(column, place)
    }
    if (count > 0) run.digests = { first, count, bytes: column }
  }

  #cut(cut: Cut): void {
    const { entry, offset, bytes, last } = cut
    if (entry.type !== 'file') return
    const digest = this.#take(entry, offset, [bytes], last)
    if (digest) cut.digest = digest
  }

  /** Takes in bytes of a file; gives its digest if it ends with them, and all of it passed. */
  #take(entry: Entry, offset: number, buffers: readonly Buffer[], ends: boolean): Buffer | undefined {
    const { index } = entry
    if (offset === 0) {
      this.#running.delete(index)
      this.#begin(index)
    }
    const running = this.#running.get(index)
    if (running === undefined) return undefined
    // a gap or a repeat: what comes of this file can no longer be its digest
    if (running.offset !== offset) {
      this.#running.delete(index)
      return undefined
    }
    for (const bytes of buffers) {
      running.digest.update(bytes)
      running.offset += bytes.length
    }
    if (!ends) return undefined
    this.#running.delete(index)
    return running.digest.digest()
  }

  #begin(index: number): void {
    this.#running.set(index, { digest: createDigest(this.#algorithm!), offset: 0 })
    const [oldest] = this.#running.keys()
    if (this.#running.size > MOST_RUNNING) this.#running.delete(oldest!)
  }

  /** The sender has said what became of these: nothing more of them passes without being asked for again. */
  #forget(said: DigestsItem): void {
    for (const index of this.#running.keys()) if (isLastWord(said, index)) this.#running.delete(index)
  }
}
