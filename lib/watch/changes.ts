import { type Clock, systemClock } from '../clock.js'
import { asSluiceError, isSluiceError, type SluiceError } from '../errors.js'
import { nodeFileSystem } from '../files/disk/node-fs.js'
import { argumentsOf, namedOf } from '../stages/manifest/arguments.js'
import type { Manifest } from '../stages/manifest/builder.js'
import { type ManifestOptions, manifestOf } from '../stages/manifest/manifest-of.js'
import { Selection } from '../stages/manifest/selection.js'
import { type Changed, Gathering, type GatheringRules } from './gathering.js'
import { diskWatcher, type Watcher } from './watcher.js'

/** How changes of files become offers. */
export interface ChangesOptions extends GatheringRules {
  listing: Omit<ManifestOptions, 'only' | 'signal' | 'after'>
  /** Called whenever nothing that has changed is left to be offered. */
  idle(): void
  watcher?: Watcher | undefined
  clock?: Clock | undefined
}

/** What is offered at once, and what it was made for. */
export interface Round {
  changed: Changed
  manifest: Manifest
}

/**
 * What changes in files and folders, as offers: the first is of all of them, each further one of what has changed
 * since, under the same names and by the same rules. What is not sent is to be put back.
 */
export class Changes {
  readonly #paths: readonly string[]
  readonly #options: ChangesOptions
  readonly #clock: Clock
  readonly #gathering: Gathering
  /** Where on this disk what is watched begins, and as what it is offered. */
  #roots: readonly { path: string; name: string }[] = []
  #close: () => Promise<void> = async () => {}
  #failure: SluiceError | undefined
  #isHurried = false
  /** What was taken is being looked at. */
  #isListing = false
  /** Called when something has changed. */
  #wake = () => {}

  constructor(paths: readonly string[], options: ChangesOptions) {
    this.#paths = paths
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#gathering = new Gathering(options)
    this.#gathering.add('all', Number.NEGATIVE_INFINITY)
  }

  /** Begins to watch. Rejects as `manifestOf` does, and with `ERR_LIMIT` where the system watches no more files. */
  async open(): Promise<void> {
    const { listing, watcher = diskWatcher } = this.#options
    const { fs = nodeFileSystem, include = [], exclude = [] } = listing
    const found = await argumentsOf(namedOf(this.#paths, fs), fs)
    const resolved = found.map(async ({ path, name }) => {
      const real = await fs.realpath(path)
      return { path: real, name, isFolder: (await fs.lstat(real)).isDirectory() }
    })
    const roots = await Promise.all(resolved).catch((error: unknown) => {
      throw asSluiceError(error, 'ERR_NO_SUCH_FILE', 'what is to be watched is not there')
    })
    this.#roots = roots
    // what stands in a .gitignore may change meanwhile: the listing goes by it
    const selection = new Selection(include, exclude, fs.platform)
    const of = (isFolder: boolean) =>
      roots.filter((root) => root.isFolder === isFolder).map(({ path }) => path)
    this.#close = await watcher(
      {
        folders: of(true),
        files: of(false),
        isIgnored: (path, isFolder) =>
          this.#offered(path).every((offered) => selection.chosen(offered, isFolder, undefined) === 'no'),
      },
      {
        changed: (path) => this.#changed(path),
        failed: (error) => {
          this.#failure ??= error
          this.#wake()
        },
      },
    )
  }

  /**
   * The paths under which a file of this disk is offered: more than one where a folder is named beside one above it.
   */
  #offered(path: string): string[] {
    return this.#roots.flatMap((root) => {
      if (path === root.path) return [root.name]
      const above = root.path.endsWith('/') ? root.path : `${root.path}/`
      return path.startsWith(above) ? [`${root.name}/${path.slice(above.length)}`] : []
    })
  }

  #changed(path: string): void {
    this.#gathering.add(this.#offered(path), this.#clock.now())
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
        const manifest = await this.#list(changed, signal)
        if (changed === 'all' || manifest.offer.entries.length > 0) return { changed, manifest }
      } catch (error) {
        // it went again, as a file that is about to be replaced
        if (changed !== 'all' && isSluiceError(error, 'ERR_NO_SUCH_FILE')) continue
        this.putBack(changed)
        throw error
      } finally {
        this.#isListing = false
      }
    }
  }

  #list(changed: Changed, signal: AbortSignal): Promise<Manifest> {
    return manifestOf(this.#paths, {
      ...this.#options.listing,
      ...(changed !== 'all' && { only: changed }),
      signal,
    })
  }

  /** Waits until something is due, and takes it. */
  async #due(signal: AbortSignal): Promise<Changed> {
    for (;;) {
      signal.throwIfAborted()
      if (this.#failure) throw this.#failure
      const changed = this.#gathering.take(this.#isHurried ? undefined : this.#clock.now())
      if (changed) return changed
      if (this.isIdle) this.#options.idle()
      await this.#somethingHappens(signal)
    }
  }

  async #somethingHappens(signal: AbortSignal): Promise<void> {
    const { due } = this.#gathering
    await new Promise<void>((resolve) => {
      const stop =
        due === undefined ? () => {} : this.#clock.after(Math.max(0, due - this.#clock.now()), wake)
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
    this.#gathering.add(changed, this.#clock.now())
    this.#wake()
  }

  /** Whether nothing has changed that is still to be offered. */
  get isIdle(): boolean {
    return !this.#isListing && this.#gathering.due === undefined
  }

  /** Nobody waits any longer for what has changed: it is due at once. */
  hurry(): void {
    this.#isHurried = true
    this.#wake()
  }

  close(): Promise<void> {
    return this.#close()
  }
}
