import { getSystemErrorName } from 'node:util'
import { type Libc, loadedLibc, loadLibc } from './libc.js'
import { STATX_BYTES, STATX_MASK, StatxStats } from './statx-stats.js'

// Names in open folders by the handle of the folder: to go through `/proc/self/fd` takes the kernel half as long as the
// call itself.

const FOLDERS = '/proc/self/fd/'

/** The path of a name in an open folder, whatever happens to the folders above it. */
export const pathByHandle = (fd: number, name: string): string => `${FOLDERS}${fd}/${name}`

const O_CLOEXEC = 0o2000000
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_EMPTY_PATH = 0x1000
const RENAME_NOREPLACE = 1
const EINTR = 4
const ENOSYS = 38

const words = new Uint32Array(STATX_BYTES / 4)
const bytes = new Uint8Array(words.buffer)

/** What can be told of a file. */
type Stats = Pick<StatxStats, keyof StatxStats>

/** The calls by path that there are by handle, too. */
interface CallsByPath {
  open(path: string, flags: number, mode?: number): number
  fstat(fd: number): Stats
  lstat(path: string): Stats
}

/** Renames in open folders, unless something has the new name. */
type RenameNoReplace = (from: string, to: string) => void

/** To load the library takes as long as it saves with so many names. */
const FIRST_NAMES = 300

/**
 * The same calls, those on names in open folders by handle once the C library is loaded: that is when so many files
 * got a name that it pays. Not under Node's permission model, which they go round.
 */
export function byHandles<Calls extends CallsByPath>(
  calls: Calls,
): Calls & { readonly renameNoReplace: RenameNoReplace | undefined } {
  let asked = 0
  return {
    ...calls,
    open(path: string, flags: number, mode = 0o666) {
      const libc = loadedLibc()
      const slash = libc ? slashIn(path) : -1
      return slash < 0 ? calls.open(path, flags, mode) : open(libc!, path, slash, flags, mode)
    },
    fstat: (fd: number) => look(fd, '', AT_EMPTY_PATH) ?? calls.fstat(fd),
    lstat(path: string) {
      const slash = loadedLibc() ? slashIn(path) : -1
      const stats =
        slash < 0 ? undefined : look(folderOf(path, slash), path.slice(slash + 1), AT_SYMLINK_NOFOLLOW)
      // else Node says why not
      return stats ?? calls.lstat(path)
    },
    get renameNoReplace() {
      return ++asked > FIRST_NAMES && loadLibc() ? renameNoReplace : undefined
    },
  }
}

function renameNoReplace(from: string, to: string): void {
  const libc = loadedLibc()
  const slash = slashIn(from)
  const other = slashIn(to)
  if (!libc || slash < 0 || other < 0) throw failure(ENOSYS, 'rename', from, to)
  const [folder, name] = [folderOf(from, slash), from.slice(slash + 1)]
  const failed = libc.renameat2(folder, name, folderOf(to, other), to.slice(other + 1), RENAME_NOREPLACE)
  if (failed) throw failure(libc.errno(), 'rename', from, to)
}

function open(libc: Libc, path: string, slash: number, flags: number, mode: number): number {
  for (;;) {
    const fd = libc.openat(folderOf(path, slash), path.slice(slash + 1), flags | O_CLOEXEC, mode)
    if (fd >= 0) return fd
    const errno = libc.errno()
    if (errno !== EINTR) throw failure(errno, 'open', path)
  }
}

/** What stands there, or undefined. */
function look(fd: number, name: string, flags: number): Stats | undefined {
  const failed = loadedLibc()?.statx(fd, name, flags, STATX_MASK, bytes) ?? -1
  return failed ? undefined : new StatxStats(words)
}

/** Where the name begins in a path of {@link pathByHandle}, which C can take; -1 in any other. */
function slashIn(path: string): number {
  if (!path.startsWith(FOLDERS)) return -1
  const slash = path.indexOf('/', FOLDERS.length)
  return path.indexOf('/', slash + 1) < 0 && !path.includes('\0') ? slash : -1
}

function folderOf(path: string, slash: number): number {
  return Number(path.slice(FOLDERS.length, slash))
}

/** The error that Node throws. */
function failure(errno: number, syscall: string, path: string, dest?: string): Error {
  const code = getSystemErrorName(-errno)
  const where = dest === undefined ? `'${path}'` : `'${path}' -> '${dest}'`
  return Object.assign(new Error(`${code}: ${syscall} ${where}`), {
    errno: -errno,
    code,
    syscall,
    path,
    ...(dest !== undefined && { dest }),
  })
}
