import { type Clock, MOST_TIMER, systemClock } from '../clock.js'
import { isSluiceError, type SluiceError } from '../errors.js'
import { nodeFileSystem } from '../files/disk/node-fs.js'
import type { Manifest } from '../stages/manifest/builder.js'
import { listNamed, type ManifestOptions } from '../stages/manifest/manifest-of.js'
import { Selection } from '../stages/manifest/selection.js'
import type { Entry } from '../wire/entry.js'
import { type Changed, Gathering, type GatheringRules } from './gathering.js'
import { Roots } from './roots.js'
import { Snapshot } from './snapshot.js'
import { diskWatcher, type Watcher } from './watcher.js'

/** How changes of files become offers. */
export interface ChangesOptions extends GatheringRules {
  /** Milliseconds between two looks at all of it. */
  rescan: number
  listing: Omit<ManifestOptions, 'only' | 'signal' | 'after'>
  /** Called whenever nothing that has changed is left to be offered. */
  idle(): void
  /** Told what cannot be sent, once. */
  warn(warning: SluiceError): void
  watcher?: Watcher | undefined
  clock?: Clock | undefined
}

/** What is offered at once, and what it was made for. */
export interface Round {
  changed: Changed
  manifest: Manifest
}

/** All of it is looked at again only after so many times as long as the last look took. */
const RESTS = 10

/**
 * What changes in files and folders, as offers: the first is of all of them, each further one of what has changed
 * since, under the same names and by the same rules. What is not sent is to be put back.
 *
 * That something has changed is told by the system, which may miss it; so all is also looked at now and then, when a
 * folder came or went, and before the end.
 */
export class Changes {
  readonly #paths: readonly string[]
  readonly #options: ChangesOptions
  readonly #clock: Clock
  readonly #gathering: Gathering
  readonly #snapshot = new Snapshot()
  #roots!: Roots
  /** What cannot be sent, and was told. */
  #told = new Set<string>()
  #unwatch = async () => {}
  #isClosed = false
  #failure: SluiceError | undefined
  #isHurried = false
  /** What was taken is being looked at. */
  #isListing = false
  /** That nothing is left was told, and nothing has changed since. */
  #isIdleTold = false
  /** When all is to be looked at. */
  #rescanAt: number
  /** Before that it is not, whatever happens. */
  #restsUntil = Number.NEGATIVE_INFINITY
  /** Called when something has changed. */
  #wake = () => {}

  constructor(paths: readonly string[], options: ChangesOptions) {
    this.#paths = paths
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#rescanAt = this.#clock.now() + options.rescan
    this.#gathering = new Gathering(options)
    this.offerAll()
  }

  /**
   * The next offer is of all that is watched, and at once: whoever receives it over another connection may know of
   * nothing that came before, and what is left out of a first offer may be taken for removed.
   */
  offerAll(): void {
    this.#gathering.add('all', Number.NEGATIVE_INFINITY)
    this.#isIdleTold = false
  }

  /** Begins to watch. Rejects as `manifestOf` does, and with `ERR_LIMIT` where the system watches no more files. */
  async open(): Promise<void> {
    const { relative, fs = nodeFileSystem } = this.#options.listing
    this.#roots = await Roots.find(this.#paths, { relative, fs })
    await this.#watch()
  }

