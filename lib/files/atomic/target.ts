import { basename, dirname, isAbsolute } from 'node:path'
import { SystemError } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { lstatIfThere } from '../disk/stats.js'
import type { WriteSettings } from './options.js'

/** What is to be written. */
export interface Target {
  path: string
  folder: string
  name: string
  /** The regular file, or the link, that will be replaced. */
  there: FileStats | undefined
}

/** After so many links a path leads nowhere, says Linux. */
const MOST_LINKS = 40

/** Finds what a write to `path` will replace. Throws system errors: EISDIR, ENXIO (pipe, device), ELOOP. */
export async function findTarget(path: string, { fs, symlink, conflict }: WriteSettings): Promise<Target> {
  // whoever has the name will be found by the step that takes it
  if (conflict !== 'overwrite') return parts(path, undefined)
  const there = await lstatIfThere(fs, path)
  const target = there?.isSymbolicLink() && symlink === 'follow' ? await follow(fs, path) : parts(path, there)
  const kept = target.there
  if (kept?.isDirectory()) throw new SystemError('EISDIR', 'open', 'a folder')
  if (kept && !kept.isFile() && !kept.isSymbolicLink())
    throw new SystemError('ENXIO', 'open', 'not a regular file')
  return target
}

/** Goes along the links, the last of which may lead to nothing: then that is what will be made. */
async function follow(fs: FileSystem, path: string): Promise<Target> {
  let here = path
  for (let links = 0; links <= MOST_LINKS; links++) {
    const there = await lstatIfThere(fs, here)
    if (!there?.isSymbolicLink()) {
      if (!there && here.endsWith('/')) throw new SystemError('EISDIR', 'open', 'the link leads to a folder')
      return parts(here, there)
    }
    const to = await fs.readlink(here)
    // not joined: what `..` means behind a link is for the system to say
    here = isAbsolute(to) ? to : `${dirname(here)}/${to}`
  }
  throw new SystemError('ELOOP', 'open', 'the links lead in a circle')
}

function parts(path: string, there: FileStats | undefined): Target {
  return { path, folder: dirname(path), name: basename(path), there }
}
