import { posix, win32 } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import type { FileSystem } from '../../files/disk/fs.js'
import { localPath } from '../../files/disk/names.js'
import { nodeFileSystem } from '../../files/disk/node-fs.js'
import { checkFlag, checkOption } from '../../options.js'
import type { Offer } from '../../wire/entry.js'
import { LONGEST_NAME } from './builder.js'
import { argumentError } from './inspect.js'

/** A path that the user named. */
export interface NamedPath {
  given: string
  /** Absolute, as it was when it was named: the process may work in another folder before it is looked for. */
  whole: string
  /** The path that it arrives under; left out where that is its last name. */
  as?: string
}

/** How paths are named. */
export interface PathNaming {
  /** They keep the folders in them. */
  relative?: boolean | undefined
  fs?: FileSystem | undefined
}

/** One with what it leads to. */
export interface Argument extends NamedPath {
  path: string
  /** The name that it arrives under, or the path. */
  name: string
}

/** @throws SluiceError `ERR_USAGE`; `ERR_NO_SUCH_FILE` for a relative path where there is no working folder */
export function namedOf(
  paths: readonly string[],
  { relative = false, fs = nodeFileSystem }: PathNaming = {},
): NamedPath[] {
  checkFlag('relative', relative)
  const arePaths = Array.isArray(paths) && paths.length > 0
  checkOption('paths', paths, arePaths, 'a list of at least one file or folder to send')
  return paths.map((given) => {
    const isPath = typeof given === 'string' && given !== '' && !given.includes('\0')
    checkOption('each path', given, isPath, 'a path, as a text without NUL')
    const as = relative ? withFolders(given, fs.platform) : ''
    return { given, whole: wholeOf(given, fs.platform), ...(as && { as }) }
  })
}

function wholeOf(given: string, platform: NodeJS.Platform): string {
  if (platform === 'win32') return win32.resolve(given)
  return given.startsWith('/') ? given : localPath('each path', given)
}

/** A path without what leads out of where it arrives: `/`, `./`, `../` at its beginning. '' where nothing is left. */
function withFolders(given: string, platform: NodeJS.Platform): string {
  const { root, plain } =
    platform === 'win32'
      ? { root: win32.parse(given).root, plain: win32.normalize(given).replaceAll('\\', '/') }
      : { root: '', plain: posix.normalize(given) }
  const names = plain.slice(root.length).split('/')
  return names.filter((name) => !['', '.', '..'].includes(name)).join('/')
}

/**
 * The paths with the names that they arrive under.
 * @throws SluiceError `ERR_USAGE`, `ERR_DUPLICATE_NAME`, `ERR_NO_SUCH_FILE`, `ERR_SOURCE_READ`
 */
export async function argumentsOf(
  paths: readonly NamedPath[],
  fs: FileSystem,
  after?: Offer,
): Promise<Argument[]> {
  const taken = new Map<string, Pick<Argument, 'given'> & Partial<Argument>>()
  for (const { path } of after?.entries ?? []) if (!path.includes('/')) taken.set(path, { given: path })
  const found: Argument[] = []
  for (const named of paths) {
    const { given, as } = named
    const path = await placeOf(named, fs)
    const name = as ?? (fs.platform === 'win32' ? win32 : posix).basename(path)
    if (name === '') {
      const message = `${printable(given)}: the root of a disk has no name to arrive under; name the folders in it`
      throw new SluiceError('ERR_USAGE', message, { path: given })
    }
    const other = taken.get(name)
    // a list may name a file twice
    if (as !== undefined && other?.path === path) continue
    if (other !== undefined) throw bothArriveAs(name, other.given, given)
    const argument = { ...named, path, name }
    taken.set(name, argument)
    found.push(argument)
  }
  return found.filter((one) => !isInAnother(one, taken))
}

/**
 * Whether it comes with a folder that is named, too.
 * @throws SluiceError `ERR_DUPLICATE_NAME` where another folder has the name of one that it is in
 */
function isInAnother(
  { given, path, name }: Argument,
  taken: ReadonlyMap<string, Pick<Argument, 'given'> & Partial<Argument>>,
): boolean {
  for (let at = name.indexOf('/'); at > 0; at = name.indexOf('/', at + 1)) {
    const other = taken.get(name.slice(0, at))
    if (other === undefined) continue
    const below = name.length - at
    if (other.path === path.slice(0, -below)) return true
    throw bothArriveAs(name.slice(0, at), other.given, given)
  }
  return false
}

function bothArriveAs(name: string, one: string, other: string): SluiceError {
  const message = `${printable(one)} and ${printable(other)} would both arrive as ${printable(name)}; send them one after the other, or rename one`
  return new SluiceError('ERR_DUPLICATE_NAME', message, { path: other })
}

/** Where a path leads. To the system `a/..` is the folder above the one that `a` is, wherever a link `a` may lie. */
async function placeOf({ given, whole }: NamedPath, fs: FileSystem): Promise<string> {
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
