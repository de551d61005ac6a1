import { fitted, foldName } from '../disk/names.js'

/** What no reserved name does without: a dot at its beginning, a tilde, or a character that some disk folds away. */
const MAY_BE_RESERVED = /^\.|~|[^ -~]/

/** Characters that some disks ignore in names (HFS+ does). */
const IGNORED = /\p{Default_Ignorable_Code_Point}/gu

/** What Windows takes off the end of a name: dots and spaces, and the name of a stream of the file. */
const CUT_OFF = /[. ]*(?::.*)?$/su

/**
 * Our folder under all its names, locks, folders that are moved aside; temporary files; and the short names of 8.3
 * characters that Windows gives all of them.
 */
const RESERVED = /^\.sluice(?:_[0-9a-f]+|-.*)?$|^\..*\.sluice-tmp$|^sl(?:uice|[0-9a-f]{4})~\d|~\d+\.slu$/su

/**
 * Whether some disk could take the name for one that this library makes, and later reads, moves or removes: then
 * nothing of somebody else's may get it.
 */
export function isReservedName(name: string): boolean {
  if (!MAY_BE_RESERVED.test(name)) return false
  // some disks take compatible characters for one, such as a letter and its wide form
  const folded = foldName(name.normalize('NFKC').replaceAll(IGNORED, ''))
  return RESERVED.test(folded.replace(CUT_OFF, ''))
}

/** The name under which something of somebody else's is stored: its own, or one that we do not read. */
export function storedName(name: string): string {
  return isReservedName(name) ? fitted(`_${name.replaceAll('~', '_')}`, '') : name
}
