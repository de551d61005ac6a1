import { basename, dirname } from 'node:path'
import type { SluiceError } from '../../errors.js'
import { checkChoice, checkFlag, checkLocalPath, checkWhole } from '../../options.js'
import { type Audited, audited, UNRECORDED } from '../audit/audited.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { DirectoryLock, type LockOptions } from '../lock/directory-lock.js'
import { fileLockName } from '../lock/lock-names.js'
import type { Durability } from '../publish/publish.js'
import { Tree } from '../tree/tree.js'
import { RotationRun } from './rotation-run.js'

/** Options of {@link rotateFile}. */
export interface RotateOptions extends Pick<LockOptions, 'timeout' | 'signal' | 'system' | 'clock'>, Audited {
  /** How many rotated files there are at most afterwards, from 1. Default 5. */
  keep?: number
  /** Compress the rotated files, with gzip. Default false. */
  compress?: boolean
  /** Default 'power'. */
  durability?: Durability
  fs?: FileSystem
}

/** What {@link rotateFile} did. */
export interface Rotation {
  /** False where there was nothing to rotate: no file at the path. */
  rotated: boolean
  /** The path that the file has now. */
  to?: string
  /** The paths of those that were one too many. */
  removed: string[]
  /** What did not go as asked, although the file is rotated: what could not be compressed or removed stands. */
  warning?: SluiceError
}

/**
 * Gives the file the name `path.1`, the one that has it `path.2`, and so on; those beyond `keep` are removed at the
 * end. Then nothing stands at `path`: whoever writes there makes it anew, and has to close it before (a process that
 * still has it open writes to `path.1`). No file at the path is no error: `rotated` is false then.
 *
 * No file is ever without a name, and none takes the name of another; one that is put at `path` meanwhile stays there,
 * or is the one that is rotated. Interrupted anywhere, by a power cut too, it is gone on with by the next run. Rotations
 * of one file by several processes wait for each other, and for `updateJson`. Who ignores that and makes `path.1` by
 * himself can lose what he made, if he does it in the moment between the last look and the rename. On Windows it is
 * tried again while somebody has the file open.
 *
 * With `compress` each rotated file that is not compressed yet becomes `path.N.gz`, also those of earlier runs. The
 * other one is removed once the compressed file stands and gives back the same bytes; if it was written to meanwhile
 * it stays, with a warning. What fails once the file is rotated, a compression on a full disk, say, is a warning too, and
 * the next run goes on with it. What fails before leaves the file at `path`; older ones may have the next number already.
 *
 * Fails with `ERR_USAGE`, `ERR_LOCKED`, `ERR_CANCELLED`, `ERR_CONFLICT` (something else has the name of a rotated
 * file), `ERR_UNSAFE_LINK` (`path` is a link), `ERR_DISK_FULL`, `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_WRITE`.
 */
export function rotateFile(path: string, options: RotateOptions = {}): Promise<Rotation> {
  return audited('rotateFile', path, options, () => rotate(path, options))
}

async function rotate(path: string, options: RotateOptions): Promise<Rotation> {
  checkLocalPath('path', path)
  checkWhole('keep', options.keep, 1, 99_999)
  checkFlag('compress', options.compress)
  checkChoice('durability', options.durability, ['crash', 'power'])
  const { fs = nodeFileSystem, timeout, signal, system, clock } = options
  const [folder, name] = [dirname(path), basename(path)]
  const lock = await DirectoryLock.acquire(folder, {
    name: fileLockName(name),
    fs,
    timeout,
    signal,
    system,
    clock,
    audit: UNRECORDED,
  })
  let rotation: Rotation
  try {
    rotation = await rotateLocked(fs, path, options)
  } catch (error) {
    await lock.release().catch(() => {})
    throw diskError(error, 'rotate', path)
  }
  try {
    await lock.release()
  } catch (error) {
    // it is rotated: whoever was told otherwise would do it again
    rotation.warning ??= diskError(error, 'release the lock on', path)
  }
  return rotation
}

async function rotateLocked(fs: FileSystem, path: string, options: RotateOptions): Promise<Rotation> {
  const tree = await Tree.open(dirname(path), { fs })
  try {
    const directory = await tree.directory('')
    try {
      return await new RotationRun(fs, directory, path, options).run()
    } finally {
      directory.release()
    }
  } finally {
    await tree.close()
  }
}
