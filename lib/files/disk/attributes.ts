import type { FileSystem } from './fs.js'

/**
 * Remembers for which modes a new file gets other bits than were asked for: the umask, and what the disk adds. Shared
 * by the files in one place, so that it is asked once and not for each of them.
 */
export type ModeMemory = Map<number, boolean>

/**
 * Sets the permission bits of an open file or folder, unless it has them.
 * @param memory given for what was just made with this mode
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
  // half a microsecond more: Node counts in seconds, and cuts off what is missing to the whole one
  return (mtime + 0.0005) / 1000
}
