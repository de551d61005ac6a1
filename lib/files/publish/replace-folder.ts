import { printable, SluiceError } from '../../errors.js'
import { diskError, errorCode, SystemError } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { moveOver } from '../disk/move-file.js'
import { type FileNumbers, isOfUser, lstatIfThere, sameInode } from '../disk/stats.js'
import { isGone, type ProcessSystem, processSystem } from '../own/owner.js'
import { asideName, parseAsideName } from '../own/temporary-name.js'
import { Folder, type OpenFolder } from '../tree/open-folder.js'
import { Stoppable } from '../tree/stoppable.js'
import { checkIsWritten, type TemporaryFile } from './take-name.js'

/** A folder of ours beside the name; the old folder is inside, under its own name. */
interface Aside {
  name: string
  folder: Folder
  /** The path of the old folder. */
  inner: string
}

/** A file has the name of a folder now; the folder still exists, aside. */
export interface Replaced {
  /** Removes the old folder; returns the error if that failed. */
  removeOld(): Promise<SluiceError | undefined>
  /** Ends it, in any case. */
  close(): Promise<void>
}

/**
 * Puts the file in the place of the folder `name`: the folder is moved aside, the file gets the name, and the caller
 * removes the folder once the file's name is durable. No system has a call that swaps them, so that for a moment
 * nothing has the name; after a crash in that moment {@link recoverReplaced} repairs it. If the file cannot get the
 * name, the folder is moved back.
 */
