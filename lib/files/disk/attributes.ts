import { printable, SluiceError } from '../../errors.js'
import { keptMode, newAccessList } from './access-list.js'
import { errorCode, systemCode } from './disk-error.js'
import type { FileStats, FileSystem } from './fs.js'

/**
 * For each mode that was asked for: whether new files get just that. The umask or the disk may change it. Shared by
 * the files of one place, so that only the first file of a mode is looked at.
 */
export type ModeMemory = Map<number, boolean>

/** On a folder: what is made in it belongs to its group, and folders in it have this bit, too. */
const SETGID = 0o2000

/**
 * Sets the permission bits of an open file or folder, unless it has them already. A folder of a team stays one.
 * @param memory given where the file was just made with this mode
 */
export async function setMode(fs: FileSystem, fd: number, mode: number, memory?: ModeMemory): Promise<void> {
  const isKnown = memory?.get(mode)
  if (isKnown) return
  const there = await fs.fstat(fd)
  const differs = (there.mode & 0o777) !== mode
  memory?.set(mode, !differs)
  const inherited = there.isDirectory() ? there.mode & SETGID : 0
  if (differs) await fs.fchmod(fd, mode | inherited)
}

/** What a disk says that has no such attribute, or does not let this user set it. */
const REFUSALS = new Set('EPERM EACCES ENOTSUP EOPNOTSUPP ENOSYS EINVAL'.split(' '))

/**
 * Sets a mode or a time; where the disk refuses that, it is a warning: what was written is worth no less. Other
 * failures are thrown.
 * @param what for the message: 'mode', 'time'
 */
export async function unlessRefused(
  what: string,
  path: string,
  set: () => Promise<void>,
): Promise<SluiceError | undefined> {
  try {
    await set()
    return undefined
  } catch (cause) {
    const code = systemCode(cause) ?? ''
    if (!REFUSALS.has(code)) throw cause
    const message = `${printable(path)} is written, but without its ${what}: the disk does not let this user set it (${code})`
    return new SluiceError('ERR_PERMISSION', message, { path, cause })
  }
}

/** Sets the time of last change, in whole milliseconds. */
export function setTime(fs: FileSystem, fd: number, mtime: number): Promise<void> {
  const seconds = timeInSeconds(mtime)
  return fs.futimes(fd, seconds, seconds)
}

/** A time in whole milliseconds as Node's calls take it. */
export function timeInSeconds(mtime: number): number {
  // half a microsecond more: Node takes seconds as a float and cuts off the rest, which could be a millisecond
  return (mtime + 0.0005) / 1000
}

/** The mode of a new file for which none was asked: the system removes the bits of the umask. */
export const FRESH = 0o666

/**
 * The mode to open a temporary file with. It never grants more than the finished file will, even while the file still
 * belongs to another group; and it is the final mode already where that is safe, which saves a call.
 */
export function openingMode(asked: number | undefined, there: FileStats | undefined): number {
  const mode = wantedMode(asked, there)
  if (mode === undefined) return FRESH
  const group = (mode >> 3) & 7
  const others = mode & 7
  // readable for the owner in any case: it is read back, and copied
  const isSafe = group === others && (asked !== undefined || there?.accessList === undefined)
  return 0o600 | (isSafe ? mode : 0)
}

/** The permission bits that the finished file is to have; undefined if it is new and none were asked for. */
function wantedMode(asked: number | undefined, there: FileStats | undefined): number | undefined {
  return asked ?? (there?.isFile() ? there.mode & 0o777 : undefined)
}

/**
 * Gives an open file the owner, group and mode of the file that it replaces, or is a copy of, as far as nobody gets
 * more rights than before: see {@link keptMode}. Returns a warning if one of them could not be kept. A mode that was
 * asked for, and would leave the file with more rights, must be set.
 * @param options.mode permission bits instead of those of the file that is replaced
 * @param options.owner 'try': owner and group are kept if the system lets us; 'require': or else it fails; 'ignore':
 *   not at all
 */
export async function keepAttributes(
  fd: number,
  stats: FileStats,
  there: FileStats | undefined,
  {
    fs,
    mode: asked,
    owner,
  }: { fs: FileSystem; mode?: number | undefined; owner: 'try' | 'require' | 'ignore' },
  path: string,
): Promise<SluiceError | undefined> {
  let mode = asked
  let warning: SluiceError | undefined
  let isOtherGroup = false
  if (there?.isFile() && owner !== 'ignore' && fs.platform !== 'win32') {
    const lost = await setOwner(fs, fd, stats, there)
    if (lost && owner === 'require') throw lost.cause
    if (lost) warning = notKept(path, lost.group, lost.cause)
    isOtherGroup = lost?.group === true
  } else if (there?.isFile()) isOtherGroup = stats.gid !== there.gid
  if (there?.isFile() && asked === undefined) {
    const list = await newAccessList(fs, fd, there)
    mode = keptMode(there, list, isOtherGroup) & 0o777
    if (list !== there.accessList) warning ??= listNotKept(path)
  }
  // after the owner, because changing that clears bits of the mode
  const wanted = mode
  if (wanted === undefined || wanted === (stats.mode & 0o777)) return warning
  const refused = await unlessRefused('mode', path, () => fs.fchmod(fd, wanted))
  // never more rights than were asked for
  if (refused && asked !== undefined && (stats.mode & 0o777 & ~asked) !== 0) throw refused.cause
  return warning ?? refused
}

function listNotKept(path: string): SluiceError {
  const message = `${printable(path)} is written, but its access list is not the one that it had: so that nobody may do more than before, some may do less; set it anew (setfacl)`
  return new SluiceError('ERR_PERMISSION', message, { path })
}

/** Returns what could not be set, and why. If the owner cannot be set, the group is tried alone. */
async function setOwner(
  fs: FileSystem,
  fd: number,
  own: FileStats,
  there: FileStats,
): Promise<{ group: boolean; cause: unknown } | undefined> {
  if (own.uid === there.uid && own.gid === there.gid) return undefined
  try {
    await fs.fchown(fd, there.uid, there.gid)
    return undefined
  } catch (cause) {
    if (own.gid === there.gid) return { group: false, cause }
    if (own.uid === there.uid) return { group: true, cause }
    return fs.fchown(fd, own.uid, there.gid).then(
      () => ({ group: false, cause }),
      () => ({ group: true, cause }),
    )
  }
}

function notKept(path: string, group: boolean, cause: unknown): SluiceError {
  const what = group ? 'its group' : 'its owner'
  const message = `${printable(path)} is replaced, but could not keep ${what} (${errorCode(cause)}); run it as that user to keep it`
  return new SluiceError('ERR_PERMISSION', message, { path, cause })
}

/** The permission bits of which one is set where anybody may write to a file. */
const WRITE_BITS = 0o222

/**
 * `ERR_PERMISSION` for a file that nobody may write to, as one of mode 0444, unless it may be replaced all the same.
 * The system asks for the rights to its folder only; but somebody has protected it.
 */
export function checkReplaceable(path: string, there: FileStats, replaceReadOnly = false): void {
  if (!there.isFile() || (there.mode & WRITE_BITS) !== 0 || replaceReadOnly) return
  const mode = (there.mode & 0o777).toString(8).padStart(4, '0')
  const message = `${printable(path)} is read-only (mode ${mode}), and stays as it is: set replaceReadOnly, or make it writable (chmod u+w)`
  throw new SluiceError('ERR_PERMISSION', message, { path })
}
