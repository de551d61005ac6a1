import { printable, SluiceError } from '../../errors.js'
import { fileDigest } from '../disk/digest-file.js'
import { copyFile } from '../disk/move-file.js'
import { nameOf } from '../disk/names.js'
import { inFolder, type StagingArea } from '../intent/staging.js'
import { type BackupMeant, chooseBackup } from './choose-backup.js'
import type { PointRecord } from './store.js'
import { lookAt } from './undo-point.js'

/**
 * Keeps the content of a backup of the file at `path` under `where`, as what the file was before it became what it is
 * now. A backup may be written to by somebody who has another name of it, and removed: so it is copied.
 */
export async function keepFromBackup(
  area: StagingArea,
  path: string,
  which: BackupMeant,
  where: string,
): Promise<Pick<PointRecord, 'old' | 'after'>> {
  const { tree, durability } = area
  await inFolder(tree, path, async (_at, folder) => {
    const { name } = await chooseBackup(tree.fs, folder, nameOf(path), which, path)
    await copyFile(tree.fs, folder.at(name), where, durability === 'power')
  })
  const { digest: after } = await lookAt(area, path)
  if (after !== undefined) return { old: await fileDigest(tree.fs, where), after }
  throw new SluiceError('ERR_CONFLICT', `${printable(path)} is no file, and no backup can be put there`, {
    path,
  })
}
