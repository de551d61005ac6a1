import { posix, win32 } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import type { FileSystem } from '../../files/disk/fs.js'
import { localPath } from '../../files/disk/names.js'
import { checkOption } from '../../options.js'
import type { Offer } from '../../wire/entry.js'
import { LONGEST_NAME } from './builder.js'
import { argumentError } from './inspect.js'

/** A path that the user named. */
export interface Named {
  given: string
  /** Absolute, as it was when it was named: the process may work in another folder before it is looked for. */
  whole: string
}

/** One with what it leads to. */
export interface Argument extends Named {
  path: string
  name: string
}

/** @throws SluiceError `ERR_USAGE`; `ERR_NO_SUCH_FILE` for a relative path where there is no working folder */
export function namedOf(paths: readonly string[], fs: FileSystem): Named[] {
  const arePaths = Array.isArray(paths) && paths.length > 0
  checkOption('paths', paths, arePaths, 'a list of at least one file or folder to send')
  return paths.map((given) => {
    const isPath = typeof given === 'string' && given !== '' && !given.includes('\0')
    checkOption('each path', given, isPath, 'a path, as a text without NUL')
    if (fs.platform === 'win32') return { given, whole: win32.resolve(given) }
    return { given, whole: given.startsWith('/') ? given : localPath('each path', given) }
  })
}

/**
 * The paths with the names that they arrive under.
 * @throws SluiceError `ERR_USAGE`, `ERR_DUPLICATE_NAME`, `ERR_NO_SUCH_FILE`, `ERR_SOURCE_READ`
 */
export async function argumentsOf(
  paths: readonly Named[],
  fs: FileSystem,
  after?: Offer,
): Promise<Argument[]> {
  const taken = new Map<string, string>()
  for (const { path } of after?.entries ?? []) if (!path.includes('/')) taken.set(path, path)
  const found: Argument[] = []
  for (const named of paths) {
    const { given } = named
    const path = await placeOf(named, fs)
    const name = (fs.platform === 'win32' ? win32 : posix).basename(path)
    if (name === '') {
      const message = `${printable(given)}: the root of a disk has no name to arrive under; name the folders in it`
      throw new SluiceError('ERR_USAGE', message, { path: given })
    }
    const other = taken.get(name)
    if (other !== undefined) {
      const message = `${printable(other)} and ${printable(given)} would both arrive as ${printable(name)}; send them one after the other, or rename one`
      throw new SluiceError('ERR_DUPLICATE_NAME', message, { path: given })
    }
    taken.set(name, given)
    found.push({ ...named, path, name })
  }
  return found
}

/** Where a path leads. To the system `a/..` is the folder above the one that `a` is, wherever a link `a` may lie. */
async function placeOf({ given, whole }: Named, fs: FileSystem): Promise<string> {
  if (fs.platform === 'win32') return whole
  const names = whole.split('/').filter((name) => name !== '' && name !== '.')
  const up = names.lastIndexOf('..')
  if (up < 0) return `/${names.join('/')}`
  try {
    return posix.join(await fs.realpath(`/${names.slice(0, up + 1).join('/')}`), ...names.slice(up + 1))
  } catch (cause) {
    throw argumentError(given, cause)
  }
}

/** A short name for all of them, for people. */
export function offerNameOf(roots: readonly Argument[]): string {
  const name = roots[0]!.name
  // that the name is unfit is reported when the file is found; the others are to be offered all the same
  if (!name.isWellFormed() || Buffer.byteLength(name) > LONGEST_NAME)
    return `${roots.length} files or folders`
  const more = roots.length > 1 ? ` and ${roots.length - 1} more` : ''
  return Buffer.byteLength(name + more) > LONGEST_NAME ? name : name + more
}
