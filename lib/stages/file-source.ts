import { Readable } from 'node:stream'
import type { Owed } from '../async.js'
import { systemClock } from '../clock.js'
import { BLOCKS } from '../digest/blocks.js'
import { badOption, checkKeys, checkOption, wholeNow } from '../options.js'
import { DEFAULT_LIMITS } from '../wire/limits.js'
import { JoinedSources } from './file-source/joined-sources.js'
import { FILE_SOURCE_OPTIONS, type FileSourceOptions, planOfAll } from './file-source/options.js'
import { Production } from './file-source/production.js'
import { SourceReader } from './file-source/reader.js'
import { isManifest, type Manifest } from './manifest/builder.js'
import type { Item } from './river/items.js'
import { watchNext } from './river/place.js'

export type { FileSourceOptions }

/**
 * Reads a manifest as items: the offer, then runs of what the plan wants, small files many to a run, and `end`. What is
 * to be sent comes first, in the order of the stream; then what is claimed, as runs with `isProof`, of which `framer`
 * sends digests only. By an algorithm other than `blocks`, a file of which some is to be sent is read in order. What
 * the plan asks for again, behind `end` too, is read once more, and ends with an item `answered`, of which `hashTap`
 * makes the digest. A file that cannot be read or is no longer what the manifest says becomes a digests item with a
 * failure (`ERR_SOURCE_READ`, `ERR_SOURCE_CHANGED`), and the others go on at their own positions. Reads one run ahead.
 * The store of the manifest is closed if this is destroyed before its end.
 *
 * What is given out counts in the plan as sent, and a file that was given out to its end as answered.
 *
 * Throws `ERR_USAGE` for an option. Errors: `ERR_STATE` if `finish()` is called before the plan was told about every
 * entry.
 */
export function fileSource(manifest: Manifest, options: FileSourceOptions = {}): FileSource {
  return new FileSource(manifest, options)
}

/** @see fileSource */
export class FileSource extends Readable {
  readonly #sources = new JoinedSources()
  readonly #stop = new AbortController()
  readonly #production: Production
  readonly #items: AsyncGenerator<Item>
  /** What the store of the manifest has been asked for, and has not done. */
  readonly owed: () => Iterable<Owed>
  /** The item that is being read while downstream works on the one before. */
  #ahead: Promise<IteratorResult<Item>> | undefined

  constructor(manifest: Manifest, options: FileSourceOptions) {
    checkKeys('options', options, FILE_SOURCE_OPTIONS)
    const { clock = systemClock, signal } = options
    const expected = 'what manifestOf(), manifestFrom() or manifestOfEntries() gave'
    checkOption('manifest', manifest, isManifest(manifest), expected)
    const maxRun = wholeNow('maxRun', options.maxRun ?? DEFAULT_LIMITS.frame, 1, DEFAULT_LIMITS.frame)
    const { offer } = manifest
    const plan = options.plan ?? planOfAll(manifest)
    if (offer.entries.length > 0 && plan.entries[offer.first] !== offer.entries[0])
      throw badOption('plan', 'one that has the offer: call plan.add(manifest.offer) first', plan)
    if (plan.isEnded) throw badOption('plan', 'one that was not sent to its end before', plan)
    super({ objectMode: true, highWaterMark: 1, ...(signal && { signal }) })
    const { algorithm } = offer
    const store = this.#sources
    const reader = new SourceReader({ ...options, store, plan, algorithm, maxRun, signal: this.#stop.signal })
    this.owed = () => reader.pending.owed()
    this.#production = new Production({
      plan,
      rules: () => ({
        maxRun: maxRun(),
        isRereadable: (entry) => store.rereadable(entry),
        isInOrder: algorithm !== BLOCKS,
      }),
      reader,
      clock,
      untilSettled: options.untilSettled === true,
      isFinished: options.plan === undefined,
      onIdle: options.onIdle,
    })
    this.attach(manifest)
    this.#items = this.#production.items()
    watchNext('fileSource', this)
  }

  /** To be called when the plan was changed: decided about entries, asked for something again, closed something. */
  wake(): void {
    this.#production.wake()
  }

  /** To be called when nothing will be asked for any more: the source ends once all that is wanted was given out. */
  finish(): void {
    this.#production.finish()
  }

  /**
   * Reads nothing more, also not for proof, until it is told to go on; what was read is given out. Files are closed
   * meanwhile.
   */
  hold(isHeld: boolean): void {
    this.#production.hold(isHeld)
  }

  /** Gives another offer out, which was added to the plan, and reads what that wants of it. */
  attach(manifest: Manifest): void {
    this.#sources.add(manifest)
    this.#production.announce(manifest.offer)
  }

  override _read(): void {
    const next = this.#ahead ?? this.#items.next()
    next.then(
      ({ value, done }) => {
        this.#ahead = done ? undefined : this.#items.next()
        // heard of when it is taken, or not at all when the stream is destroyed before
        this.#ahead?.catch(() => {})
        this.push(done ? null : value)
      },
      (error) => this.destroy(error as Error),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stop.abort()
    this.#production.stop()
    this.#close(error !== null || !this.readableEnded).then((failure) => done(error ?? failure))
  }

  /** Gives what went wrong, when all is closed. */
  async #close(early: boolean): Promise<Error | undefined> {
    // what waits for a stream ends with it; what is being read goes on to its end first, since a handle that is closed
    // in mid-read could by then be that of another file
    const close = async () => early && this.#sources.close()
    const ended = await Promise.allSettled([close(), this.#items.return(undefined)])
    return ended.find((one) => one.status === 'rejected')?.reason
  }
}
