import { Writable } from 'node:stream'
import { SluiceError } from '../errors.js'
import type { JournalEnd } from '../files/journal.js'
import type { Conflict, Durability } from '../files/publish.js'
import type { Entry } from '../wire/manifest.js'
import { isWanted } from '../wire/positions.js'
import { atMost, inSlices } from './at-most.js'
import type { Destination } from './destination.js'
import { prepareDigest } from './digests.js'
import { endFolders, endLink } from './end-folders.js'
import type { Item, SentDigest, StoredFile } from './items.js'
import { checkCount, checkOption } from './options.js'
import { failedWith, filesFailed, type Outcome } from './outcomes.js'
import { settleFile, type Unless } from './settle-file.js'

export interface FinalizerOptions {
  /** What to do when the name is taken by other content. Default 'rename': a suffix. */
  conflict?: Conflict
  /** What counts as already there. Default 'identical': the same content, proved by the digest. */
  unless?: Unless
  /** What a published file survives. Default: what `partSink` says. */
  durability?: Durability
  /** Symbolic links are skipped and reported, or, with 'keep', made at the end if they stay inside. */
  symlinks?: 'skip' | 'keep'
  /** Files that are published at once. Default 16. */
  concurrency?: number
  /** Told of every batch of entries that ended, once they are as safe as `durability` says; the next one waits for it. */
  onOutcome?: (outcomes: Outcome[]) => void | Promise<void>
  /** What became of an entry that the plan left out. Default: skipped, 'unwanted'. */
  unwanted?: (entry: Entry) => Omit<Outcome, 'entry' | 'path'>
  /** Told what did not go as asked although the entry is there. */
  warn?: (warning: SluiceError) => void
}

/** A stream with one record per entry of the offers, in their order, at the end. */
export interface Finalizer extends Writable {
  /** Resolves when the input came to its end, also if files failed; rejects as the stream does otherwise. */
  readonly outcomes: Promise<Outcome[]>
}

/**
 * Publishes what `partSink` stored: each file gets its name when its digest is that of the sender, never before, and
 * never without one. Files that fail do so alone; the stream then ends with `ERR_FILES_FAILED`, the outcomes in it.
 * Destroyed, it ends what it is doing to a file, and leaves the other parts for a later run.
 *
 * Errors: `ERR_FILES_FAILED`, `ERR_TRUNCATED` (entries never came), `ERR_DISK_FULL`, `ERR_READ_ONLY`,
 * `ERR_UNSAFE_LINK`, `ERR_UNSUPPORTED` (hash algorithm).
 */
export function finalizer(options: FinalizerOptions = {}): Finalizer {
  return new FinalizerStage(options)
}

class FinalizerStage extends Writable implements Finalizer {
  readonly outcomes: Promise<Outcome[]>
  readonly #options
  #destination: Destination | undefined
  #algorithm = ''
  #entries: Entry[] = []
  /** By the index of their entry; at the end there is one for each. */
  readonly #outcomes: Outcome[] = []
  #ended = 0
  /** Files of which only one half is known: what is stored, or what the sender says. */
  readonly #halves = new Map<number, Half>()
  readonly #folders: Entry[] = []
  readonly #links: Entry[] = []
  #working: Promise<void> = Promise.resolve()
  #stopped = false
  #resolve!: (outcomes: Outcome[]) => void
  #reject!: (error: unknown) => void

  constructor(options: FinalizerOptions) {
    super({ objectMode: true, highWaterMark: 1 })
    const { conflict = 'rename', unless = 'identical', symlinks = 'skip', concurrency = 16 } = options
    checkOption('conflict', conflict, ['rename', 'overwrite', 'replace', 'skip', 'fail'])
    checkOption('unless', unless, ['identical', 'unchanged', 'newer', 'nothing'])
    checkOption('symlinks', symlinks, ['skip', 'keep'])
    checkOption('durability', options.durability, [undefined, 'crash', 'power'])
    checkCount('concurrency', concurrency)
    this.#options = { ...options, conflict, unless, symlinks, concurrency }
    this.outcomes = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // whoever does not ask is not crashed by the answer
    this.outcomes.catch(() => {})
  }

  override _write(item: Item, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    try {
      this.#work(this.#take(item), done)
    } catch (error) {
      done(error as Error)
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#work(this.#end(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stopped = true
    this.#working
      .then(() => this.#destination?.release())
      .then(
        () => {
          this.#reject(
            error ?? new SluiceError('ERR_DESTROYED', 'the finalizer was destroyed before its end'),
          )
          done(error)
        },
        (reason) => done(error ?? reason),
      )
  }

  #work(work: Promise<void>, done: (error?: Error | null) => void): void {
    this.#working = work.catch(() => {})
    work.then(() => done(), done)
  }

