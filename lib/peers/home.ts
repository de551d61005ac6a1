import { dirname } from 'node:path'
import { printable, SluiceError } from '../errors.js'
import { diskError, errorCode, SystemError } from '../files/disk/disk-error.js'
import type { FileStats, FileSystem } from '../files/disk/fs.js'
import { localPath } from '../files/disk/names.js'
import { nodeFileSystem } from '../files/disk/node-fs.js'
import { ifThere, isOfUser } from '../files/disk/stats.js'
import { makeFolders } from '../files/tree/make-folders.js'
import type { Keys } from '../options.js'

// The folder in which a user's identity and known peers are kept.

/** Where identity and known peers are. */
export interface HomeOptions {
  /** The folder. Default: {@link home}. */
  home?: string
  fs?: FileSystem
}

/** Their names. */
export const HOME_OPTIONS: Keys<HomeOptions> = { home: true, fs: true }

/**
 * The configuration folder of Sluice: what the variable `SLUICE_HOME` says, or else the folder `sluice` where this
 * platform has configurations. Nothing is made.
 */
export async function home(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  if (env.SLUICE_HOME) return localPath('SLUICE_HOME', env.SLUICE_HOME)
  const { default: envPaths } = await import('env-paths')
  return envPaths('sluice', { suffix: '' }).config
}

/**
 * The folder of the options as an absolute path, checked: it belongs to the user who runs, and nobody else can put a
 * file of theirs into it. Throws `ERR_PERMISSION` otherwise, and the codes of disk failures.
 * @param make whether it is made, with mode 0700, if it is missing
 */
export async function homeFolder(options: HomeOptions, make: boolean): Promise<string> {
  const { fs = nodeFileSystem } = options
  const path = localPath('home', options.home ?? (await home()))
  try {
    let stats = await ifThere(fs.stat(path))
    if (!stats && make) {
      await makeFolders(fs, dirname(path), true)
      await fs.mkdir(path, 0o700).catch((error: unknown) => {
        // another process was faster
        if (errorCode(error) !== 'EEXIST') throw error
      })
      stats = await fs.stat(path)
    }
    if (stats && !stats.isDirectory()) throw new SystemError('ENOTDIR', 'stat', 'a file')
    if (stats) checkPrivate(fs, path, stats, 0o022, 'others can write to it')
    return path
  } catch (error) {
    throw diskError(error, 'use the folder', path)
  }
}

/**
 * Throws `ERR_PERMISSION` unless a file or folder belongs to the user who runs, and has none of these permission bits.
 * On a platform without users and modes, where the folder of a user is private, all is right.
 */
export function checkPrivate(
  fs: FileSystem,
  path: string,
  stats: FileStats,
  bits: number,
  what: string,
): void {
  if (fs.user?.() === undefined) return
  const refused = (why: string) =>
    new SluiceError('ERR_PERMISSION', `${printable(path)} is not used: ${why}`, { path, saysPath: true })
  if (!isOfUser(fs, stats))
    throw refused(`it belongs to another user (${stats.uid}); choose another folder with SLUICE_HOME`)
  const mode = stats.mode & 0o777
  if ((mode & bits) === 0) return
  const right = (mode & ~bits).toString(8)
  throw refused(`${what} (mode ${mode.toString(8)}); chmod ${right} it if nobody did, else remove it`)
}
