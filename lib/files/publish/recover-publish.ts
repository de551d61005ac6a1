import { checkChoice } from '../../options.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { checkIsOther } from '../disk/names.js'
import { lstatIfThere } from '../disk/stats.js'
import type { OpenFolder } from '../tree/open-folder.js'
import { DURABILITIES, type Durability } from './policies.js'
import { hasBothNames } from './take-name.js'

/**
 * Completes a publish that a crash interrupted between link and unlink, when `temporary` and `name` are one file:
 * removes the temporary name (to rename one over the other would do nothing). Returns 'published' if so, 'pending' if
 * the temporary file is still to be published, 'missing' if there is none. It may itself be interrupted and run
 * again. Fails with `ERR_USAGE` before anything is done.
 */
export async function recoverPublish(
  fs: FileSystem,
  folder: OpenFolder,
  temporary: string,
  name: string,
  durability: Durability,
): Promise<'published' | 'pending' | 'missing'> {
  checkChoice('durability', durability ?? null, DURABILITIES)
  checkIsOther('temporary', temporary, name)
  try {
    const file = { fs, folder, temporary }
    if (!(await lstatIfThere(fs, folder.at(temporary)))) return 'missing'
    if (!(await hasBothNames(file, name))) return 'pending'
    // the link may not be on the disk yet; it must be before the other name is removed
    if (durability === 'power') await folder.sync()
    await fs.unlink(folder.at(temporary))
    if (durability === 'power') await folder.sync()
    return 'published'
  } catch (error) {
    throw diskError(error, 'recover', name)
  }
}
