import { basename, dirname } from 'node:path'
import { systemClock } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import { audited } from '../audit/recorder.js'
import { diskError } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { moveFile, orRemove } from '../disk/move-file.js'
import { inside, localTarget, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { withRegular } from '../disk/open-regular.js'
import { checkStillWritten, ifThere, lstatIfThere, type WrittenFile } from '../disk/stats.js'
import { syncFile } from '../disk/sync.js'
import { type FolderLock, underFileLock } from '../lock/folder-lock.js'
import { admissionOf, HANDLES } from '../own/admission.js'
import { entryOfAnother, judgeOf } from '../own/foreign.js'
import { temporaryName } from '../own/temporary-name.js'
import type { OpenFolder } from '../tree/open-folder.js'
import { Tree } from '../tree/tree.js'
import { compressFile, holdsSame } from './compress-file.js'
import { checkRotate, type RotateOptions } from './options.js'
import { COMPRESSED, listSlots, movesOf, rankOf, type Slots, slotName } from './slots.js'

export type { RotateOptions }

/** What {@link rotateFile} did. */
export interface Rotation {
  /** False where there was nothing to rotate: no file at the path, or one that is neither so large nor so old. */
  rotated: boolean
  /** The path that the file has now: `path.1`, unless another user has that. */
  to?: string
  /** The paths of those that were one too many. */
  removed: string[]
  /**
   * What failed, although the file is rotated: something could not be compressed or removed, and is still there. Or
   * what was passed over, because another user has put it there.
   */
  warning?: SluiceError
}

/**
 * Renames the file to `path.1`, `path.1` to `path.2`, and so on; numbers beyond `keep` are removed at the end. Then
 * nothing is at `path`: the writer makes it anew, and has to close the old one before (a process that still has it
 * open writes to `path.1`). If there is no file at `path`, `rotated` is false; so it is with `minSize` or `minAge` if
 * the file is neither so large nor so old, and then nothing is changed. That is looked at under the lock: of several
 * processes that find a log too large, one rotates it.
 *
 * No file is ever without a name, and none takes the name of another; a file that is put at `path` meanwhile stays
 * there, or is the one that is rotated. If it is interrupted anywhere, even by a power cut, the next run continues.
 * Rotations of one file by several processes wait for each other, and for `updateJson`. A program that ignores the
 * lock and makes `path.1` itself can lose that file, if it does so between the last check and the rename. On Windows
 * it tries again while another program has the file open.
 *
 * With `compress` each rotated file that is not compressed yet becomes `path.N.gz`, also those of earlier runs. The
 * original is removed once the compressed file is complete and decompresses to the same bytes; if the original was
 * written to meanwhile, it stays, with a warning. What fails after the rename, such as a compression on a full disk,
 * is a warning too, and the next run tries again. If it fails before, the file is still at `path`; older ones may
 * have the next number already.
 *
 * In a folder where other users may make files, too, what belongs neither to this user nor to the owner of the file or
 * of the folder counts for nothing: it is passed over with a warning, and its number is left out.
 *
 * Fails with `ERR_USAGE`, `ERR_LOCKED`, `ERR_CANCELLED`, `ERR_CONFLICT` (something else has the name of a rotated
 * file), `ERR_LOCK_LOST` (before the file was renamed), `ERR_UNSAFE_LINK` (`path` is a link), `ERR_DISK_FULL`,
 * `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_WRITE`.
 */
export function rotateFile(file: PathLike, options: RotateOptions = {}): Promise<Rotation> {
  return audited('rotateFile', file, options, async () => {
    const path = localTarget('path', file)
    checkRotate(options)
    const { fs = nodeFileSystem, timeout, signal, system, clock } = options
    const waiting = { timeout, signal, system, clock }
    const rotate = async (lock: FolderLock) => {
      try {
        const tree = await Tree.open(dirname(path), { fs })
        try {
          return await tree.within('', (folder) => new RotationRun(fs, folder, lock, path, options).run())
        } finally {
          await tree.close()
        }
      } catch (error) {
        throw diskError(error, 'rotate', path)
      }
    }
    return admissionOf(fs).within(HANDLES.rotation, clock ?? systemClock, signal, () =>
      underFileLock(dirname(path), basename(path), path, { fs, ...waiting }, rotate),
    )
  })
}

/**
 * One rotation, under the lock. It may be interrupted after any step, also because it lost the lock; the next run
 * continues.
 */
class RotationRun {
  readonly #fs: FileSystem
  readonly #folder: OpenFolder
  readonly #lock: FolderLock
  readonly #file: string
  readonly #name: string
  readonly #options: RotateOptions
  readonly #power: boolean
  #warning: SluiceError | undefined
  /** Whether what has the name of a rotated file is one. Asked once: later nothing may have the name of the file. */
  #isOurs: (stats: FileStats) => boolean = () => true

  constructor(fs: FileSystem, folder: OpenFolder, lock: FolderLock, path: string, options: RotateOptions) {
    this.#lock = lock
    this.#fs = fs
    this.#folder = folder
    this.#file = path
    this.#name = basename(path)
    this.#options = options
    this.#power = options.durability !== 'crash'
  }

  async run(): Promise<Rotation> {
    const there = await ifThere(this.#look(async (_fd, stats) => stats))
    if (there && !this.#isDue(there)) return { rotated: false, removed: [] }
    const { fd } = this.#folder
    this.#isOurs = await judgeOf(this.#fs, await this.#fs.fstat(fd), [this.#folder.at(this.#name)])
    const slots = await this.#slots()
    // a killed run may have renamed files without a sync: those names must be durable before the next renames
    if (this.#power && slots.ours.size > 0) await this.#folder.sync()
    const number = await this.#rotate(slots)
    const rotated = number !== undefined
    const removed: string[] = []
    let to = rotated ? slotName(this.#name, number) : undefined
    try {
      await this.#removeSpare(removed)
      if (this.#options.compress) await this.#compressAll()
      if (rotated) to = (await this.#slots()).ours.get(number)?.at(-1)
    } catch (error) {
      // the file is rotated: after an error the caller would rotate again; the next run does the rest
      if (!rotated) throw error
      this.#warning ??= diskError(error, 'clear up after the rotation of', this.#file)
    }
    return {
      rotated,
      ...(to !== undefined && { to: this.#path(to) }),
      removed,
      ...(this.#warning && { warning: this.#warning }),
    }
  }

  #slots(): Promise<Slots> {
    return listSlots(this.#fs, this.#folder, this.#name, this.#isOurs, (name, uid) => {
      this.#warning ??= entryOfAnother(this.#path(name), uid)
    })
  }

  /** Makes room, and moves the file there. Returns the number that it has; undefined if there is no file. */
  async #rotate(slots: Slots): Promise<number | undefined> {
    if (!(await this.#isThere())) return undefined
    const { first, moves } = movesOf(slots)
    for (const { name, to } of moves)
      await this.#move(name, slotName(this.#name, to, name.endsWith(COMPRESSED)))
    await this.#move(this.#name, slotName(this.#name, first))
    return first
  }

  /** Whether the file exists; with 'power' its content is synced before its name changes. */
  async #isThere(): Promise<boolean> {
    const sync = async (fd: number) => {
      if (this.#power) await this.#fs.fsync(fd)
      return true
    }
    return (await ifThere(this.#look(sync))) ?? false
  }

  /** Calls `act` with the file, which is open. */
  #look<T>(act: (fd: number, stats: FileStats) => Promise<T>): Promise<T> {
    const flags = this.#fs.platform === 'win32' ? OPEN.update : OPEN.read
    return withRegular(this.#fs, this.#folder.at(this.#name), act, flags)
  }

  #isDue({ size, mtimeMs, birthtimeMs }: FileStats): boolean {
    const { minSize, minAge, now = Date.now } = this.#options
    if (minSize === undefined && minAge === undefined) return true
    const since = Math.min(mtimeMs, birthtimeMs || mtimeMs)
    return (
      size >= (minSize ?? Number.POSITIVE_INFINITY) || now() - since >= (minAge ?? Number.POSITIVE_INFINITY)
    )
  }

  /**
   * By one rename: that moves whatever has the old name at that moment, so that no file is lost unseen, as between a
   * link and an unlink. Whether the new name is free is checked right before: a file that a program without the lock
   * puts there in between is lost. With 'power' each move is synced before the next one takes the name that it freed.
   * @param written what was written at `from`, if that is a temporary file: nothing else gets the name
   */
  async #move(from: string, to: string, written?: WrittenFile): Promise<void> {
    const [source, target] = [this.#folder.at(from), this.#folder.at(to)]
    const known = written ?? (await this.#fs.lstat(source))
    if (await lstatIfThere(this.#fs, target)) {
      const message = `${printable(to)} was made by somebody else in this moment; move it away`
      throw new SluiceError('ERR_CONFLICT', message, { path: this.#path(to) })
    }
    const clock = this.#options.clock ?? systemClock
    await moveFile(this.#fs, clock, source, target, known, async () => {
      await this.#lock.check()
      if (written) await checkStillWritten(this.#fs, source, written)
    })
    if (this.#power) await this.#folder.sync()
  }

  async #removeSpare(removed: string[]): Promise<void> {
    const { keep = 5 } = this.#options
    const slots = await this.#slots()
    for (const [number, names] of slots.ours) {
      if (rankOf(number, slots) <= keep) continue
      for (const name of names) {
        await this.#remove(name)
        removed.push(this.#path(name))
      }
    }
  }

  async #compressAll(): Promise<void> {
    const { ours, foreign } = await this.#slots()
    for (const [number, [plain, compressed]] of ours) {
      if (plain === undefined || plain.endsWith(COMPRESSED) || foreign.has(number)) continue
      const made = compressed ?? (await this.#compressOne(plain, slotName(this.#name, number, true)))
      const packed = this.#folder.at(made)
      if (await holdsSame(this.#fs, this.#folder.at(plain), packed)) {
        // an earlier run may not have synced its content; its name was synced at the beginning
        if (this.#power && compressed !== undefined) await syncFile(this.#fs, packed)
        await this.#remove(plain)
        continue
      }
      if (compressed === undefined) await this.#remove(made)
      const message = `${printable(plain)} is not the same as what was compressed of it: it is left as it is; who writes to it should close it before the rotation`
      this.#warning ??= new SluiceError('ERR_SOURCE_CHANGED', message, { path: this.#path(plain) })
    }
    if (this.#power) await this.#folder.sync()
  }

  async #compressOne(plain: string, name: string): Promise<string> {
    const temporary = temporaryName()
    const at = this.#folder.at(temporary)
    const from = this.#folder.at(plain)
    const { written, refused } = await compressFile(this.#fs, from, at, this.#power, this.#path(name))
    this.#warning ??= refused
    await orRemove(this.#fs, at, () => this.#move(temporary, name, written), written)
    return name
  }

  async #remove(name: string): Promise<void> {
    await this.#lock.check()
    try {
      await this.#fs.unlink(this.#folder.at(name))
    } catch (error) {
      // the call may have succeeded although its answer was an error
      if (await lstatIfThere(this.#fs, this.#folder.at(name))) throw error
    }
  }

  #path(name: string): string {
    return inside(dirname(this.#file), name)
  }
}
