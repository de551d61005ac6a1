import { basename, dirname, isAbsolute } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { withAccessList } from '../disk/access-list.js'
import { checkReplaceable } from '../disk/attributes.js'
import { SystemError } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { isOfProcess, ofProcess } from '../disk/names.js'
import { checkRegular } from '../disk/open-regular.js'
import { ifThere, lstatIfThere } from '../disk/stats.js'
import type { WriteSettings } from './options.js'

/** The file that a write replaces or makes. */
export interface Target {
  path: string
  folder: string
  name: string
  /** The stats of the regular file or link that will be replaced; undefined for a new file. */
  there: FileStats | undefined
}

/** Linux gives up after so many links, too. */
const MOST_FOLLOWED = 40

/**
 * Finds what a write to `path` will replace. Throws `ERR_USAGE` for a name that leads
 * into a process, `ERR_PERMISSION` for a file that nobody may write to, and system errors: EISDIR, ENXIO (pipe,
 * device), ELOOP.
 */
export async function findTarget(path: string, settings: WriteSettings): Promise<Target> {
  const { fs, symlink, conflict, replaceReadOnly } = settings
  // what has the name is found by the step that takes it
  if (conflict !== 'overwrite') return targetOf(path, undefined)
  const there = await lstatIfThere(fs, path)
  const target =
    there?.isSymbolicLink() && symlink === 'follow' ? await follow(fs, path) : targetOf(path, there)
  if (target.there && !target.there.isSymbolicLink()) {
    checkRegular(target.there)
    checkReplaceable(target.path, target.there, replaceReadOnly)
    // a mode that is asked for takes the place of all that the old file gave
    if (settings.mode === undefined) await withAccessList(fs, target.path, target.there)
  }
  return target
}

/** Follows the links. If the last one leads to nothing, that file will be made. */
async function follow(fs: FileSystem, path: string): Promise<Target> {
  let here = path
  for (let links = 0; links <= MOST_FOLLOWED; links++) {
    if (isOfProcess(here)) throw ofProcess(path)
    const there = await lstatIfThere(fs, here)
    if (!there?.isSymbolicLink()) {
      if (!there && here.endsWith('/')) throw new SystemError('EISDIR', 'open', 'the link leads to a folder')
      return targetOf(here, there)
    }
    await checkFolder(fs, here, path)
    const to = await fs.readlink(here)
    // not path.join: only the system knows what `..` means behind a link
    here = isAbsolute(to) ? to : `${dirname(here)}/${to}`
  }
  throw new SystemError('ELOOP', 'open', 'the links lead in a circle')
}

/** Fails with `ERR_USAGE` if the folder of a name is, through links, one of what a process has open. */
export async function checkFolder(fs: FileSystem, name: string, path: string): Promise<void> {
  const folder = await ifThere(fs.realpath(dirname(name)))
  if (folder !== undefined && isOfProcess(folder)) throw ofProcess(path)
}

/** The error for a path in a folder that is not there. */
export function noFolder(
  path: string,
  folder: string,
  tempDir: string | undefined,
  cause: unknown,
): SluiceError {
  const wayOut = tempDir === undefined ? 'make it first' : 'make it first, or choose another tempDir'
  const message = `cannot write ${printable(path)}: the folder ${printable(tempDir ?? folder)} does not exist (ENOENT); ${wayOut}`
  return new SluiceError('ERR_WRITE', message, { path, cause })
}

function targetOf(path: string, there: FileStats | undefined): Target {
  return { path, folder: dirname(path), name: basename(path), there }
}
