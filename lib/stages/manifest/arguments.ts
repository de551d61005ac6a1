import { posix, win32 } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import type { FileSystem } from '../../files/disk/fs.js'
import { checkOption } from '../../options.js'
import type { Offer } from '../../wire/entry.js'
import { LONGEST_NAME } from './builder.js'
import { argumentError } from './inspect.js'

/** A path that the user named. */
export interface Argument {
  given: string
  /** Absolute. */
  path: string
  name: string
}

/**
 * The paths with the names that they arrive under.
 * @throws SluiceError `ERR_USAGE`, `ERR_DUPLICATE_NAME`, `ERR_NO_SUCH_FILE`, `ERR_SOURCE_READ`
 */
export async function argumentsOf(
  paths: readonly string[],
  fs: FileSystem,
  after?: Offer,
): Promise<Argument[]> {
  const taken = new Map<string, string>()
  for (const { path } of after?.entries ?? []) if (!path.includes('/')) taken.set(path, path)
  const found: Argument[] = []
  for (const given of paths) {
    const isPath = typeof given === 'string' && given !== '' && !given.includes('\0')
    checkOption('each path', given, isPath, 'a path, as a text without NUL')
    const path = await placeOf(given, fs)
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
    found.push({ given, path, name })
  }
  return found
}

/** Where a path leads. To the system `a/..` is the folder above the one that `a` is, wherever a link `a` may lie. */
async function placeOf(given: string, fs: FileSystem): Promise<string> {
  if (fs.platform === 'win32') return win32.resolve(given)
  const names = given.split('/').filter((name) => name !== '' && name !== '.')
  const up = names.lastIndexOf('..')
  if (up < 0) return posix.resolve(given)
  const head = `${given.startsWith('/') ? '' : posix.resolve('.')}/${names.slice(0, up + 1).join('/')}`
  try {
    return posix.join(await fs.realpath(head), ...names.slice(up + 1))
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
