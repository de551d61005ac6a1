import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import { coalesce, Limiter } from '../../async.js'
import { printable, SluiceError } from '../../errors.js'
import { SystemError } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { inside } from '../disk/names.js'
import { undisturbed } from '../disk/read-write.js'
import { idText, isSticky, lstatIfThere, sameInode, unlinkIfThere } from '../disk/stats.js'
import { entryOfAnother, judgeOf, type PassOver } from '../own/foreign.js'
import type { HandleBudget } from '../tree/handle-budget.js'
import { syncFolder } from '../tree/shared-folder.js'

const NEWLINE = Buffer.from('\n')

/** How often a record is written again after the disk took only a part of it. */
const MOST_APPEND_TRIES = 3

/** How many are being opened at once: each has a handle, also where the file turns out to be open already. */
const MOST_OPENING = 8
const opening = new Limiter(MOST_OPENING)

/** Those that are open, by path, device and inode. */
const allOpen = new WeakMap<FileSystem, Map<string, AuditFile>>()

/** One open file, until its last user leaves: all trails of a process into it share its handle. */
export class AuditFile {
  /** The file was deleted: what was written to it is lost. */
  removed = false
  /** Syncs the file. Calls that come while a sync runs share the next one. */
  readonly sync: () => Promise<void>
  readonly #fs: FileSystem
  readonly #fd: number
  readonly #stats: FileStats
  readonly #key: string
  /** The last line is incomplete: the next record must begin a new line. */
  #torn: boolean
  #users = 1

  private constructor(fs: FileSystem, fd: number, stats: FileStats, key: string, torn: boolean) {
    this.#fs = fs
    this.#fd = fd
    this.#stats = stats
    this.#key = key
    this.#torn = torn
    this.sync = coalesce(() => fs.fsync(fd))
    openFiles(fs).set(key, this)
  }

