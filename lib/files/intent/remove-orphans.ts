import { dirname, join, sep } from 'node:path'
import { A_DAY, type Clock } from '../../clock.js'
import { isSluiceError, type SluiceError } from '../../errors.js'
import { checkDuration, checkFlag, checkKeys } from '../../options.js'
import { AUDITED, type Audited, audited } from '../audit/recorder.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { localPath, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { isOfUser, lstatIfThere, sameInode } from '../disk/stats.js'
import { claimantOf, GATE, lockFolderName } from '../lock/lock-names.js'
import { LEASE, stateOf, untilNextLook, Watch } from '../own/lease.js'
import { fateOf, type Owner, type ProcessSystem, processSystem, textOfOwner } from '../own/owner.js'
import { ownerOfTemporary } from '../own/temporary-name.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Folder } from '../tree/open-folder.js'
import { Tree } from '../tree/tree.js'
import { IntentFile } from './intent-file.js'

/** Options of {@link removeOrphans}. */
export interface RemoveOrphansOptions extends Audited {
  /** Only files whose last change is longer ago, in milliseconds. Default 24 hours. */
  olderThan?: number
  /** Remove nothing, only report. */
  dryRun?: boolean
  /** Also in all folders below, but not through links and not in other file systems. */
  recursive?: boolean
  /**
   * Remove those of processes that cannot be looked at, on another machine or in another container, without watching
   * whether they live: for people who have made sure that they do not.
   */
  force?: boolean
  /** Ends the watching: `ERR_CANCELLED`. */
  signal?: AbortSignal | undefined
  fs?: FileSystem
  system?: ProcessSystem
  /** For tests. */
  clock?: Clock
  /** Milliseconds since 1970. */
  now?: () => number
}

/** What {@link removeOrphans} removed, or with `dryRun` would. */
export interface Orphans {
  count: number
  bytes: number
  /** Their paths. */
  files: string[]
  /** What could not be read or removed; the search continued. */
  errors: SluiceError[]
}

/**
 * Removes the temporary files of this library whose processes are certainly dead: regular files with a name that says
 * who made them, with any prefix, which did not change for some time. Files of other users and of living processes
 * stay, and so do those that an unfinished transaction needs (`recoverTransactions`). Files of processes that cannot be
 * looked at, on another machine or in another container, are watched for 10 seconds, and stay if these show that they
 * live. Fails with `ERR_USAGE`, and if `dir` itself cannot be read with `ERR_PERMISSION` or `ERR_WRITE`; errors below it
 * are in the result.
 */
export function removeOrphans(folder: PathLike, options: RemoveOrphansOptions = {}): Promise<Orphans> {
  return audited('removeOrphans', folder, options, async () => {
    checkKeys('options', options, {
      ...AUDITED,
      olderThan: true,
      dryRun: true,
      recursive: true,
      force: true,
      signal: true,
      fs: true,
      system: true,
      clock: true,
      now: true,
    })
    const { olderThan = A_DAY, dryRun = false, recursive = false } = options
    const { fs = nodeFileSystem, system = processSystem, now = Date.now, force = false, clock } = options
    const dir = localPath('dir', folder)
    checkFlag('dryRun', dryRun)
    checkFlag('recursive', recursive)
    checkFlag('force', force)
    checkDuration('olderThan', olderThan)
    const watch = new Watch(clock, force)
    const search = new Search(fs, { dryRun, recursive, before: now() - olderThan, system, watch })
    const handles = handlesOf(fs)
    const look = () =>
      handles.brief(async () => search.folder(await handles.retry(() => Folder.open(fs, dir))))
    try {
      await look()
      if (search.isUndecided) {
        await untilNextLook(watch.clock, LEASE, options.signal)
        search.found.errors = []
        await look()
      }
    } catch (error) {
      throw diskError(error, 'search', dir)
    }
    return search.found
  })
}

const TRANSACTION_LOCK = lockFolderName('transaction')!

interface Wanted extends Required<Pick<RemoveOrphansOptions, 'dryRun' | 'recursive' | 'system'>> {
  /** The latest time of last change. */
  before: number
  watch: Watch
}

class Search {
  readonly found: Orphans = { count: 0, bytes: 0, files: [], errors: [] }
  readonly #fs: FileSystem
  readonly #needed: NeededFiles
  readonly #want: Wanted
  /** There are files that have to be watched before it is known whether their processes live. */
  isUndecided = false

  constructor(fs: FileSystem, want: Wanted) {
    this.#fs = fs
    this.#needed = new NeededFiles(fs)
    this.#want = want
  }

  /**
   * Searches an open folder, and closes it.
   * @param seen the stats of the folder before it was opened
   */
  async folder(folder: Folder, seen?: FileStats): Promise<void> {
    try {
      const here = this.#want.recursive ? await this.#fs.fstat(folder.fd) : undefined
      if (seen && here && !sameInode(seen, here)) return
      for (const name of (await folder.list()).map(String)) {
        try {
          const owner = ownerOfTemporary(name)
          if (owner) await this.#file(folder, name, owner)
          else if (here) await this.#below(folder, name, here)
        } catch (error) {
          // another process has removed it
          if (errorCode(error) === 'ENOENT') continue
          this.found.errors.push(diskError(error, 'remove', join(folder.path, name)))
        }
      }
    } finally {
      await folder.close()
    }
  }