export async function replaceFolder(
  file: TemporaryFile,
  name: string,
  durability: 'crash' | 'power',
): Promise<Replaced> {
  const { fs, folder, temporary } = file
  const { ino } = await fs.lstat(folder.at(temporary))
  const aside = await makeAside(fs, folder, name, ino)
  const close = async () => {
    await aside.folder.close()
    // fails while the old folder is still inside, as it should
    await fs.rmdir(folder.at(aside.name)).catch(() => {})
  }
  const removeOld = async () => {
    try {
      await removeTree(fs, aside.inner)
    } catch (error) {
      return diskError(error, 'remove the replaced folder', `${aside.name}/${name}`)
    }
    return undefined
  }
  try {
    // else a power cut could lose the folder that the old one is moved into
    if (durability === 'power') await folder.sync()
    await fs.rename(folder.at(name), aside.inner)
    try {
      await checkIsWritten(file)
      // not by link: a file that gets the name in this moment may be replaced as well
      await moveOver(fs, folder.at(temporary), folder.at(name), file.written)
      return { removeOld, close }
    } catch (error) {
      await moveBack(fs, folder, name, aside, error)
      throw error
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function makeAside(fs: FileSystem, folder: OpenFolder, name: string, ino: bigint): Promise<Aside> {
  const aside = asideName(ino)
  const path = folder.at(aside)
  await fs.mkdir(path, 0o700)
  try {
    const opened = await Folder.openReal(fs, path)
    return { name: aside, folder: opened, inner: opened.at(name) }
  } catch (error) {
    await fs.rmdir(path).catch(() => {})
    throw error
  }
}

async function moveBack(fs: FileSystem, folder: OpenFolder, name: string, aside: Aside, cause: unknown) {
  try {
    // the rename would silently replace an empty folder
    if (await lstatIfThere(fs, folder.at(name))) throw new Error('the name is taken again')
    await fs.rename(aside.inner, folder.at(name))
  } catch {
    const where = `${aside.name}/${name}`
    const message = `${printable(name)} could not be replaced, and the folder is now at ${printable(where)}`
    throw new SluiceError('ERR_WRITE', message, { path: where, cause })
  }
}

/** What {@link recoverReplaced} did, by the names of the replaced folders. */
export interface Recovered {
  /** Moved back, because the new file had not got the name. */
  restored: string[]
  /** Removed, because the new file has the name. */
  removed: string[]
  /** Paths of folders that stay aside, because something else has the name, or because of an error. */
  kept: string[]
}

/** Options of {@link recoverReplaced}. */
export interface RecoverReplacedOptions {
  /** Change nothing, only say what would be done. */
  dryRun?: boolean
  /**
   * The names of the folders aside that are looked at, whose processes are known to be dead: `removeOrphans` finds
   * them, on other machines as well. Default: all of which one can see that the process is dead.
   */
  asides?: readonly string[]
  system?: ProcessSystem
  /** Ends it between two files: `ERR_CANCELLED`. The next run goes on there. */
  signal?: AbortSignal | undefined
}

/**
 * Completes or undoes the replacements of folders in `folder` that a crash interrupted; those of living processes stay
 * as they are. It may itself be interrupted and run again.
 */
export async function recoverReplaced(
  fs: FileSystem,
  folder: OpenFolder,
  { dryRun = false, asides, system = processSystem, signal }: RecoverReplacedOptions = {},
): Promise<Recovered> {
  const stop = new Stoppable('the recovery of replaced folders', signal)
  const recovered: Recovered = { restored: [], removed: [], kept: [] }
  for (const entry of await folder.list()) {
    await stop.step()
    const aside = entry.toString()
    const named = parseAsideName(aside)
    if (!named || !(asides?.includes(aside) ?? isGone(named.owner, system))) continue
    const path = folder.at(aside)
    const opened = await Folder.openReal(fs, path).catch(() => undefined)
    // a link or a file of that name is not ours
    if (!opened) continue
    try {
      // that of another user could have us take away what we have, or give a name to what is theirs
      const stats = await fs.fstat(opened.fd)
      if (!isOfUser(fs, stats)) continue
      // the file was on this disk, whose number may be another one since
      const file = { dev: stats.dev, ino: named.ino }
      for (const name of (await opened.list()).map(String)) {
        const what = await recoverName(fs, folder, name, { inner: opened.at(name), file, dryRun, stop })
        recovered[what].push(what === 'kept' ? `${aside}/${name}` : name)
      }
    } finally {
      await opened.close()
    }
    if (!dryRun) await fs.rmdir(path).catch(() => {})
  }
  return recovered
}

async function recoverName(
  fs: FileSystem,
  folder: OpenFolder,
  name: string,
  { inner, file, dryRun, stop }: { inner: string; file: FileNumbers; dryRun: boolean; stop: Stoppable },
): Promise<keyof Recovered> {
  try {
    const there = await lstatIfThere(fs, folder.at(name))
    if (there?.isFile() && sameInode(there, file)) {
      if (!dryRun) await removeTree(fs, inner, stop)
      return 'removed'
    }
    if (!there && dryRun) return 'restored'
    if (!there) {
      await fs.rename(inner, folder.at(name))
      await folder.sync()
      return 'restored'
    }
  } catch {
    stop.check()
    // it is reported as kept
  }
  return 'kept'
}

/**
 * Removes the folder at `path` and all that is in it, never through a link and never into another mounted file
 * system. Continues after an error, and throws the first one at the end, with its system code.
 * @param stop may stop it between two files
 */
export async function removeTree(fs: FileSystem, path: string, stop?: Stoppable): Promise<void> {
  await removeFolder(fs, path, await fs.lstat(path), stop)
}

async function removeFolder(
  fs: FileSystem,
  path: string,
  seen: FileStats,
  stop: Stoppable | undefined,
): Promise<void> {
  let first: unknown
  const folder = await Folder.openReal(fs, path)
  try {
    const here = await fs.fstat(folder.fd)
    if (!sameInode(here, seen)) throw new SystemError('EBUSY', 'rmdir', 'the folder was exchanged meanwhile')
    for (const name of (await folder.list()).map(String)) {
      const inner = folder.at(name)
      await stop?.step()
      try {
        const stats = await fs.lstat(inner)
        if (!stats.isDirectory()) await fs.unlink(inner)
        else if (stats.dev === here.dev) await removeFolder(fs, inner, stats, stop)
      } catch (error) {
        stop?.check()
        if (errorCode(error) !== 'ENOENT') first ??= error
      }
    }
  } finally {
    await folder.close()
  }
  if (first !== undefined) throw first
  await fs.rmdir(path)
}
