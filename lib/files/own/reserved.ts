import { printable, SluiceError } from '../../errors.js'
import { fitted, foldName } from '../disk/names.js'

/** What no reserved name does without: a dot at its beginning, a tilde, or a character that some disk folds away. */
const MAY_BE_RESERVED = /^\.|~|[^ -~]/

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
const RESERVED = /^\.sluice(?:_[0-9a-f]+|-.*)?$|^\..*\.sluice-tmp$|^sl(?:uice|[0-9a-f]{4})~\d|~\d+\.slu$/su

/** Our folder under all its names, as {@link RESERVED} has it. */
const OWN_FOLDER = /^\.sluice(?:_[0-9a-f]+)?$|^sl(?:uice|[0-9a-f]{4})~\d/su

/**
 * Whether some disk could take the name for one that this library makes, and later reads, moves or removes: then
 * nothing of somebody else's may get it.
 */
export function isReservedName(name: string): boolean {
  return MAY_BE_RESERVED.test(name) && RESERVED.test(simplestForm(name))
}

/** What all names have in common that some disk takes for this one: nothing that a disk ignores, in lower case. */
export function simplestForm(name: string): string {
  // some disks take compatible characters for one, such as a letter and its wide form
  const folded = PLAIN.test(name)
    ? name.toLowerCase()
    : foldName(name.normalize('NFKC').replaceAll(IGNORED, ''))
  return folded.replace(CUT_OFF, '')
}

/** `ERR_PATH` if any name of a path below a folder is reserved: what gets there could be read as ours, or removed. */
export function checkNotReserved(path: string): void {
  if (path.split('/').some(isReservedName)) throw reserved(path)
}

/** The same for a path that begins anywhere: what is in our folder, and the name of a lock or a temporary file. */
export function checkTargetNotReserved(path: string): void {
  const names = path.split(/[/\\]/)
  const isOwnFolder = (name: string) => MAY_BE_RESERVED.test(name) && OWN_FOLDER.test(simplestForm(name))
  if (names.some(isOwnFolder) || isReservedName(names.at(-1)!)) throw reserved(path)
}

function reserved(path: string): SluiceError {
  const message = `${printable(path)} has a name that Sluice itself uses, as for its folder .sluice: choose another one`
  return new SluiceError('ERR_PATH', message, { path })
}

/** The name under which something of somebody else's is stored: its own, or one that we do not read. */
export function storedName(name: string): string {
  return isReservedName(name) ? fitted(`_${name.replaceAll('~', '_')}`, '') : name
}
