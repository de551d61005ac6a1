import { basename, dirname } from 'node:path'
import type { SluiceError } from '../../errors.js'
import { checkChoice, checkFlag, checkLocalPath, checkWhole } from '../../options.js'
import { type Audited, audited } from '../audit/recorder.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { type LockOptions, underFileLock } from '../lock/folder-lock.js'
import type { Durability } from '../publish/publish.js'
import { Tree } from '../tree/tree.js'
import { RotationRun } from './rotation-run.js'

/** Options of {@link rotateFile}. */
export interface RotateOptions extends Pick<LockOptions, 'timeout' | 'signal' | 'system' | 'clock'>, Audited {
  /** How many rotated files are kept, from 1. Default 5. */
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
  /** What failed, although the file is rotated: something could not be compressed or removed, and is still there. */
  warning?: SluiceError
}

/**
 * Renames the file to `path.1`, `path.1` to `path.2`, and so on; numbers beyond `keep` are removed at the end. Then
 * nothing is at `path`: the writer makes it anew, and has to close the old one before (a process that still has it
 * open writes to `path.1`). If there is no file at `path`, `rotated` is false.
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
 * Fails with `ERR_USAGE`, `ERR_LOCKED`, `ERR_CANCELLED`, `ERR_CONFLICT` (something else has the name of a rotated
 * file), `ERR_UNSAFE_LINK` (`path` is a link), `ERR_DISK_FULL`, `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_WRITE`.
 */
export function rotateFile(path: string, options: RotateOptions = {}): Promise<Rotation> {
  return audited('rotateFile', path, options, async () => {
    checkLocalPath('path', path)
    checkWhole('keep', options.keep, 1, 99_999)
    checkFlag('compress', options.compress)
    checkChoice('durability', options.durability, ['crash', 'power'])
    const { fs = nodeFileSystem, timeout, signal, system, clock } = options
    const waiting = { timeout, signal, system, clock }
    return underFileLock(dirname(path), basename(path), path, { fs, ...waiting }, async () => {
      try {
        const tree = await Tree.open(dirname(path), { fs })
        try {
          return await tree.within('', (folder) => new RotationRun(fs, folder, path, options).run())
        } finally {
          await tree.close()
        }
      } catch (error) {
        throw diskError(error, 'rotate', path)
      }
    })
  })
}
