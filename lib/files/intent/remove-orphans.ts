import { dirname, join } from 'node:path'
import { A_DAY, type Clock } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import { checkDuration, checkFlag, checkKeys } from '../../options.js'
import { AUDITED, type Audited, audited } from '../audit/recorder.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { inside, localPath, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { ifThere, isOfUser, lstatIfThere, sameInode } from '../disk/stats.js'
import { claimantOf, GATE, lockFolderName } from '../lock/lock-names.js'
import { LEASE, OwnerWatch, stateOf, untilNextLook } from '../own/lease.js'
import { fateOf, type Owner, type ProcessSystem, processSystem } from '../own/owner.js'
import { ownerOfTemporary, parseAsideName } from '../own/temporary-name.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Folder } from '../tree/open-folder.js'
import { Stoppable } from '../tree/stoppable.js'
import { NeededFiles, processOf } from './needed-files.js'

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
  /** Ends it between two files: `ERR_CANCELLED`. What was removed before stays removed. */
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
  /** What could not be looked into or removed; the search continued. */
  errors: SluiceError[]
  /** What other users have there and this one may not look into, which is passed over: `ERR_PERMISSION`. */
  foreign: SluiceError[]
  /**
   * Where a process that is dead had moved a folder that a file was to replace, of whatever age: the paths of these
   * folders aside. {@link recoverReplaced} ends that in the folder in which they are; nothing of them is removed here.
   */
  replaced: string[]
}

/**
 * Removes the temporary files of this library whose processes are certainly dead: regular files and symbolic links with
 * a name that says who made them, with any prefix, which did not change for some time. What a link leads to stays.
 * Files of other users and of living processes stay, and so do those that an unfinished transaction needs
 * (`recoverTransactions`). Files of processes that cannot be looked at, on another machine or in another container, are
 * watched for 10 seconds, and stay if these show that they live. Fails with `ERR_USAGE`, and if `dir` itself cannot be
 * read with `ERR_PERMISSION` or `ERR_WRITE`; errors below it are in the result.
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
    const watch = new OwnerWatch(clock, force)
    const stop = new Stoppable('the search for temporary files', options.signal)
    const search = new Search(fs, { dryRun, recursive, before: now() - olderThan, system, watch, stop })
    const handles = handlesOf(fs)
    const look = () =>
      handles.brief(async () => search.folder(await handles.retry(() => Folder.open(fs, dir))))
    try {
      await look()
      if (search.isUndecided) {
        await untilNextLook(watch.clock, LEASE, options.signal)
        search.beginAgain()
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
  watch: OwnerWatch
  stop: Stoppable
}

class Search {
  found: Orphans = { count: 0, bytes: 0, files: [], errors: [], foreign: [], replaced: [] }
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

  /** Forgets what the next look finds again: all but what was removed. */
  beginAgain(): void {
    const removed = this.#want.dryRun ? { count: 0, bytes: 0, files: [] } : this.found
    this.found = { ...removed, errors: [], foreign: [], replaced: [] }
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
        await this.#want.stop.step()
        const owner = ownerOfTemporary(name)
        const aside = parseAsideName(name)
        if (!owner && !aside && !here) continue
        try {
          const stats = await lstatIfThere(this.#fs, folder.at(name))
          if (stats && aside) await this.#aside(folder, name, stats, aside.owner)
          if (stats && owner) await this.#file(folder, name, stats, owner)
          else if (stats?.isDirectory() && stats.dev === here?.dev) await this.#below(folder, name, stats)
        } catch (error) {
          this.#notSeen(error, inside(folder.path, name), here)
        }
      }
    } finally {
      await folder.close()
    }
  }

  async #below(above: Folder, name: string, stats: FileStats): Promise<void> {
    try {
      // another process may remove it meanwhile
      await ifThere(above.enter(name).then((folder) => this.folder(folder, stats)))
    } catch (error) {
      this.#notSeen(error, inside(above.path, name), stats)
    }
  }

  /**
   * Says what could not be looked into, or at.
   * @param folder the folder that it is, or that it is in: it says whose that is
   */
  #notSeen(error: unknown, path: string, folder: FileStats | undefined): void {
    this.#want.stop.check()
    const failure = diskError(error, 'look into', path)
    const isAnothers = folder !== undefined && !isOfUser(this.#fs, folder)
    if (failure.code !== 'ERR_PERMISSION' || !isAnothers) this.found.errors.push(failure)
    else {
      const message = `cannot look into ${printable(path)}, which is another user's (${folder.uid}): it is passed over`
      this.found.foreign.push(
        new SluiceError('ERR_PERMISSION', message, { path, saysPath: true, cause: error }),
      )
    }
  }

  async #aside(folder: Folder, name: string, stats: FileStats, owner: Owner): Promise<void> {
    if (!stats.isDirectory() || !isOfUser(this.#fs, stats)) return
    const path = inside(folder.path, name)
    if (await this.#isGone(owner, folder, path, stats)) this.found.replaced.push(path)
  }

  async #file(folder: Folder, name: string, stats: FileStats, owner: Owner): Promise<void> {
    const { dryRun, before } = this.#want
    const isOurs = stats.isFile() || stats.isSymbolicLink()
    if (!isOurs || !isOfUser(this.#fs, stats) || stats.mtimeMs > before) return
    const path = inside(folder.path, name)
    try {
      if (!(await this.#isGone(owner, folder, path, stats))) return
      // only now that the process is known to be dead, see NeededFiles
      if (await this.#needed.has(folder.path, name, owner)) return
      if (!dryRun) await this.#fs.unlink(folder.at(name))
    } catch (error) {
      // another process has removed it
      if (errorCode(error) !== 'ENOENT') this.found.errors.push(diskError(error, 'remove', path))
      return
    }
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
}
