import { Transform, type TransformCallback } from 'node:stream'
import { printable, SluiceError } from '../errors.js'
import { checkChoice, checkKeys } from '../options.js'
import { failureOf } from '../wire/outcome.js'
import { type DigestColumn, digestIn, endsIn, type Run } from '../wire/run.js'
import { type DigestsItem, type Item, isLastWord, type OfferItem } from './river/items.js'
import { checkPlace, watchNext } from './river/place.js'

/** What {@link verifier} takes. */
export interface VerifierOptions {
  /**
   * What becomes of a file that fails: the stream does, with its error (`'throw'`, the default), or the sink is told by
   * the `failures` of the `digests` item and the others go on (`'pass'`).
   */
  failed?: 'throw' | 'pass'
}

/**
 * Compares the digest of each file that passed with the one that the sender says, for a sink of one's own behind it:
 *
 * ```ts
 * pipeline(socket, deframer(), demuxer(), hashTap(), verifier(), sink)
 * ```
 * Everything passes in order, the bytes of a file before it is verified. Behind it a `digests` item has the digests of
 * files that are whole and right, and nothing else: only when a file's is there, the sink may make it visible, and with
 * `failed: 'pass'` it throws away those that have a failure there. `partSink` and `finalizer`, with a store, do all of
 * it.
 *
 * Errors: with `'throw'` the code of the sender for a file that it could not send, and `ERR_DIGEST`. Throws
 * `ERR_USAGE`.
 */
export function verifier(options: VerifierOptions = {}): Transform {
  checkKeys('options', options, { failed: true })
  const { failed = 'throw' } = options
  checkChoice('failed', failed, ['throw', 'pass'])
  return new Verifier(failed === 'pass')
}

class Verifier extends Transform {
  readonly #passes: boolean
  #plan: OfferItem['plan'] | undefined
  /**
   * Where the digest stands of each file that ended and waits for the word of the sender, by the index of its entry.
   */
  readonly #seen: (DigestColumn | undefined)[] = []

  constructor(passes: boolean) {
    super({ objectMode: true, highWaterMark: 1 })
    this.#passes = passes
    watchNext('verifier', this)
  }

  override _transform(item: Item, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      checkPlace('verifier', item)
      if (item.kind === 'offer') this.#plan = item.plan
      if (item.kind === 'run') this.#see(item)
      done(null, item.kind === 'digests' ? this.#verified(item) : item)
    } catch (error) {
      done(error as Error)
    }
  }

  #see(run: Run): void {
    if (run.cuts) {
      for (const { entry, last, digest } of run.cuts)
        if (last && digest) this.#seen[entry.index] = { first: entry.index, count: 1, bytes: digest }
      return
    }
    for (let index = run.first; index <= run.last; index++)
      if (endsIn(run, index) && digestIn(run.digests, index)) this.#seen[index] = run.digests
  }

  /** The item with no other digests than those that were compared. */
  #verified(item: DigestsItem): DigestsItem {
    const { first, count } = item
    const slot = item.bytes.length / count
    const bytes = Buffer.alloc(item.bytes.length)
    const failures = new Map(item.failures)
    for (let index = first; index < first + count; index++) {
      if (!isLastWord(item, index)) continue
      const sent = digestIn(item, index)
      const seen = digestIn(this.#seen[index], index)
      this.#seen[index] = undefined
      if (failures.has(index)) continue
      if (sent && seen?.equals(sent)) sent.copy(bytes, (index - first) * slot)
      else failures.set(index, this.#mismatch(index, sent, seen))
    }
    const [why] = failures.values()
    if (why === undefined || this.#passes) return { ...item, bytes, failures }
    throw typeof why === 'string' ? new SluiceError(why, 'a stage refused a file') : why
  }

  #mismatch(index: number, expected: Buffer | undefined, found: Buffer | undefined): SluiceError {
    const entry = this.#plan!.entries[index]!
    if (!found) return failureOf(entry, 'ERR_DIGEST', 'it did not pass hashTap() and verifier() to its end')
    const message = `the content of ${printable(entry.path)} does not match its digest`
    return new SluiceError('ERR_DIGEST', message, { path: entry.path, saysPath: true, expected, found })
  }
}
