import { printable, SluiceError } from '../../errors.js'
import { fitted, foldName } from '../disk/names.js'

/** What no name of ours does without: a dot at its beginning, a tilde, or a character that some disk folds away. */
const MAY_BE_OWN = /^\.|~|[^ -~]/

/** The same of what is kept beside a file: it may be followed by what Windows takes off. */
const MAY_BE_KEPT = /\.[\da-f]{4}\.bak|-[\da-f]{8}|~|[^ -~]/i

/** A name of which all disks make the same, but for its case. */
const PLAIN = /^[ -~]*$/

/** Characters that some disks ignore in names (HFS+ does). */
const IGNORED = /\p{Default_Ignorable_Code_Point}/gu

/** What Windows takes off the end of a name: dots and spaces, and the name of a stream of the file. */
const CUT_OFF = /[. ]*(?::.*)?$/su

/**
 * Our folder under all its names, locks, folders that are moved aside; temporary files; and the short names of 8.3
 * characters that Windows gives all of them.
 */
const OWN = /^\.sluice(?:_[0-9a-f]+|-.*)?$|^\..*\.sluice-tmp$|^sl(?:uice|[0-9a-f]{4})~\d|~\d+\.slu$/su

/**
 * What is kept beside a file, and counted, read and removed by its name: backups, and the rotated files of a trail; and
 * the short names of these. The rotated files of `rotateFile` are not among them: ordinary files are called `ls.1`,
 * too. They are never read, and one more of them only takes a number.
 */
const KEPT = /\.\d{8}t\d{9}z\.[0-9a-f]{4}\.bak$|\.\d{8,15}-[0-9a-f]{8}$|~\d+\.(?:bak|\d{3})$/s

/** Our folder under all its names, as {@link OWN} has it. */
const OWN_FOLDER = /^\.sluice(?:_[0-9a-f]+)?$|^sl(?:uice|[0-9a-f]{4})~\d/su

/**
 * Whether some disk could take the name for one that this library makes, and later reads, moves or removes: then
 * nothing of somebody else's may get it.
 */
export function isReservedName(name: string): boolean {
  return isOwnName(name) || isKeptName(name)
}

/**
 * Those of them that are in use: our folder, locks, temporary files. What a user does with his own files leaves them
 * alone. What is kept beside a file is the user's own: it is copied, moved and removed like any other file.
 */
export function isOwnName(name: string): boolean {
  return MAY_BE_OWN.test(name) && OWN.test(simplestForm(name))
}

function isKeptName(name: string): boolean {
  return MAY_BE_KEPT.test(name) && KEPT.test(simplestForm(name))
}

/** What all names have in common that some disk takes for this one: nothing that a disk ignores, in lower case. */
export function simplestForm(name: string): string {
  // some disks take compatible characters for one, such as a letter and its wide form
  const folded = PLAIN.test(name)
    ? name.toLowerCase()
    : foldName(name.normalize('NFKC').replaceAll(IGNORED, ''))
  // most names have nothing of it, which a search for it finds out more slowly
  const isCut = folded.endsWith('.') || folded.endsWith(' ') || folded.includes(':')
  return isCut ? folded.replace(CUT_OFF, '') : folded
}

/**
 * `ERR_PATH` if any name of a path below a folder is reserved: what gets there could be read as ours, or removed.
 * @param isReserved {@link isOwnName} where the path is that of the user
 */
export function checkNotReserved(path: string, isReserved = isReservedName): void {
  if (path.split('/').some(isReserved)) throw reserved(path)
}

/** The same for a path that begins anywhere: what is in our folder, and the name itself. */
export function checkTargetNotReserved(path: string, isReserved = isReservedName): void {
  const names = path.split(/[/\\]/)
  const isOwnFolder = (name: string) => MAY_BE_OWN.test(name) && OWN_FOLDER.test(simplestForm(name))
  if (names.some(isOwnFolder) || isReserved(names.at(-1)!)) throw reserved(path)
}

function reserved(path: string): SluiceError {
  const message = `${printable(path)} has a name that Sluice itself uses, as for its folder .sluice and for backups: choose another one`
  return new SluiceError('ERR_PATH', message, { path })
}

/**
 * The name under which something of somebody else's is stored: its own, or one that we do not read. With only a `_`
 * before it, what is kept beside `x` would be kept beside `_x`: such a name gets one at its end, too.
 */
export function storedName(name: string): string {
  if (!isReservedName(name)) return name
  // what makes a short name, or begins the stream of a file, in whatever spelling
  const harmless = Array.from(name, (one) => (/[~:]/.test(one.normalize('NFKC')) ? '_' : one)).join('')
  return fitted(`_${harmless}`, isKeptName(name) ? '_' : '')
}