  #take(item: Item): Promise<void> {
    switch (item.kind) {
      case 'offer':
        // held at once: partSink may end, and be destroyed, before the next turn
        this.#adopt(item.destination)
        return this.#learn(item)
      case 'stored':
        return this.#settle(item.files.filter((file) => this.#isReady(file.entry, { stored: file })))
      case 'digests':
        return this.#settle(item.digests.filter((sent) => this.#isReady(sent.entry, { sent })))
      default:
        return Promise.reject(
          new SluiceError('ERR_STATE', `finalizer() got a ${item.kind}; put it behind partSink()`),
        )
    }
  }

  #adopt(destination: Destination | undefined): void {
    if (!destination) throw new SluiceError('ERR_STATE', 'finalizer() must stand behind partSink()')
    if (this.#destination) return
    destination.hold()
    this.#destination = destination
    if (this.#options.durability === 'power') destination.durability = 'power'
  }

  async #learn({ offer, want }: Item & { kind: 'offer' }): Promise<void> {
    await prepareDigest(offer.algorithm)
    this.#algorithm = offer.algorithm
    this.#entries = this.#entries.concat(offer.entries)
    if (want === undefined) return
    const { unwanted = () => ({ status: 'skipped', reason: 'unwanted' }) as const } = this.#options
    const batch: Outcome[] = []
    await inSlices(offer.entries, (entry) => {
      if (isWanted(want, entry.index - offer.first)) return
      batch.push({ entry, path: entry.path, ...unwanted(entry) })
    })
    await this.#report(batch)
  }

  /** Takes in what is new about an entry; says whether all is known now that decides about it. */
  #isReady(entry: Entry, news: Half): boolean {
    const { index, type } = entry
    if (this.#outcomes[index]) return false
    if (type === 'directory' && !news.stored?.failure) this.#folders.push(entry)
    else if (type === 'symlink') this.#links.push(entry)
    else {
      const half = { ...this.#halves.get(index), ...news }
      this.#halves.set(index, half)
      return (
        half.stored?.failure !== undefined ||
        half.sent?.failure !== undefined ||
        (!!half.stored && !!half.sent)
      )
    }
    return false
  }

  async #settle(ready: readonly { entry: Entry }[]): Promise<void> {
    if (ready.length === 0) return
    const destination = this.#destination!
    const { fs, durability } = destination
    const options = { ...this.#options, fs, durability, algorithm: this.#algorithm }
    const batch: Outcome[] = []
    await atMost(
      this.#options.concurrency,
      ready,
      async ({ entry }) => {
        const { stored = { entry }, sent = { entry } } = this.#halves.get(entry.index)!
        const { outcome, part } = await settleFile(stored, sent, options)
        this.#halves.delete(entry.index)
        await destination.ended(entry, endOf(outcome, part))
        batch.push(outcome)
      },
      () => this.#stopped,
    )
    await this.#report(batch)
  }

  /** Nothing is told before it is as safe as was asked for. */
  async #report(batch: Outcome[]): Promise<void> {
    if (batch.length === 0) return
    await this.#destination?.settle()
    for (const outcome of batch) {
      this.#outcomes[outcome.entry.index] = outcome
      this.#ended++
      if (outcome.error && outcome.status !== 'failed') this.#options.warn?.(outcome.error)
    }
    if (!this.#stopped) await this.#options.onOutcome?.(batch)
  }

  async #end(): Promise<void> {
    const { symlinks, concurrency, warn } = this.#options
    const destination = this.#destination
    // stored, but the sender never said what it should be
    await this.#settle([...this.#halves.values()].flatMap(({ stored }) => stored ?? []))
    this.#checkAll()
    if (destination) {
      for (const entry of this.#links) {
        await this.#report([symlinks === 'keep' ? await endLink(destination, entry) : skippedLink(entry)])
      }
      await this.#report(await endFolders(destination, this.#folders, concurrency))
      await destination.finish().catch((error: SluiceError) => warn?.(error))
    }
    const failure = filesFailed(this.#outcomes)
    this.#resolve(this.#outcomes)
    if (failure) throw failure
  }

  #checkAll(): void {
    const missing = this.#entries.length - this.#ended - this.#folders.length - this.#links.length
    if (missing === 0) return
    throw new SluiceError(
      'ERR_TRUNCATED',
      `the input ended before ${missing} of ${this.#entries.length} entries came`,
    )
  }
}

type Half = { stored?: StoredFile; sent?: SentDigest }

function skippedLink(entry: Entry): Outcome {
  return {
    ...failedWith(entry, 'ERR_SKIPPED', 'symbolic links are not asked for'),
    status: 'skipped',
    reason: 'symlink',
  }
}

function endOf({ status, name, digest, error }: Outcome, part: 'kept' | 'gone'): JournalEnd {
  if (status === 'failed') return { state: 'failed', code: error!.code, part }
  return { state: 'completed', name, digest }
}
