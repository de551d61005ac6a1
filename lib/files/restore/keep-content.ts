import { createHash } from 'node:crypto'
import { printable, SluiceError } from '../../errors.js'
import { digestFile } from '../disk/digest-file.js'
import { errorCode, SystemError } from '../disk/disk-error.js'
import { copyFile } from '../disk/move-file.js'
import { openRegular } from '../disk/open-regular.js'
import { lstatIfThere } from '../disk/stats.js'
import { digestOfFileAt, inFolder, type StagingArea } from '../intent/staging.js'
import type { PointRecord, RecoveryKind } from './record.js'

/**
 * Keeps the file at `path` under `where`, and returns what it was; nothing if there is no file. A file that is about
 * to be deleted gets a second name, because nobody writes to it any more; any other is copied.
 */
export async function keepContent(
  { tree, durability }: StagingArea,
  kind: RecoveryKind,
  path: string,
  where: string,
): Promise<Pick<PointRecord, 'old' | 'linked'>> {
  const { fs } = tree
  const power = durability === 'power'
  const keep = async (from: string) => {
    const there = await lstatIfThere(fs, from)
    if (kind === 'create' && there) {
      const message = `${printable(path)} is there already, and cannot be created; make a point for 'write'`
      throw new SluiceError('ERR_CONFLICT', message, { path })
    }
    if (!there && kind === 'delete') throw nothingToDelete(tree.root, path)
    if (!there) return {}
    if (!there.isFile()) {
      const kindOf = there.isSymbolicLink() ? 'ELOOP' : there.isDirectory() ? 'EISDIR' : 'ENXIO'
      throw new SystemError(kindOf, 'open', 'not a regular file')
    }
    if (kind === 'delete') {
      const old = await digestOfFileAt(tree, path, power)
      const linked = await fs.link(from, where).then(
        () => true,
        () => false,
      )
      if (linked) return { old, linked }
    }
    await copyFile(fs, from, where, { power })
    // the digest of the copy: it must still be the same when it is put back
    const { fd } = await openRegular(fs, where)
    try {
      return { old: (await digestFile(fs, fd, createHash('sha256'))).toString('hex') }
    } finally {
      await fs.close(fd)
    }
  }
  return inFolder(tree, path, keep).catch((error: unknown) => {
    throw kind === 'delete' && isNoFolder(error) ? nothingToDelete(tree.root, path) : error
  })
}

/** Whether a folder above is missing. */
function isNoFolder(error: unknown): boolean {
  return error instanceof SluiceError && ['ENOENT', 'ENOTDIR'].includes(errorCode(error.cause) ?? '')
}

function nothingToDelete(root: string, path: string): SluiceError {
  const message =
    `${printable(path)} cannot be deleted: there is no such file in ${printable(root)}; ` +
    'correct the path, or make no point for it'
  return new SluiceError('ERR_NO_SUCH_FILE', message, { path })
}
