import { type Clock, systemClock } from '../../clock.js'
import {
  badOption,
  checkAbortSignal,
  checkCallback,
  checkChoice,
  checkFlag,
  checkMode,
  checkWhole,
  type Keys,
  pickKnown,
} from '../../options.js'
import type { FileSystem } from '../disk/fs.js'
import { localPath, localTarget, type PathLike, textOfPath } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { checkRetry, type RetryOptions } from '../disk/retry.js'
import type { Durability } from '../publish/publish.js'

/** How a file is written. */
export interface AtomicWriteOptions {
  /**
   * Permission bits of the file, exactly. Default: those of the file that is replaced; for a new file 0o666 without
   * the bits of the umask.
   */
  mode?: number
  /** What a finished write survives. 'power' (default): a loss of power; 'crash': the death of the process. */
  durability?: Durability
  /**
   * How many earlier contents are kept beside the file, each under a name with the time; `true` is one. They are made
   * by a hard link or a copy, so that the file exists at every moment. What another writer puts there between the
   * backup and the rename is in none of them: if nothing may be lost between several writers, use `updateJson`, or a
   * `FolderLock` around the write. The times in the names only grow, even if the clock was ahead once. Default:
   * none.
   */
  backup?: boolean | number
  /** Read the file back and compare it with what was given, before it gets its name. Default false. */
  verify?: boolean
  /**
   * Whether the result has the digest of what was given. false saves time, and the digest in the result is empty.
   * With `verify` it is always computed. Default true.
   */
  digest?: boolean
  /**
   * If a symbolic link has the name: 'follow' (default) replaces or makes the file that it leads to; 'replace'
   * replaces the link.
   */
  symlink?: 'follow' | 'replace'
  /**
   * If something has the name: 'overwrite' (default) replaces a file; 'rename' gives the new file a suffix; 'fail'
   * fails with `ERR_CONFLICT`. For the last two a link counts as well as a file.
   */
  conflict?: 'overwrite' | 'rename' | 'fail'
  /**
   * Replaces a file also if nobody may write to it, as one of mode 0444. Default false: that is `ERR_PERMISSION`, since
   * somebody has protected it. For 'overwrite'; a link with `symlink: 'replace'` has no mode.
   */
  replaceReadOnly?: boolean
  /**
   * Owner and group of the file that is replaced: 'try' (default) keeps them if the system allows it, else there is a
   * `warning`; 'require' fails then; 'ignore' leaves the file to this process. If the group cannot be kept, the new
   * group gets no more rights than all others have.
   */
  owner?: 'try' | 'require' | 'ignore'
  /** Make the folder and those above it if they are missing. Default false: a missing folder is an error. */
  makeParents?: boolean
  /**
   * The folder for the temporary file, which must exist. After a kill `removeOrphans` has to be called for it.
   * Default: the folder of the file, which is fastest.
   */
  tempDir?: PathLike
  /** Cancels the write with `ERR_CANCELLED`; the file stays as it was. */
  signal?: AbortSignal
  /**
   * Called with the bytes written so far, and with those that there are in all, where that is known: text and bytes
   * have their length, a stream what {@link AtomicWriteOptions.total} says. What it throws cancels the write, which
   * fails with `ERR_DESTROYED` and that as its cause.
   */
  progress?: (bytes: number, total: number | undefined) => void
  /** Bytes in all, for `progress`: where the content comes in pieces. It is not compared with what comes. */
  total?: number
  /**
   * Tries again what failed in a way that can pass (EBUSY, EAGAIN, EMFILE, ENFILE, EINTR, on Windows also EPERM and
   * EACCES): to make the temporary file, to write to it, and to give it the name. With a `tempDir` not the last. A
   * failed sync is never tried again. Default: one attempt.
   */
  retry?: RetryOptions
  fs?: FileSystem
  /** For the pauses between attempts. */
  clock?: Clock
  /** Milliseconds since 1970, for the names of backups. Default `Date.now`. */
  now?: () => number
}

/** Their names. */
export const ATOMIC_WRITE_OPTIONS: Keys<AtomicWriteOptions> = {
  mode: true,
  durability: true,
  backup: true,
  verify: true,
  digest: true,
  symlink: true,
  conflict: true,
  replaceReadOnly: true,
  owner: true,
  makeParents: true,
  tempDir: true,
  signal: true,
  progress: true,
  total: true,
  retry: true,
  fs: true,
  clock: true,
  now: true,
}

/** The options with their defaults. */
export type WriteSettings = Omit<AtomicWriteOptions, 'tempDir'> &
  Required<
    Pick<AtomicWriteOptions, 'durability' | 'symlink' | 'conflict' | 'owner' | 'fs' | 'clock' | 'now'>
  > & {
    /** The file, as an absolute path; so is `tempDir`. */
    path: string
    tempDir?: string
    /** 0 for none. */
    backup: number
  }

/**
 * Checks the path and the options (`ERR_USAGE`), and adds the defaults. Leaves out what is no option of a write: who
 * takes more has checked the names.
 */
export function writeSettings(given: PathLike, options: AtomicWriteOptions): WriteSettings {
  const path = textOfPath('path', given)
  const at = localTarget('path', path)
  checkChoice('durability', options.durability, ['crash', 'power'])
  checkChoice('symlink', options.symlink, ['follow', 'replace'])
  checkChoice('conflict', options.conflict, ['overwrite', 'rename', 'fail'])
  checkChoice('owner', options.owner, ['try', 'require', 'ignore'])
  for (const name of ['verify', 'digest', 'makeParents', 'replaceReadOnly'] as const)
    checkFlag(name, options[name])
  checkMode('mode', options.mode)
  checkAbortSignal('signal', options.signal)
  checkCallback('progress', options.progress)
  checkRetry('retry', options.retry)
  checkWhole('total', options.total, 0)
  const { backup = false } = options
  if (typeof backup !== 'boolean') checkWhole('backup', backup, 0)
  if (/[/\\]$/.test(path) && (path.endsWith('/') || process.platform === 'win32')) {
    throw badOption('path', 'that of a file, without a slash at its end', path)
  }
  const { tempDir, ...others } = pickKnown(options, ATOMIC_WRITE_OPTIONS)
  return {
    ...others,
    path: at,
    ...(tempDir !== undefined && { tempDir: localPath('tempDir', tempDir) }),
    durability: options.durability ?? 'power',
    backup: Number(backup),
    symlink: options.symlink ?? 'follow',
    conflict: options.conflict ?? 'overwrite',
    owner: options.owner ?? 'try',
    fs: options.fs ?? nodeFileSystem,
    clock: options.clock ?? systemClock,
    now: options.now ?? Date.now,
  }
}