  /**
   * Opens the file, or makes it. The caller becomes a user of it.
   * @param handles where those wait for which the system has none
   */
  static open(fs: FileSystem, path: string, power: boolean, handles: HandleBudget): Promise<AuditFile> {
    return opening.run(() => handles.retry(() => AuditFile.#open(fs, path, power)))
  }

  static async #open(fs: FileSystem, path: string, power: boolean): Promise<AuditFile> {
    const fd = await fs.open(path, OPEN.append, 0o600)
    try {
      const stats = await fs.fstat(fd)
      if (!stats.isFile()) throw new SystemError('ENXIO', 'open', 'not a regular file')
      // without O_NOFOLLOW: compares the open file with what has the name
      const named = fs.platform === 'win32' ? await lstatIfThere(fs, path) : undefined
      if (named && !sameInode(named, stats)) throw new SystemError('ELOOP', 'open', 'a link')
      await checkNotPlanted(fs, path, stats)
      const last = Buffer.alloc(1)
      const torn = stats.size > 0 && (await fs.read(fd, last, 0, 1, stats.size - 1)) === 1 && last[0] !== 0x0a
      if (power) await syncFolder(fs, dirname(path))
      // the one that is open keeps its inode: no other file has that number
      const key = `${idText(stats)} ${path}`
      const there = openFiles(fs).get(key)
      if (!there) return new AuditFile(fs, fd, stats, key, torn)
      // held before it is closed here: else the other one could close meanwhile
      there.hold().#torn ||= torn
      await fs.close(fd).catch(() => {})
      return there
    } catch (error) {
      await fs.close(fd).catch(() => {})
      throw error
    }
  }

  /**
   * Appends the whole line. The file system is called before this returns: with a synchronous one the line is in the
   * file even if the process dies right after.
   */
  async append(line: Buffer): Promise<void> {
    for (let tries = 0; tries < MOST_APPEND_TRIES; tries++) {
      const bytes = this.#torn ? Buffer.concat([NEWLINE, line]) : line
      const taken = await undisturbed(() => this.#fs.write(this.#fd, [bytes], null))
      if (taken === bytes.length) {
        this.#torn = false
        return
      }
      if (taken === 0) break
      // another process may have appended since: the rest of the line cannot be written behind its beginning any more
      this.#torn = true
    }
    throw new SystemError('ENOSPC', 'write', `a record of ${line.length} bytes was not taken whole`)
  }

  /** Whether this is the file with these stats. */
  isSame(found: FileStats): boolean {
    return sameInode(this.#stats, found)
  }

  /** Checks whether the file still has a name. */
  async lookForName(): Promise<void> {
    this.removed = (await this.#fs.fstat(this.#fd)).nlink === 0
  }

  hold(): this {
    this.#users++
    return this
  }

  /** Removes a user; the last one closes the file. */
  async leave(): Promise<void> {
    this.#users--
    if (this.#users > 0) return
    openFiles(this.#fs).delete(this.#key)
    await this.#fs.close(this.#fd)
  }
}

function openFiles(fs: FileSystem): Map<string, AuditFile> {
  const known = allOpen.get(fs) ?? new Map<string, AuditFile>()
  allOpen.set(fs, known)
  return known
}

/**
 * Fails if another user may have put the file there, in a folder such as /tmp: that user would read what is recorded,
 * and could change it. Or have us write to another file of ours, by a second name.
 */
async function checkNotPlanted(fs: FileSystem, path: string, stats: FileStats): Promise<void> {
  const folder = await fs.stat(dirname(path))
  if (!isSticky(fs, folder)) return
  const isOurs = await judgeOf(fs, folder, [])
  if (isOurs(stats) && stats.nlink <= 1) return
  const why = isOurs(stats) ? 'has a second name' : `belongs to another user (${stats.uid})`
  const message = `${printable(path)} ${why}, in a folder where others may put files: remove it, or have the trail elsewhere`
  throw new SluiceError('ERR_PERMISSION', message, { path })
}

/** Bytes of the name of a trail: the names of its rotated files are longer, and must be possible, too. */
export const LONGEST_TRAIL_NAME = 220

/** A file that was rotated away. */
export interface Rotated {
  path: string
  /** The newest file has the largest number. */
  number: number
}

/**
 * The rotated files of a trail, the oldest first. They are called `NAME.NUMBER-RANDOM`. The number is not a time,
 * because the clock may be set back. The random part lets two processes rotate at once without a lock and without
 * taking each other's name. What somebody else planted among them is none.
 */
export async function listRotated(
  fs: FileSystem,
  path: string,
  name: string,
  passOver: PassOver = () => {},
): Promise<Rotated[]> {
  const folder = dirname(path)
  const found: Rotated[] = []
  const names = await fs.readdir(folder)
  const isOurs = await judgeOf(fs, await fs.stat(folder), [path])
  for (const bytes of names) {
    const there = bytes.toString()
    if (!there.startsWith(`${name}.`)) continue
    const number = /^(\d{8,15})-[0-9a-f]{8}$/.exec(there.slice(name.length + 1))?.[1]
    if (number === undefined) continue
    const rotated = inside(folder, there)
    const stats = await lstatIfThere(fs, rotated)
    if (stats && isOurs(stats)) found.push({ path: rotated, number: Number(number) })
    else if (stats) passOver(entryOfAnother(rotated, stats.uid))
  }
  return found.sort((a, b) => a.number - b.number || (a.path < b.path ? -1 : 1))
}

/** A new name, newer than all of `rotated`. */
export function nextRotated(path: string, rotated: readonly Rotated[]): Rotated {
  const number = (rotated.at(-1)?.number ?? 0) + 1
  const random = randomBytes(4).toString('hex')
  return { path: `${path}.${String(number).padStart(8, '0')}-${random}`, number }
}

/** Removes all but the newest `keep`. Another process may do the same at the same time. */
export async function removeOldest(fs: FileSystem, path: string, name: string, keep: number): Promise<void> {
  const rotated = await listRotated(fs, path, name)
  for (const { path: old } of rotated.slice(0, Math.max(0, rotated.length - keep))) {
    await unlinkIfThere(fs, old)
  }
}
