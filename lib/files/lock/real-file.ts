import { basename, dirname, isAbsolute, join } from 'node:path'
import { standing } from '../claim.js'
import { SystemError } from '../disk-error.js'
import type { FileSystem } from '../fs.js'

/** After so many links a path leads nowhere, says Linux. */
const MOST_LINKS = 40

/** Where a file really stands, or will stand. */
export interface RealFile {
  /** The folder, without any link on the way to it. */
  folder: string
  name: string
  path: string
}

/**
 * Follows every link, so that all paths to one file come to one place; the last link may lead to nothing yet. Throws
 * system errors: ENOENT (the folder is missing), ELOOP.
 */
export async function realFile(fs: FileSystem, path: string): Promise<RealFile> {
  let here = path
  for (let links = 0; links <= MOST_LINKS; links++) {
    const there = await standing(fs, here)
    if (!there?.isSymbolicLink()) {
      const folder = await fs.realpath(dirname(here))
      const name = basename(here)
      return { folder, name, path: join(folder, name) }
    }
    const to = await fs.readlink(here)
    // not joined: what `..` means behind a link is for the system to say
    here = isAbsolute(to) ? to : `${dirname(here)}/${to}`
  }
  throw new SystemError('ELOOP', 'open', 'the links lead in a circle')
}