  async #watch(): Promise<void> {
    const { listing, watcher = diskWatcher } = this.#options
    const { fs = nodeFileSystem, include = [], exclude = [] } = listing
    const roots = this.#roots
    // what stands in a .gitignore may change meanwhile: the listing goes by it
    const selection = new Selection(include, exclude, fs.platform)
    this.#unwatch = await watcher(
      {
        folders: roots.folders,
        files: roots.files,
        isIgnored: (path, isFolder) =>
          roots.offered(path).every((offered) => selection.chosen(offered, isFolder, undefined) === 'no'),
      },
      {
        changed: (path) => this.#add(roots.offered(path)),
        missed: () => this.#rescanBy(this.#clock.now() + this.#options.quiet),
        failed: (error) => {
          this.#failure ??= error
          this.#wake()
        },
      },
    )
    // it may have been closed meanwhile
    if (this.#isClosed) await this.#unwatch()
  }

  #add(changed: Changed): void {
    const before = this.#gathering.due ?? Number.POSITIVE_INFINITY
    this.#gathering.add(changed, this.#clock.now())
    this.#isIdleTold = false
    // who waits for what is due before has no need to know
    if (this.#isHurried || this.#gathering.due! < before) this.#wake()
  }

  #rescanBy(when: number): void {
    if (when >= this.#rescanAt) return
    this.#rescanAt = when
    this.#wake()
  }

  /**
   * The next offer, as soon as there is something to offer.
   * @param signal aborted when nobody waits for it any more: then nothing is taken
   */
  async next(signal: AbortSignal): Promise<Round> {
    for (;;) {
      const changed = await this.#due(signal)
      this.#isListing = true
      try {
        const manifest = await this.#list(signal, changed)
        if (!manifest || (changed !== 'all' && manifest.offer.entries.length === 0)) continue
        await this.#snapshot.note(manifest.offer)
        return { changed, manifest }
      } catch (error) {
        this.putBack(changed)
        // it went again, as a file that is about to be replaced
        if (!isSluiceError(error, 'ERR_NO_SUCH_FILE')) throw error
      } finally {
        this.#isListing = false
      }
    }
  }

  /** Lists what is there; undefined if nothing is. */
  async #list(signal: AbortSignal, changed: Changed): Promise<Manifest | undefined> {
    const named = await this.#roots.present(this.#options.warn)
    if (named.length === 0) return undefined
    const manifest = await listNamed(named, {
      ...this.#options.listing,
      ...(changed !== 'all' && { only: changed }),
      signal,
    })
    this.#warnOf(manifest.skipped, changed === 'all')
    return { ...manifest, skipped: manifest.skipped.filter(isOffered) }
  }

  #warnOf(skipped: readonly SluiceError[], isAll: boolean): void {
    const told = new Set(isAll ? [] : this.#told)
    for (const warning of skipped) {
      const what = `${warning.code} ${warning.path}`
      if (!this.#told.has(what)) this.#options.warn(warning)
      told.add(what)
    }
    this.#told = told
  }

  /** Waits until something is due, and takes it. */
  async #due(signal: AbortSignal): Promise<Changed> {
    for (;;) {
      signal.throwIfAborted()
      if (this.#failure) throw this.#failure
      const changed = this.#gathering.take(this.#isHurried ? undefined : this.#clock.now())
      this.#isIdleTold &&= changed === undefined
      if (changed) return changed
      if (await this.#rescan(signal)) continue
      if (this.isIdle && !this.#isIdleTold) {
        this.#isIdleTold = true
        this.#options.idle()
      }
      await this.#somethingHappens(signal)
    }
  }

  get #nextRescan(): number {
    return Math.max(this.#rescanAt, this.#restsUntil)
  }

  /** Looks at all of it, if that is due, for changes that nobody told of; gives whether it was. */
  async #rescan(signal: AbortSignal): Promise<boolean> {
    const begun = this.#clock.now()
    if (begun < this.#nextRescan) return false
    // what is missed from now on is for the next one
    this.#rescanAt = begun + this.#options.rescan
    this.#isListing = true
    try {
      const manifest = await this.#list(signal, 'all')
      const entries = manifest?.offer.entries ?? []
      const changed = await this.#snapshot.changedIn(entries)
      const isUnwatched = this.#hasUntoldFolder(entries, new Set(changed))
      if (changed.length > 0) this.#add(changed)
      if (isUnwatched) await this.#watchAnew()
    } catch (error) {
      this.#rescanAt = begun
      if (!isSluiceError(error, 'ERR_NO_SUCH_FILE')) throw error
    } finally {
      this.#isListing = false
      const now = this.#clock.now()
      this.#restsUntil = now + RESTS * (now - begun)
    }
    return true
  }

  /** Whether there is a new folder of which nobody told: what is in it may not be watched. */
  #hasUntoldFolder(entries: readonly Entry[], changed: ReadonlySet<string>): boolean {
    const isUntold = ({ type, path }: Entry) =>
      type === 'directory' && changed.has(path) && !this.#gathering.has(path)
    return entries.some(isUntold)
  }

  async #watchAnew(): Promise<void> {
    await this.#unwatch()
    await this.#watch()
    // what changed meanwhile
    this.#rescanBy(this.#clock.now() + this.#options.quiet)
  }

  async #somethingHappens(signal: AbortSignal): Promise<void> {
    const when = Math.min(this.#gathering.due ?? Number.POSITIVE_INFINITY, this.#nextRescan)
    await new Promise<void>((resolve) => {
      const stop = this.#clock.after(Math.max(0, Math.min(when - this.#clock.now(), MOST_TIMER)), wake)
      function wake() {
        stop()
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#wake = wake
      signal.addEventListener('abort', wake)
    })
    this.#wake = () => {}
  }

  /** What was taken has not arrived: it is offered again. */
  putBack(changed: Changed): void {
    this.#add(changed)
  }

  /** Whether nothing has changed that is still to be offered, as far as anybody told. */
  get isIdle(): boolean {
    return !this.#isListing && this.#gathering.due === undefined
  }

  /** Whether nothing has changed that is still to be offered, by a look at all of it if that is due. */
  async isDone(signal: AbortSignal): Promise<boolean> {
    await this.#rescan(signal)
    return this.isIdle
  }

  /** Nobody waits any longer for what has changed: it is due at once, also what nobody told of. */
  hurry(): void {
    this.#isHurried = true
    this.#isIdleTold = false
    this.#rescanAt = this.#clock.now()
    this.#restsUntil = this.#rescanAt
    this.#wake()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#unwatch()
  }
}

/** Whether what was met is in the offer, as an entry that cannot be read. */
function isOffered({ code }: SluiceError): boolean {
  return code !== 'ERR_SKIPPED' && code !== 'ERR_UNSUPPORTED'
}
