import { join } from 'node:path'
import type { SluiceError } from '../../errors.js'
import { checkDuration, checkFlag, checkLocalPath } from '../../options.js'
import { type Audited, audited } from '../audit/audited.js'
import { A_DAY } from '../disk/clock.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { sameInode } from '../disk/stats.js'
import { isGone, type ProcessSystem, processSystem } from '../own/owner.js'
import { ownerOfTemporary } from '../own/temporary-name.js'
import { NeededFiles } from './needed-files.js'

/** Options of {@link removeOrphans}. */
export interface RemoveOrphansOptions extends Audited {
  /** Only files whose last change is longer ago, in milliseconds. Default 24 hours. */
  olderThan?: number
  /** Remove nothing, only report. */
  dryRun?: boolean
  /** Also in all folders below, but not through links and not in other file systems. */
  recursive?: boolean
  fs?: FileSystem
  system?: ProcessSystem
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
 * who made them, with any prefix, which did not change for some time. Files of living processes and of other machines
 * stay, and so do those that an unfinished transaction needs (`recoverTransactions`). Fails with `ERR_USAGE`, and if
 * `dir` itself cannot be read with `ERR_PERMISSION` or `ERR_WRITE`; errors below it are in the result.
 */
export function removeOrphans(dir: string, options: RemoveOrphansOptions = {}): Promise<Orphans> {
  return audited('removeOrphans', dir, options, () => searchOrphans(dir, options))
}

async function searchOrphans(dir: string, options: RemoveOrphansOptions): Promise<Orphans> {
  const { olderThan = A_DAY, dryRun = false, recursive = false } = options
  const { fs = nodeFileSystem, system = processSystem, now = Date.now } = options
  checkLocalPath('dir', dir)
  checkFlag('dryRun', dryRun)
  checkFlag('recursive', recursive)
  checkDuration('olderThan', olderThan)
  const search = new Search(fs, { dryRun, recursive, before: now() - olderThan, system })
  try {
    await search.folder(dir, await fs.open(dir, OPEN.anyDirectory))
  } catch (error) {
    throw diskError(error, 'search', dir)
  }
  return search.found
}

class Search {
  readonly found: Orphans = { count: 0, bytes: 0, files: [], errors: [] }
  readonly #fs: FileSystem
  readonly #needed: NeededFiles
  readonly #want: { dryRun: boolean; recursive: boolean; before: number; system: ProcessSystem }

  constructor(
    fs: FileSystem,
    want: { dryRun: boolean; recursive: boolean; before: number; system: ProcessSystem },
  ) {
    this.#fs = fs
    this.#needed = new NeededFiles(fs)
    this.#want = want
  }

  /**
   * Searches the folder that is open as `fd`, and closes it.
   * @param seen the stats of the folder before it was opened
   */
  async folder(path: string, fd: number, seen?: FileStats): Promise<void> {
    const fs = this.#fs
    try {
      const here = this.#want.recursive ? await fs.fstat(fd) : undefined
      if (seen && here && !sameInode(seen, here)) return
      for (const entry of await fs.readdir(fs.at(fd, '.') ?? path)) {
        const name = entry.toString()
        const shown = join(path, name)
        const where = fs.at(fd, name) ?? shown
        try {
          if (ownerOfTemporary(name)) await this.#file(name, where, path)
          else if (here) await this.#below(where, shown, here)
        } catch (error) {
          // another process has removed it
          if (errorCode(error) !== 'ENOENT') this.found.errors.push(diskError(error, 'remove', shown))
        }
      }
    } finally {
      await fs.close(fd).catch(() => {})
    }
  }

  async #file(name: string, where: string, folder: string): Promise<void> {
    const { dryRun, before, system } = this.#want
    const owner = ownerOfTemporary(name)
    const stats = await this.#fs.lstat(where)
    if (!owner || !stats.isFile() || stats.mtimeMs > before || !isGone(owner, system)) return
    // only now that the process is known to be dead, see NeededFiles
    if (await this.#needed.has(folder, name, owner)) return
    if (!dryRun) await this.#fs.unlink(where)
    this.found.count++
    this.found.bytes += stats.size
    this.found.files.push(join(folder, name))
  }

  async #below(where: string, shown: string, above: FileStats): Promise<void> {
    const stats = await this.#fs.lstat(where)
    if (!stats.isDirectory() || stats.dev !== above.dev) return
    await this.folder(shown, await this.#fs.open(where, OPEN.directory), stats)
  }
}
