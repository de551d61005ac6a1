import { printable, SluiceError } from '../errors.js'
import type { FileStats } from '../files/disk/fs.js'
import type { Limits } from '../wire/limits.js'
import type { Entry } from '../wire/manifest.js'
import { checkPath } from '../wire/paths.js'
import type { Source } from './source-file.js'

/** An entry without its place in the offer, and where its bytes are. */
export type Found = Omit<Entry, 'index' | 'start'> & { source?: Source }

/** What a name turned out to be; neither `stats` nor `refused` if its size says nothing of its content. */
export interface Looked {
  real: string
  path: string
  stats?: FileStats | undefined
  target?: string | undefined
  refused?: SluiceError
}

/** What is to be sent of it, or why it is not. */
export function foundIn({ real, path, stats, target, refused }: Looked): Found | SluiceError {
  if (refused) return refused
  if (!stats) return skipped(real, 'it has content but no size, like the files of /proc')
  const { dev, ino, mtimeMs, size } = stats
  if (stats.isFile()) {
    return { type: 'file', path, size, ...attributes(stats), source: { path: real, dev, ino, mtimeMs } }
  }
  if (target !== undefined) return { type: 'symlink', path, size: 0, ...attributes(stats), target }
  if (stats.isSymbolicLink()) return skipped(real, 'it is a symbolic link')
  return skipped(real, 'it is a pipe, a socket or a device')
}

function skipped(path: string, why: string): SluiceError {
  return new SluiceError('ERR_SKIPPED', `${printable(path)} is left out: ${why}`, { path })
}

/** An entry whose name no offer can hold: reported, and left out. */
export function unsendable(path: string, why: string): SluiceError {
  return new SluiceError('ERR_UNSENDABLE', `${printable(path)} cannot be sent: its name ${why}; rename it`, {
    path,
  })
}

/** By the rules that hold everywhere; what the receiving platform cannot hold is the receiver's affair. */
export function isSendable(path: string, limits: Limits): boolean {
  try {
    checkPath(path, { platform: 'linux', limits })
    return true
  } catch {
    return false
  }
}

/** As they are sent. */
export function attributes({ mtimeMs, mode }: FileStats): { mtime: number; mode: number } {
  return { mtime: Math.floor(mtimeMs), mode: mode & 0o777 }
}
