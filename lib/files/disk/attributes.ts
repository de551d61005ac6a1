import type { FileSystem } from './fs.js'

/**
 * For each mode that was asked for: whether new files get just that. The umask or the disk may change it. Shared by
 * the files of one place, so that only the first file of a mode is looked at.
 */
export type ModeMemory = Map<number, boolean>

/**
 * Sets the permission bits of an open file or folder, unless it has them already.
 * @param memory given where the file was just made with this mode
 */
export async function setMode(fs: FileSystem, fd: number, mode: number, memory?: ModeMemory): Promise<void> {
  const isKnown = memory?.get(mode)
  if (isKnown) return
  const differs = ((await fs.fstat(fd)).mode & 0o777) !== mode
  memory?.set(mode, !differs)
  if (differs) await fs.fchmod(fd, mode)
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
