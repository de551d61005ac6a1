import { Limiter } from '../../../async.js'
import type { FileSystem, SyncCalls } from '../../../files/disk/fs.js'
import { parentOf } from '../../../files/disk/names.js'
import { beginWriteBackNow, prepareWriteBackNow } from '../../../files/disk/sync.js'
import type { HandleBudget } from '../../../files/tree/handle-budget.js'
import type { OpenFolder } from '../../../files/tree/tree.js'
import type { Entry } from '../../../wire/entry.js'

/**
 * Small files that are written, and are to be synced: together, so that one commit of the journal of the disk is for
 * many of them. Until then they are open, since only their own handle is sure to learn of a write that failed.
 */
export class UnsyncedFiles {
  readonly #fs: FileSystem
  readonly #calls: SyncCalls
  readonly #handles: HandleBudget
  readonly #open = new Map<Entry, number>()
  #release: (() => void) | undefined

  constructor(fs: FileSystem, calls: SyncCalls, handles: HandleBudget) {
    this.#fs = fs
    this.#calls = calls
    this.#handles = handles
  }

  /** Whether as many are open as may be. */
  get isFull(): boolean {
    return this.#open.size >= this.#handles.most
  }

  /** A file was made, and nothing was written to it yet. */
  prepare(fd: number): void {
    prepareWriteBackNow(this.#fs, this.#calls, fd)
  }

  /** Takes over the handle of a file that is complete. */
  add(entry: Entry, fd: number, path: string): void {
    this.#release ??= this.#handles.holds()
    this.#open.set(entry, fd)
    beginWriteBackNow(this.#fs, this.#calls, path)
  }

  /** Syncs and closes all of them; gives those with which that failed, and why. */
  async sync(): Promise<Map<Entry, unknown>> {
    const failures = new Map<Entry, unknown>()
    const syncOne = async ([entry, fd]: [Entry, number]) => {
      try {
        // a failed fsync is never tried again: a second one would report success for data that is lost
        await this.#fs.fsync(fd)
      } catch (error) {
        failures.set(entry, error)
      }
    }
    await Promise.all([...this.#open].map(syncOne))
    this.#closeAll((entry, error) => {
      if (!failures.has(entry)) failures.set(entry, error)
    })
    return failures
  }

  /** Closes them without a sync: nobody waits for them any more. */
  drop(): void {
    this.#closeAll(() => {})
  }

  #closeAll(failed: (entry: Entry, error: unknown) => void): void {
    for (const [entry, fd] of this.#open) {
      try {
        this.#calls.close(fd)
      } catch (error) {
        failed(entry, error)
      }
    }
    this.#open.clear()
    this.#release?.()
    this.#release = undefined
  }
}

/** What is used of a store. */
interface Place {
  readonly folders: { folderOf(path: string): string | undefined }
  within<T>(path: string, work: (folder: OpenFolder) => Promise<T>): Promise<T>
}

/** Folders that are synced at once. */
const FOLDERS_AT_ONCE = 4

/** Syncs the names in the folders that files of the offer are in. */
export async function syncFolders(store: Place, entries: readonly Entry[]): Promise<void> {
  const paths = new Set(entries.map(({ path }) => store.folders.folderOf(parentOf(path))!))
  const sync = (path: string) => store.within(path, (folder) => folder.sync())
  await new Limiter(FOLDERS_AT_ONCE).each(paths, sync, { failFast: true })
}
