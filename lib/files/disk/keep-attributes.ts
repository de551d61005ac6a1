import { printable, SluiceError } from '../../errors.js'
import { errorCode } from './disk-error.js'
import type { FileStats, FileSystem } from './fs.js'

/** How {@link keepAttributes} goes about it. */
export interface KeepOptions {
  fs: FileSystem
  /** Permission bits instead of those of the file that is replaced. */
  mode?: number | undefined
  /** 'try': owner and group are kept if the system lets us; 'require': or else it fails; 'ignore': not at all. */
  owner: 'try' | 'require' | 'ignore'
}

/** What a new file is opened with if nothing else was asked for; the system takes the umask from it. */
const FRESH = 0o666

/**
 * The mode to open the temporary file with: never more than the finished file may have, also while it does not yet
 * belong to the right group; and already the final mode where that is possible, since setting it costs a call.
 */
export function openingMode(mode: number | undefined): number {
  if (mode === undefined) return FRESH
  const group = (mode >> 3) & 7
  const others = mode & 7
  // readable for the owner in any case: it is read back, and copied
  return 0o600 | (group === others ? mode : 0)
}

/** The permission bits that the finished file is to have; undefined: what a new one has. */
export function wantedMode(asked: number | undefined, there: FileStats | undefined): number | undefined {
  return asked ?? (there?.isFile() ? there.mode & 0o777 : undefined)
}

/** Gives an open file owner, group and mode of the one that it replaces; gives what could not be kept. */
export async function keepAttributes(
  fd: number,
  stats: FileStats,
  there: FileStats | undefined,
  { fs, mode: asked, owner }: KeepOptions,
  path: string,
): Promise<SluiceError | undefined> {
  let mode = wantedMode(asked, there)
  let warning: SluiceError | undefined
  if (there?.isFile() && owner !== 'ignore' && fs.platform !== 'win32') {
    const lost = await setOwner(fs, fd, stats, there)
    if (lost && owner === 'require') throw lost.cause
    if (lost) warning = notKept(path, lost.group, lost.cause)
    // another group than before gets what everybody has
    if (lost?.group && mode !== undefined && asked === undefined) mode &= 0o707 | ((mode & 7) << 3)
  }
  // the first thing to be set is the owner: a change of it takes bits away
  if (mode !== undefined && mode !== (stats.mode & 0o777)) await fs.fchmod(fd, mode)
  return warning
}

/** Says what could not be set, and why; only the group is tried where both are refused. */
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
