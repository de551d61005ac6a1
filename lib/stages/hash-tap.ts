import { Transform, type TransformCallback } from 'node:stream'
import { printable, SluiceError } from '../errors.js'
import { createDigest, type Digest, digestOf, prepareDigest } from './digest/digests.js'
import type { Cut, Item } from './items.js'

/** Files that have begun and not ended; a river has one, a stage that weaves rivers together a few. */
const MOST_RUNNING = 16

interface Running {
  digest: Digest
  /** Where the next cut must begin. */
  offset: number
}

/**
 * Puts the digest of each whole file on its last cut, by the algorithm of the offer, when all of the file passed from
 * its first byte on without a gap. Everything passes; nothing is held back. Of files that were begun and left, the
 * 16 that were begun last are remembered.
 *
 * Errors: `ERR_UNSUPPORTED` if this machine does not have the algorithm, `ERR_STATE` if data comes before an offer,
 * `ERR_PROTOCOL` if a later offer has another algorithm.
 */
export function hashTap(): Transform {
  return new HashTap()
}

class HashTap extends Transform {
  #algorithm: string | undefined
  readonly #running = new Map<number, Running>()

  constructor() {
    super({ objectMode: true, highWaterMark: 1 })
  }

  override _transform(item: Item, _encoding: BufferEncoding, done: TransformCallback): void {
    if (item.kind === 'offer') {
      this.#learn(item.offer.algorithm).then(() => done(null, item), done)
      return
    }
    try {
      if (item.kind === 'run') for (const cut of item.cuts) this.#take(cut)
      if (item.kind === 'digests') for (const { entry } of item.digests) this.#running.delete(entry.index)
    } catch (error) {
      done(error as Error)
      return
    }
    done(null, item)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#running.clear()
    done(error)
  }

  async #learn(algorithm: string): Promise<void> {
    if (this.#algorithm !== undefined && this.#algorithm !== algorithm) {
      const message = `an offer with the hash algorithm ${printable(algorithm, 64)} follows one with another; a transfer has one`
      throw new SluiceError('ERR_PROTOCOL', message, { expected: this.#algorithm, found: algorithm })
    }
    await prepareDigest(algorithm)
    this.#algorithm = algorithm
  }

  #take(cut: Cut): void {
    const { entry, offset, bytes, last } = cut
    if (entry.type !== 'file') return
    if (this.#algorithm === undefined) {
      throw new SluiceError(
        'ERR_STATE',
        'hashTap() got data before an offer; put it behind fileSource() or demuxer()',
      )
    }
    if (offset === 0) {
      this.#running.delete(entry.index)
      if (last) {
        cut.digest = digestOf(this.#algorithm, bytes)
        return
      }
      this.#begin(entry.index, this.#algorithm)
    }
    const running = this.#running.get(entry.index)
    if (running === undefined) return
    // a gap or a repeat: what comes of this file can no longer be its digest
    if (running.offset !== offset) {
      this.#running.delete(entry.index)
      return
    }
    running.digest.update(bytes)
    running.offset += bytes.length
    if (!last) return
    cut.digest = running.digest.digest()
    this.#running.delete(entry.index)
  }

  #begin(index: number, algorithm: string): void {
    this.#running.set(index, { digest: createDigest(algorithm), offset: 0 })
    const [oldest] = this.#running.keys()
    if (this.#running.size > MOST_RUNNING) this.#running.delete(oldest!)
  }
}
