import { basename, dirname } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import type { Folder } from '../atomic/folder.js'
import { standing } from '../claim.js'
import type { Directory } from '../directory.js'
import { errorCode } from '../disk-error.js'
import type { FileSystem } from '../fs.js'
import { suffixed } from '../names.js'
import { publish } from '../publish.js'
import { moveFile } from './move.js'
import type { Renaming } from './rename-atomic.js'

/** What `publish` calls the source, which may be in another folder. */
const SOURCE = 'source'

/** After so many suffixes something else is wrong. */
const MOST_SUFFIXES = 100_000

/**
 * Moves what stands at `from` to the name of `to`, or with conflict 'rename' to the first suffix that is free, never
 * over anything, and never by looking first. Gives the name. Throws system errors and `ERR_CONFLICT`.
 */
export async function takeFreeName(
  renaming: Renaming,
  folder: Folder,
  from: string,
  to: string,
): Promise<string> {
  const { fs, source, conflict, durability } = renaming
  if (source.isFile()) {
    // publish knows one folder; the source is under a name of its own in it
    const both: Directory = {
      path: dirname(to),
      fd: folder.fd,
      at: (name: string) => (name === SOURCE ? from : folder.at(name)),
      list: () => folder.list(),
      sync: () => folder.sync(),
      release: () => {},
    }
    const { name, warning } = await publish(fs, both, SOURCE, basename(to), {
      conflict: conflict === 'rename' ? 'rename' : 'fail',
      durability,
    }).catch((error: unknown) => {
      throw deviceError(error)
    })
    // the new name is there, but so is the old one
    if (warning) throw warning
    return name
  }
  for (let n = 0; n <= MOST_SUFFIXES; n++) {
    const name = n === 0 ? basename(to) : suffixed(basename(to), n)
    if (await take(fs, renaming, from, folder.at(name))) return name
    if (conflict === 'fail') break
  }
  throw new SluiceError(
    'ERR_CONFLICT',
    `${printable(to)} is taken; move it away or choose another conflict policy`,
    {
      path: to,
    },
  )
}

/** EXDEV, which `publish` has made an error of ours, is what the caller knows an answer to. */
function deviceError(error: unknown): unknown {
  const cause = error instanceof SluiceError ? error.cause : undefined
  return errorCode(cause) === 'EXDEV' ? cause : error
}

/** A link or a folder, which have no second names: the name is taken by an empty one of the same kind. */
async function take(fs: FileSystem, { source, clock }: Renaming, from: string, to: string): Promise<boolean> {
  if (source.isSymbolicLink()) {
    if (!(await isMade(() => readAndLink(fs, from, to)))) return false
    await fs.unlink(from)
    return true
  }
  if (!source.isDirectory() || fs.platform === 'win32') {
    // Windows renames no folder over anything; of pipes and devices nobody makes an empty one
    if (await standing(fs, to)) return false
    await moveFile(fs, clock, from, to, source)
    return true
  }
  if (!(await isMade(() => fs.mkdir(to, 0o700)))) return false
  try {
    await moveFile(fs, clock, from, to, source)
    return true
  } catch (error) {
    await fs.rmdir(to).catch(() => {})
    throw error
  }
}

async function readAndLink(fs: FileSystem, from: string, to: string): Promise<void> {
  await fs.symlink(await fs.readlink(from), to)
}

async function isMade(make: () => Promise<void>): Promise<boolean> {
  try {
    await make()
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}
