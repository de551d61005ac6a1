import { constants } from 'node:os'
import { type Code, isError, isSluiceError, messageOf, printable, SluiceError } from '../../errors.js'

/** The names of the system's error numbers, of which Node does not know all: Node 20 has none for EDQUOT. */
const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))

/** The `code` of a system error (`ENOENT`, …), or undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  if (!isError(error) || !('code' in error) || typeof error.code !== 'string') return undefined
  const { code, errno } = error as NodeJS.ErrnoException & { code: string }
  return /^unknown/i.test(code) && errno !== undefined ? (NAMES.get(-errno) ?? code) : code
}

/** The {@link errorCode} of an error of the system, also where it is the cause of one of ours. */
export function systemCode(error: unknown): string | undefined {
  return errorCode(isSluiceError(error) ? error.cause : error)
}

/** An error like those of the system, for what Sluice finds itself where the system reports none. */
export class SystemError extends Error {
  readonly code: string
  readonly syscall: string
  /** What the message says beyond the code, such as numbers. */
  readonly detail: string

  constructor(code: string, syscall: string, detail: string) {
    super(`${code}: ${REASONS[code]?.[1] ?? 'refused'}, ${syscall}: ${detail}`)
    this.code = code
    this.syscall = syscall
    this.detail = detail
  }
}

/** For each system code: our code, what is wrong, and what to do about it. */
const REASONS: Record<string, [Code, string, string?]> = {
  ENOSPC: ['ERR_DISK_FULL', 'no space is left on the disk', 'make room and run it again'],
  EDQUOT: [
    'ERR_DISK_FULL',
    'the disk quota of this user is used up, for space or for files',
    'remove some of your files, or ask for more (quota -s tells of it)',
  ],
  EROFS: ['ERR_READ_ONLY', 'the file system is read-only', 'choose another folder'],
  EACCES: ['ERR_PERMISSION', 'permission denied', 'check owner and mode of the folder'],
  EPERM: [
    'ERR_PERMISSION',
    'the operation is not permitted',
    'check owner, mode and flags of it and of its folder',
  ],
  ERR_ACCESS_DENIED: [
    'ERR_PERMISSION',
    "Node's permission model does not allow it",
    'run node with --allow-fs-read and --allow-fs-write for the folder',
  ],
  ENOENT: ['ERR_WRITE', 'it does not exist'],
  ENOTDIR: ['ERR_WRITE', 'something that is not a folder is in the way', 'move it away'],
  EEXIST: ['ERR_WRITE', 'something else has this name', 'move it away'],
  EISDIR: ['ERR_WRITE', 'a folder has this name', 'move it away'],
  ENXIO: ['ERR_WRITE', 'it is a pipe, a socket or a device', 'move it away'],
  ELOOP: ['ERR_UNSAFE_LINK', 'a symbolic link is in the way', 'remove the link'],
  EMFILE: ['ERR_WRITE', 'too many files are open', 'raise the limit (ulimit -n)'],
  ENFILE: ['ERR_WRITE', 'too many files are open on this system', 'close other programs'],
  EFBIG: [
    'ERR_WRITE',
    'the file is too large for this file system, or for the limit of this process',
    'choose another disk, or raise the limit (ulimit -f)',
  ],
  EBUSY: ['ERR_WRITE', 'it is in use'],
  ESTALE: ['ERR_WRITE', 'the server of this network disk does not know it any more', 'mount the disk again'],
  ENAMETOOLONG: ['ERR_WRITE', 'the name is too long for this file system', 'shorten it'],
  EIO: ['ERR_WRITE', 'the disk reports a failure', 'check the disk'],
  ENOTEMPTY: ['ERR_WRITE', 'a folder that is not empty has this name', 'move it away'],
  EILSEQ: ['ERR_WRITE', 'it leads to a name that is not valid UTF-8', 'rename that'],
  EXDEV: ['ERR_WRITE', 'it is on another file system', 'copy it instead'],
}

/** Calls that make, change or remove a name. */
const NAMING = new Set(['open', 'mkdir', 'link', 'symlink', 'rename', 'unlink', 'rmdir'])

/** What a code means from one of these calls, where that is something else. */
const REASONS_OF_NAMES: typeof REASONS = {
  ENOSPC: [
    'ERR_DISK_FULL',
    'there is no room for one more file: the space or the inodes of the disk are used up',
    'remove some files (df -i tells of inodes) and run it again',
  ],
  EBUSY: [
    'ERR_WRITE',
    'another file system is mounted there, as where a single file is mounted into a container, or another program holds it',
    'mount its folder instead of the file, or close that program',
  ],
}

/** The line of the tables for an error; undefined for a code that is not in it, and for what has none. */
function reasonOf(error: unknown): [Code, string, string?] | undefined {
  const system = errorCode(error)
  if (system === undefined) return undefined
  const { syscall = '' } = error as NodeJS.ErrnoException
  const ofName = NAMING.has(syscall) && !(error instanceof SystemError) ? REASONS_OF_NAMES[system] : undefined
  return ofName ?? REASONS[system]
}

/**
 * What a failed call on the receiving disk means to the user. ENOSPC and EDQUOT become `ERR_DISK_FULL`, EROFS
 * `ERR_READ_ONLY`, EACCES and EPERM `ERR_PERMISSION`, ELOOP `ERR_UNSAFE_LINK`, everything else `ERR_WRITE`; a
 * {@link SluiceError} stays what it is.
 * @param what a verb for the message: 'write', 'publish', 'open'
 * @param path what it was done to, shown escaped and kept in `error.path`
 */
export function diskError(error: unknown, what: string, path: string): SluiceError {
  if (isSluiceError(error)) return error
  const system = errorCode(error)
  const [code, reason, wayOut] = reasonOf(error) ?? (['ERR_WRITE', 'it failed'] as const)
  const detail = error instanceof SystemError ? `, ${error.detail}` : ''
  const why = system ? `${reason} (${system}${detail})` : `${reason} (${messageOf(error)})`
  const message = `cannot ${what} ${printable(path)}: ${why}${wayOut ? `; ${wayOut}` : ''}`
  return new SluiceError(code, message, { path, saysPath: true, cause: error })
}

/**
 * What a failed call on a file that is to be read means: `ERR_NO_SUCH_FILE` where there is none, `ERR_SOURCE_READ`
 * otherwise; a {@link SluiceError} stays what it is.
 */
export function readError(error: unknown, path: string): SluiceError {
  if (isSluiceError(error)) return error
  const system = errorCode(error)
  const reason = reasonOf(error)?.[1] ?? messageOf(error)
  const code = system === 'ENOENT' ? 'ERR_NO_SUCH_FILE' : 'ERR_SOURCE_READ'
  const message = `cannot read ${printable(path)}: ${printable(reason, 200)}${system ? ` (${system})` : ''}`
  return new SluiceError(code, message, { path, saysPath: true, cause: error })
}

/** System codes that say for certain that no file was made. */
const REFUSALS = new Set(
  'EEXIST EACCES EPERM EROFS ENOSPC EDQUOT EMFILE ENFILE ENOENT ENOTDIR ELOOP ENAMETOOLONG EINVAL ERR_ACCESS_DENIED'.split(
    ' ',
  ),
)

/** Whether a failed exclusive open certainly made no file. After EIO, for instance, there may be one. */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.has(errorCode(error) ?? '')
}