  async #file(folder: Folder, name: string, owner: Owner): Promise<void> {
    const { dryRun, before } = this.#want
    const stats = await this.#fs.lstat(folder.at(name))
    if (!stats.isFile() || !isOfUser(this.#fs, stats)) return
    const path = join(folder.path, name)
    if (stats.mtimeMs > before || !(await this.#isGone(owner, folder, path, stats))) return
    // only now that the process is known to be dead, see NeededFiles
    if (await this.#needed.has(folder.path, name, owner)) return
    if (!dryRun) await this.#fs.unlink(folder.at(name))
    this.found.count++
    this.found.bytes += stats.size
    this.found.files.push(path)
  }

  async #isGone(owner: Owner, folder: Folder, path: string, stats: FileStats): Promise<boolean> {
    const { system, watch } = this.#want
    const fate = fateOf(owner, system)
    if (fate !== 'unseen') return fate === 'gone'
    const known = watch.look(path, [stateOf(stats), ...(await this.#signsOf(owner, folder))].join())
    if (known === 'unknown') this.isUndecided = true
    return known === 'dead'
  }

  /** What the process of a transaction shows in its lock, which it has in this folder or in one above. */
  async #signsOf(owner: Owner, { path }: Folder): Promise<string[]> {
    const signs: string[] = []
    for (let above = await this.#fs.realpath(path); ; above = dirname(above)) {
      const gate = join(above, TRANSACTION_LOCK, GATE)
      const names = (await this.#fs.readdir(gate).catch(() => [])).map(String)
      for (const name of names) {
        const holder = claimantOf(name)?.owner
        if (!holder || processOf(holder) !== processOf(owner)) continue
        const there = await lstatIfThere(this.#fs, join(gate, name))
        if (there) signs.push(stateOf(there))
      }
      if (dirname(above) === above) return signs
    }
  }

  async #below(folder: Folder, name: string, above: FileStats): Promise<void> {
    const stats = await this.#fs.lstat(folder.at(name))
    if (stats.isDirectory() && stats.dev === above.dev) await this.folder(await folder.enter(name), stats)
  }
}

/**
 * For each folder the paths that its intents need; null if one of them cannot be read, so that it may need any path.
 */
type ByFolder = Map<string, Promise<Set<string> | null>>

/**
 * The temporary files that unfinished transactions need: without them these could neither be completed nor undone.
 * Intents are looked for in every folder above a file.
 *
 * The intents are read after the process that made the file was seen to be dead, never before. That is enough: an
 * intent names only files of its own process, and a dead process writes no new intent; a recovery of the
 * transaction removes the intent only when its files are not needed any more. An intent that was read before proves
 * nothing, because the process could have committed in between, and died.
 */
class NeededFiles {
  readonly #fs: FileSystem
  /** For each dead process what was read after its death was seen. */
  readonly #known = new Map<string, ByFolder>()

  constructor(fs: FileSystem) {
    this.#fs = fs
  }

  /**
   * Whether the file `name` in `folder` is needed.
   * @param owner the process that made it, which was seen to be dead
   */
  async has(folder: string, name: string, owner: Owner): Promise<boolean> {
    const start = await this.#fs.realpath(folder)
    const path = below(start) + name
    const known = this.#knownSince(owner)
    for (let above = start; ; above = dirname(above)) {
      if (!known.has(above)) known.set(above, this.#neededBelow(above))
      const needed = await known.get(above)!
      if (needed === null || needed.has(path)) return true
      if (dirname(above) === above) return false
    }
  }

  /** What was read for this process. It may be kept, because the process stays dead. */
  #knownSince(owner: Owner): ByFolder {
    // without its start time, a later process may have had the same number: nothing is kept
    if (owner.start === '') return new Map()
    const process = processOf(owner)
    const known = this.#known.get(process) ?? new Map()
    this.#known.set(process, known)
    return known
  }

  async #neededBelow(root: string): Promise<Set<string> | null> {
    const needed = new Set<string>()
    const top = below(root)
    const tree = await Tree.open(root, { fs: this.#fs }).catch((error: unknown) => {
      // a user who may not read a folder has no transaction there
      if (isSluiceError(error, 'ERR_PERMISSION')) return undefined
      throw error
    })
    if (!tree) return needed
    try {
      for (const file of await IntentFile.find(tree)) {
        const intent = await file.read().catch((error: unknown) => {
          // that of a newer Sluice may need any path, too
          if (!isSluiceError(error, 'ERR_TRANSACTION')) throw error
        })
        if (!intent) return null
        for (const { temporary, backup } of intent.actions)
          for (const path of [temporary, backup]) if (path !== undefined) needed.add(top + path)
      }
      return needed
    } finally {
      await tree.close()
    }
  }
}

/** What is the same for all that one process owns. */
function processOf(owner: Owner): string {
  return textOfOwner({ ...owner, token: '' })
}

/** The prefix of paths below a folder, with `/` on any platform, as in intents. */
function below(folder: string): string {
  const path = sep === '/' ? folder : folder.replaceAll(sep, '/')
  return path.endsWith('/') ? path : `${path}/`
}
