import { posix, win32 } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { checkOption } from '../../options.js'
import type { Offer } from '../../wire/entry.js'
import { LONGEST_NAME } from './builder.js'

/** A path that the user named. */
export interface Argument {
  given: string
  /** Absolute. */
  path: string
  name: string
}

/**
 * The paths with the names that they arrive under.
 * @throws SluiceError `ERR_USAGE`, `ERR_DUPLICATE_NAME`
 */
export function argumentsOf(paths: readonly string[], platform: NodeJS.Platform, after?: Offer): Argument[] {
  const { resolve, basename } = platform === 'win32' ? win32 : posix
  const taken = new Map<string, string>()
  for (const { path } of after?.entries ?? []) if (!path.includes('/')) taken.set(path, path)
  return paths.map((given) => {
    const isPath = typeof given === 'string' && given !== '' && !given.includes('\0')
    checkOption('each path', given, isPath, 'a path, as a text without NUL')
    const path = resolve(given)
    const name = basename(path)
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
    return { given, path, name }
  })
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
