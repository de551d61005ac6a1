import { isSluiceError, type SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import type { FileStats, FileSystem } from '../../files/disk/fs.js'
import { below, nameOf, parentOf, suffixed } from '../../files/disk/names.js'
import { closing, openRegular } from '../../files/disk/open-regular.js'
import { readFully } from '../../files/disk/read-write.js'
import { isStillWritten, lstatIfThere } from '../../files/disk/stats.js'
import type { SuffixMemory } from '../../files/publish/suffixes.js'
import type { OpenFolder } from '../../files/tree/tree.js'
import { inPieces, type Range } from '../../ranges.js'
import type { Conflict } from '../policy.js'
import { isThereByTime as byTime } from '../publish-by-policy.js'
import type { DiskPace } from './sources/disk-pace.js'

/** Whether a failure says that nothing can be written in a place, and nothing of what stands there. */
export function isWriteRefusal(error: unknown): error is SluiceError {
  return isSluiceError(error, 'ERR_PERMISSION') || isSluiceError(error, 'ERR_READ_ONLY')
}

/** A file that has one of the names that another one may get. */
export interface Standing {
  /** Its path below the root. */
  path: string
  stats: FileStats
  /** Whether it has the very name, and no suffix. */
  isFirst: boolean
}

/**
 * The files that stand under the names that the file at `path` may get under a policy, in the order in which they are
 * tried: up to the first name that is free, or that it would take from what has it.
 */
export async function* standingFiles(
  fs: FileSystem,
  folder: OpenFolder,
  path: string,
  conflict: Conflict,
  suffixes: SuffixMemory,
): AsyncGenerator<Standing, void> {
  const look = async (n: number) => {
    const name = suffixed(nameOf(path), n)
    const stats = await lstatIfThere(fs, folder.at(name))
    return stats && { path: below(parentOf(path), name), stats, isFirst: n === 0 }
  }
  const first = await look(0)
  if (first?.stats.isFile()) yield first
  if (!first || (conflict !== 'rename' && (first.stats.isFile() || conflict !== 'overwrite'))) return
  for (const n of suffixes.after(first.stats)) {
    const standing = await look(n)
    if (!standing) return
    suffixes.note(first.stats, n, standing.stats)
    if (standing.stats.isFile()) yield standing
  }
}

/** What is at `path`, if anything: by a call that is made at once, if there is one and the disk is quick. */
export function statsAtPace(
  fs: FileSystem,
  pace: DiskPace,
  path: string,
): FileStats | undefined | Promise<FileStats | undefined> {
  if (!fs.sync || pace.isSlow) return lstatIfThere(fs, path)
  const since = pace.clock.now()
  try {
    return fs.sync.lstat(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return undefined
  } finally {
    pace.took(pace.clock.now() - since)
  }
}

/** Whether a file that was there still has its name. */
export async function isStill(fs: FileSystem, { stats }: Standing, at: string): Promise<boolean> {
  const now = await lstatIfThere(fs, at)
  return now !== undefined && isStillWritten(now, stats)
}

/** Whether a file is there by its time, for another one that is to get its name. */
export function standsByTime(
  { stats, isFirst }: Pick<Standing, 'stats' | 'isFirst'>,
  file: { size: number; mtime: number },
  unless: 'unchanged' | 'newer',
): boolean {
  const there = { size: stats.size, mtime: Math.floor(stats.mtimeMs) }
  return byTime(there, file, unless, isFirst)
}

/** Bytes of each that are read at once. */
const READ = 512 * 1024
/** Bytes at both ends that are compared before all others: there most files differ, if they do. */
const ENDS = 64 * 1024

/**
 * Whether two regular files have the same content. Their sizes are known to be `size`.
 * @param signal aborted, it fails with its reason
 */
export async function haveSameContent(
  fs: FileSystem,
  paths: readonly [string, string],
  size: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const one = await openRegular(fs, paths[0])
  return closing(fs, one.fd, async () => {
    const other = await openRegular(fs, paths[1])
    return closing(fs, other.fd, async () => {
      for (const { start, end } of bothEndsFirst(size)) {
        signal?.throwIfAborted()
        if (!(await areEqual(fs, one.fd, other.fd, start, end))) return false
      }
      return true
    })
  })
}

function* bothEndsFirst(size: number): Generator<Range> {
  const head = Math.min(ENDS, size)
  const tail = Math.max(head, size - ENDS)
  yield { start: 0, end: head }
  yield { start: tail, end: size }
  yield* inPieces({ start: head, end: tail }, READ)
}

async function areEqual(
  fs: FileSystem,
  one: number,
  other: number,
  start: number,
  end: number,
): Promise<boolean> {
  const buffers = [Buffer.allocUnsafe(end - start), Buffer.allocUnsafe(end - start)] as const
  // one after the other, so that a failure is waited for
  const ours = await readFully(fs, one, buffers[0], start)
  const theirs = await readFully(fs, other, buffers[1], start)
  return ours === theirs && buffers[0].subarray(0, ours).equals(buffers[1].subarray(0, theirs))
}
