import { isSluiceError, printable, SluiceError } from '../../errors.js'
import { digestAt } from '../disk/digest-file.js'
import { SystemError, systemCode } from '../disk/disk-error.js'
import { copyFile } from '../disk/move-file.js'
import { lstatIfThere } from '../disk/stats.js'
import { digestOfFileAt, inFolder, type StagingArea } from '../intent/staging.js'
import type { PointRecord, RecoveryKind } from './record.js'

/** What the system says where a folder above a path is missing. */
const NO_FOLDER = new Set<string | undefined>(['ENOENT', 'ENOTDIR'])

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
    await copyFile(fs, from, where, power)
    // the digest of the copy: it must still be the same when it is put back
    return { old: await digestAt(fs, where) }
  }
  return inFolder(tree, path, keep).catch((error: unknown) => {
    throw kind === 'delete' && isSluiceError(error) && NO_FOLDER.has(systemCode(error))
      ? nothingToDelete(tree.root, path)
      : error
  })
}

function nothingToDelete(root: string, path: string): SluiceError {
  const message =
    `${printable(path)} cannot be deleted: there is no such file in ${printable(root)}; ` +
    'correct the path, or make no point for it'
  return new SluiceError('ERR_NO_SUCH_FILE', message, { path })
}
