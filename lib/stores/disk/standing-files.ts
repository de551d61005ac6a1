import { createDigest } from '../../digest/digests.js'
import { isSluiceError, type SluiceError } from '../../errors.js'
import { digestFile } from '../../files/disk/digest-file.js'
import { diskError, SystemError } from '../../files/disk/disk-error.js'
import type { FileStats, FileSystem } from '../../files/disk/fs.js'
import { below, nameOf, parentOf, suffixed } from '../../files/disk/names.js'
import { closing, openRegular, withRegular } from '../../files/disk/open-regular.js'
import { readFully } from '../../files/disk/read-write.js'
import { lstatIfThere } from '../../files/disk/stats.js'
import { syncFile } from '../../files/disk/sync.js'
import type { SuffixMemory } from '../../files/publish/suffixes.js'
import type { OpenFolder } from '../../files/tree/tree.js'
import type { SkipReason } from '../../wire/outcome.js'
import type { Conflict, Part, Placement, Unless } from '../parts.js'
import { isThereByTime as byTime } from '../publish-by-policy.js'
import type { DiskStore } from './disk-store.js'

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

/** Bytes that are read at once. */
const PIECE = 512 * 1024
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
      for (const { start, end } of piecesOf(size)) {
        signal?.throwIfAborted()
        if (!(await areEqual(fs, one.fd, other.fd, start, end))) return false
      }
      return true
    })
  })
}

function* piecesOf(size: number): Generator<{ start: number; end: number }> {
  const head = Math.min(ENDS, size)
  const tail = Math.max(head, size - ENDS)
  yield { start: 0, end: head }
  yield { start: tail, end: size }
  for (let start = head; start < tail; start += PIECE) yield { start, end: Math.min(start + PIECE, tail) }
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

/** Whether a file is there by its time, for another one that is to get its name. */
export function isThereByTime(
  { stats, isFirst }: Pick<Standing, 'stats' | 'isFirst'>,
  file: { size: number; mtime: number },
  unless: 'unchanged' | 'newer',
): boolean {
  const there = { size: stats.size, mtime: Math.floor(stats.mtimeMs) }
  return byTime(there, file, unless, isFirst)
}

/**
 * A file that stands there already in the place of a part: nothing is written. It is there by its time; or, where
 * nothing can be written, what comes is compared with it.
 */
export class StandingPart implements Part {
  readonly #store: DiskStore
  readonly #unless: Unless
  /** Those that are there by all that came until now. */
  #files: readonly Standing[]
  /** Why nothing can be written. */
  readonly #refusal: SluiceError | undefined

  constructor(store: DiskStore, files: readonly Standing[], unless: Unless, refusal?: SluiceError) {
    this.#store = store
    this.#files = files
    this.#unless = unless
    this.#refusal = refusal
  }

  async write(offset: number, buffers: readonly Buffer[]): Promise<void> {
    if (this.#unless !== 'identical') return
    const same: Standing[] = []
    for (const file of this.#files) if (await this.#holds(file, offset, buffers)) same.push(file)
    this.#files = same
    if (same.length === 0) throw this.#refusal
  }

  async read(position: number, into: Buffer): Promise<void> {
    const { fs } = this.#store
    const file = this.#files[0]!
    const found = await this.#within(file, (path) =>
      withRegular(fs, path, (fd) => readFully(fs, fd, into, position)),
    )
    if (found < into.length) throw this.#changed(file)
  }

  digest(algorithm: string, signal?: AbortSignal): Promise<Buffer> {
    const { fs } = this.#store
    return this.#within(this.#files[0]!, (path) =>
      withRegular(fs, path, (fd) => digestFile(fs, fd, createDigest(algorithm), signal)),
    )
  }

  async publish(): Promise<Placement> {
    const { fs, durability } = this.#store
    for (const file of this.#files) {
      const isThere = await this.#within(file, async (path, folder) => {
        if (!(await this.#store.acknowledge(file, path))) return false
        if (durability === 'power') {
          await syncFile(fs, path)
          await folder.sync()
        }
        return true
      })
      if (isThere) return { name: file.path, skipped: this.#unless as SkipReason }
    }
    throw this.#refusal ?? this.#changed(this.#files[0]!)
  }

  #changed({ path }: Standing): SluiceError {
    return diskError(new SystemError('EBUSY', 'lstat', 'another program changed it meanwhile'), 'find', path)
  }

  /** Nothing was written. */
  discard(): void {}

  keep(): void {}

  #within<T>({ path }: Standing, work: (path: string, folder: OpenFolder) => Promise<T>): Promise<T> {
    return this.#store.within(parentOf(path), (folder) => work(folder.at(nameOf(path)), folder))
  }

  #holds(file: Standing, offset: number, buffers: readonly Buffer[]): Promise<boolean> {
    const { fs } = this.#store
    return this.#within(file, (path) =>
      withRegular(fs, path, async (fd) => {
        let at = offset
        for (const bytes of buffers) {
          const there = Buffer.allocUnsafe(bytes.length)
          if ((await readFully(fs, fd, there, at)) < bytes.length || !there.equals(bytes)) return false
          at += bytes.length
        }
        return true
      }),
    )
  }
}
