import { errorCode, SystemError } from '../../files/disk/disk-error.js'
import { type FileStats, OPEN, type SyncCalls } from '../../files/disk/fs.js'
import { isStillWritten, type WrittenFile } from '../../files/disk/stats.js'

// What is done to one file by calls that are made at once, and when the disk is too slow for them.

/** Without these its owner could not open a file again: such a mode is set at the very end. */
export const OWNER_BITS = 0o600

/** Whether a mode is one that a file may have only when nothing else is to be done. */
export function isLate(mode: number | null): mode is number {
  return mode !== null && (mode & OWNER_BITS) !== OWNER_BITS
}

/** With these a rename says that this system, or this disk, has no such call. */
const RENAME_REFUSALS = new Set(['ENOSYS', 'EINVAL', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP'])

/** How a part got its name: 'moved', and it has only that now, or 'linked', and it has both. */
export type Given = 'moved' | 'linked'

/** Gives parts names that are free. */
export class FreeNames {
  #canRename = true

  /**
   * Throws system errors: EEXIST where something has the name.
   * @param mode set just before, if it is one with which the part could not be opened again
   */
  give(calls: SyncCalls, part: string, name: string, written: WrittenFile, mode: number | null): Given {
    if (isLate(mode)) linkLate(calls, part, name, mode)
    else if (this.#isMoved(calls, part, name, written)) return 'moved'
    else calls.link(part, name)
    return 'linked'
  }

  /** False where the disk cannot do that: then it is not asked again. */
  #isMoved(calls: SyncCalls, part: string, name: string, written: WrittenFile): boolean {
    const rename = this.#canRename ? calls.renameNoReplace : undefined
    if (!rename) return false
    try {
      rename(part, name)
      return true
    } catch (error) {
      // an answer may be lost, and the call done
      const named = statsOf(calls, name)
      if (named && isStillWritten(named, written) && isGone(calls, part)) return true
      if (!RENAME_REFUSALS.has(errorCode(error) ?? '')) throw error
      this.#canRename = false
      return false
    }
  }
}

function linkLate(calls: SyncCalls, part: string, name: string, mode: number): void {
  const fd = calls.open(part, OPEN.read)
  try {
    const stats = calls.fstat(fd)
    if (!stats.isFile() || stats.nlink !== 1)
      throw new SystemError('EBUSY', 'open', 'it was exchanged meanwhile')
    calls.fchmod(fd, mode)
    try {
      calls.link(part, name)
    } catch (error) {
      // an answer may be lost, and the call done
      if (calls.fstat(fd).nlink > 1) return
      calls.fchmod(fd, mode | OWNER_BITS)
      throw error
    }
  } finally {
    attempt(() => calls.close(fd))
  }
}

/** A write may take fewer bytes than given; one that takes none means that the disk is full. */
export function writeAll(calls: SyncCalls, fd: number, buffers: readonly Buffer[]): void {
  let position = 0
  for (const buffer of buffers) {
    for (let done = 0; done < buffer.length; ) {
      const taken = calls.write(fd, [done === 0 ? buffer : buffer.subarray(done)], position)
      if (taken === 0) throw new SystemError('ENOSPC', 'write', 'it takes no more bytes')
      done += taken
      position += taken
    }
  }
}

/** Whether it went well. */
export function attempt(act: () => void): boolean {
  try {
    act()
    return true
  } catch {
    return false
  }
}

/** What has the name, as far as can be seen. */
export function statsOf(calls: SyncCalls, path: string): FileStats | undefined {
  try {
    return calls.lstat(path)
  } catch {
    return undefined
  }
}

/** Takes a name away; an answer may be lost, and the call done. */
export function isRemoved(calls: SyncCalls, path: string): boolean {
  try {
    calls.unlink(path)
    return true
  } catch {
    return isGone(calls, path)
  }
}

function isGone(calls: SyncCalls, path: string): boolean {
  try {
    calls.lstat(path)
    return false
  } catch (error) {
    return errorCode(error) === 'ENOENT'
  }
}
