import {
  badOption,
  checkAbortSignal,
  checkCallback,
  checkChoice,
  checkFlag,
  checkLocalPath,
  checkMode,
  checkWhole,
} from '../../options.js'
import { type Clock, systemClock } from '../disk/clock.js'
import type { FileSystem } from '../disk/fs.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import type { Durability } from '../publish/publish.js'
import { cancelled } from './pieces.js'

/** How a file is written; every part is optional. */
export interface AtomicWriteOptions {
  /**
   * Permission bits of the file, exactly. Default: those of the file that is replaced; for a new one what the umask
   * leaves of 0o666.
   */
  mode?: number
  /** 'power' (default): it survives a power loss once this has ended; 'crash': the death of the process. */
  durability?: Durability
  /**
   * How many earlier contents are kept beside the file, each under a name with the time; `true` is one. Made by a link
   * or a copy, so that there is never a moment without the file. What another writer puts there between the backup and
   * the rename is in none: where nothing may be lost between several writers, take `updateJson`, or a `DirectoryLock`
   * around the write. The times only grow: after a clock that was ahead the next ones go on from there. Default: none.
   */
  backup?: boolean | number
  /** Reads the file back and compares it with what was given, before it gets its name. Default false. */
  verify?: boolean
  /**
   * Whether the result has the digest of what was given. Default true; false saves the time where nobody needs it, and
   * gives an empty one. Where the file is read back it is always made.
   */
  digest?: boolean
  /**
   * Where a symbolic link has the name: 'follow' (default) replaces the file that it leads to, or makes it;
   * 'replace' replaces the link.
   */
  symlink?: 'follow' | 'replace'
  /**
   * 'overwrite' (default) replaces a file that has the name. 'rename' gives the new one a suffix instead, 'fail' fails
   * with `ERR_CONFLICT`; for both a link is as good as a file.
   */
  conflict?: 'overwrite' | 'rename' | 'fail'
  /**
   * What becomes of the owner and the group of the file that is replaced: 'try' (default) keeps them if the system
   * allows it, else says so in `warning`; 'require' fails then; 'ignore' leaves the file to this process. Where the
   * group cannot be kept, it gets no more rights than everybody has.
   */
  owner?: 'try' | 'require' | 'ignore'
  /** Make the folder, and those above it, where they are missing. Default: that is an error. */
  makeParents?: boolean
  /**
   * The folder for the temporary file, which must be there: `removeOrphans` finds in it what a killed process left.
   * Default: that of the file, and nothing is faster.
   */
  tempDir?: string
  /** Ends it, with `ERR_CANCELLED`; the file stays as it was. */
  signal?: AbortSignal
  /** Called with the number of bytes that were written so far. What it throws ends it, and comes out as it is. */
  progress?: (bytes: number) => void
  fs?: FileSystem
  /** For the waiting between attempts on Windows. */
  clock?: Clock
  /** Milliseconds since 1970, for the names of backups. Default `Date.now`. */
  now?: () => number
}

/** The options with their defaults. */
export interface WriteSettings extends AtomicWriteOptions {
  durability: Durability
  /** 0 for none. */
  backup: number
  symlink: 'follow' | 'replace'
  conflict: 'overwrite' | 'rename' | 'fail'
  owner: 'try' | 'require' | 'ignore'
  fs: FileSystem
  clock: Clock
  now: () => number
}

/** `ERR_USAGE` for what is wrong. */
export function writeSettings(path: string, options: AtomicWriteOptions): WriteSettings {
  checkLocalPath('path', path)
  checkChoice('durability', options.durability, ['crash', 'power'])
  checkChoice('symlink', options.symlink, ['follow', 'replace'])
  checkChoice('conflict', options.conflict, ['overwrite', 'rename', 'fail'])
  checkChoice('owner', options.owner, ['try', 'require', 'ignore'])
  for (const name of ['verify', 'digest', 'makeParents'] as const) checkFlag(name, options[name])
  checkMode('mode', options.mode)
  checkAbortSignal('signal', options.signal)
  checkCallback('progress', options.progress)
  if (options.tempDir !== undefined) checkLocalPath('tempDir', options.tempDir)
  const { backup = false } = options
  if (typeof backup !== 'boolean') checkWhole('backup', backup, 0)
  if (/[/\\]$/.test(path) && (path.endsWith('/') || process.platform === 'win32')) {
    throw badOption('path', 'that of a file, without a slash at its end', path)
  }
  return {
    ...options,
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

/** Throws `ERR_CANCELLED` once the signal says so. */
export function checkSignal(signal: AbortSignal | undefined, path: string): void {
  if (!signal?.aborted) return
  throw cancelled(path, signal)
}
