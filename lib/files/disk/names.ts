import { createHash, randomBytes } from 'node:crypto'
import { isAbsolute, join, posix, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { printable, SluiceError } from '../../errors.js'
import { badOption, checkLocalPath, checkOption, isBytes } from '../../options.js'

/**
 * A path as users give it: text, a `file:` URL, or a Buffer that holds UTF-8. (A name of other bytes has no text, and
 * so no place in a record, a message or a name that is made of it.)
 */
export type PathLike = string | URL | Uint8Array

/** Whether it is of the kind of a {@link PathLike}, which {@link textOfPath} may still refuse. */
export function isPathLike(value: unknown): value is PathLike {
  return typeof value === 'string' || isBytes(value) || isUrl(value)
}

/** A {@link PathLike} as text; `ERR_USAGE` for what is no path. */
export function textOfPath(option: string, given: unknown): string {
  const text = isBytes(given) ? textOfBytes(option, given) : isUrl(given) ? textOfUrl(option, given) : given
  checkLocalPath(option, text)
  return text
}

function textOfBytes(option: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    const shown = Buffer.from(bytes).toString('latin1')
    throw badOption(option, 'a path whose bytes are UTF-8', shown, { cause })
  }
}

/** Also one of another realm. */
function isUrl(value: unknown): value is URL {
  const { href, protocol } = (value ?? {}) as Partial<URL>
  return typeof value === 'object' && typeof href === 'string' && typeof protocol === 'string'
}

function textOfUrl(option: string, url: URL): string {
  try {
    return fileURLToPath(url.href)
  } catch (cause) {
    throw badOption(option, 'a path, or the file: URL of one on this machine', url.href, { cause })
  }
}

/**
 * A path that the user gave, as an absolute one: it means what it meant at the call, wherever the process goes while
 * the call runs. `ERR_USAGE` for what is no path, `ERR_NO_SUCH_FILE` for a relative one where there is no working
 * folder.
 */
export function localPath(option: string, path: unknown): string {
  const given = textOfPath(option, path)
  // there `a/..` means nothing, and a path can be absolute but for its disk
  if (process.platform === 'win32') return resolve(given)
  if (isAbsolute(given)) return given
  // not by `resolve`: only the system knows what `..` means behind a link
  const bare = given.replace(/^(?:\.\/+)*(?:\.$)?/, '')
  return bare === '' ? workingFolder(given) : `${join(workingFolder(given), '/')}${bare}`
}

/** {@link localPath} of a file that is written: `ERR_USAGE` also for a name that leads into a process. */
export function localTarget(option: string, given: unknown): string {
  const path = localPath(option, given)
  if (isOfProcess(path)) throw ofProcess(path)
  return path
}

/** What processes have open, under names that look like those of files; the folder `/dev` has links to it. */
const OF_PROCESS = /^\/(?:proc(?:\/|$)|dev(?:\/(?:stdin|stdout|stderr|fd(?:\/.*)?))?$)/

/** In a folder that somebody holds open. */
const IN_OPEN_FOLDER = /^\/(?:proc\/[^/]+\/(?:task\/[^/]+\/)?|dev\/)fd\/\d+\/./

/** Whether an absolute path leads, by its text alone, into a process: `/dev/stdout`, `/proc/self/fd/1`. */
export function isOfProcess(path: string): boolean {
  const plain = posix.normalize(path)
  return OF_PROCESS.test(plain) && !IN_OPEN_FOLDER.test(plain)
}

/** The error for it: a new file would take the place of what others write to, or of the link for all programs. */
export function ofProcess(path: string): SluiceError {
  const message = `${printable(path)} is no file of a folder, but leads to what a process has open: write to process.stdout, or to the handle, or give the path of the file itself`
  return new SluiceError('ERR_USAGE', message, { path })
}

/** The error for a folder of such names, whether something is to be written to it or read from it. */
export function folderOfProcess(path: string): SluiceError {
  const message = `${printable(path)} is no folder of a disk, but of what processes and devices have: name another one, or read what is in it yourself and write that`
  return new SluiceError('ERR_USAGE', message, { path })
}

function workingFolder(given: string): string {
  try {
    return process.cwd()
  } catch (cause) {
    const message = `${printable(given)} leads nowhere: the folder that this process works in was removed; give an absolute path, or change to another folder`
    throw new SluiceError('ERR_NO_SUCH_FILE', message, { path: given, cause })
  }
}

/** Bytes that one name may have on every file system that we know. */
export const LONGEST_FILE_NAME = 255

/** A longer ending counts as part of the name: there would be no room for a number before it. */
const LONGEST_ENDING = 32

/** The last ending, with a `.tar` before it. The first dot of a hidden file begins no ending. */
const ENDINGS = /[^.]((?:\.tar)?\.[^. ]+)$/iu

/**
 * The name with a number before its endings, as it is chosen when the name is taken: `report.pdf`, 1 → `report_1.pdf`;
 * `a.tar.gz` → `a_1.tar.gz`; `.bashrc` → `.bashrc_1`; with 0 the name itself. At most 255 bytes: a long name is
 * shortened between characters, and gets some of its digest, or many names that begin alike would compete for the same
 * numbers, and the search for a free one would take the square of their number.
 */
export function suffixed(name: string, n: number): string {
  if (n === 0) return name
  const found = ENDINGS.exec(name)?.[1] ?? ''
  const ending = Buffer.byteLength(found) > LONGEST_ENDING ? '' : found
  const head = name.slice(0, name.length - ending.length)
  const tail = `_${n}${ending}`
  if (Buffer.byteLength(head + tail) <= LONGEST_FILE_NAME) return head + tail
  return fitted(head, `-${createHash('sha256').update(name).digest('hex').slice(0, 12)}${tail}`)
}

/** So many part names are tried in turn; then random ones, or many files with one beginning would try them all. */
const NUMBERED_PARTS = 4

/**
 * The name that a file has while it arrives: `x` → `x.part`, or `x.1.part`, `x.2.part`, … where that is taken, and
 * soon one with random digits. The part of a long name has a shortened one.
 */
export function partName(name: string, taken: (name: string) => boolean = () => false): string {
  for (let n = 0; ; n++) {
    const part = partCandidate(name, n)
    if (!taken(part)) return part
  }
}

/**
 * The `n`-th candidate for the name of the part of `name`, counted from 0; from the fourth on it is another one each
 * time.
 */
export function partCandidate(name: string, n: number): string {
  if (n === 0) return fitted(name, '.part')
  return fitted(name, `.${n < NUMBERED_PARTS ? n : randomBytes(8).toString('hex')}.part`)
}

/** Whether {@link partName} could have returned `part` for `name`. */
export function isPartNameOf(part: string, name: string): boolean {
  // the name itself may end with a number: the part of `x.1` is `x.1.part`
  const tail = /\.(?:[1-9]|[0-9a-f]{16})\.part$/.exec(part)?.[0]
  return part === fitted(name, '.part') || (tail !== undefined && part === fitted(name, tail))
}

/**
 * A form that is equal for two names if some file system takes them for one: those that ignore case, and those that
 * do not distinguish composed from decomposed characters.
 */
export function foldName(name: string): string {
  // upper case first: some characters have an upper case of two letters (ß) or share it with another (ſ)
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}

/**
 * `ERR_USAGE` if some disk takes the temporary name for the name that the file is to get: it would lose its only name.
 * @param option what it is called
 */
export function checkIsOther(option: string, temporary: string, name: string): void {
  const isOther = foldName(temporary) !== foldName(name)
  checkOption(option, temporary, isOther, `another name than ${printable(name)}, which the file is to get`)
}

/** The folder of a relative path with `/`; '' for a path without a folder. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? '' : path.slice(0, slash)
}

/** The last name of a relative path with `/`. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/**
 * The path of a name in a folder that the user gave. Not by `join` of node:path, which takes `a/..` for nothing: where
 * `a` is a link, the system goes to the folder above the one that it leads to.
 */
export function inside(folder: string, name: string): string {
  if (process.platform === 'win32') return join(folder, name)
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`
}

/** The path of a name in a folder, both below a root: that of the root itself is ''. */
export function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}

/** `head` followed by `tail`; `head` is shortened by whole characters until both fit into 255 bytes. */
export function fitted(head: string, tail: string): string {
  // a UTF-16 unit takes 3 bytes at most
  if ((head.length + tail.length) * 3 <= LONGEST_FILE_NAME) return head + tail
  const room = LONGEST_FILE_NAME - Buffer.byteLength(tail)
  if (Buffer.byteLength(head) <= room) return head + tail
  let size = 0
  let end = 0
  for (const character of head) {
    size += Buffer.byteLength(character)
    if (size > room) break
    end += character.length
  }
  return head.slice(0, end) + tail
}

/**
 * The last check before a name is joined to the path of a folder: fails with `ERR_PATH` for whatever would lead
 * elsewhere. Other rules of a platform for names are checked when an offer arrives.
 * @param path for the message
 */
export function checkName(name: string, platform: NodeJS.Platform, path: string): void {
  if (isOneName(name, platform)) return
  if (!name.isWellFormed()) throw illFormed(path)
  throw new SluiceError('ERR_PATH', `"${printable(path)}" is not a relative path of plain names`, { path })
}

/**
 * Checks a path that a caller gave: plain names below `root`. Else fails with `ERR_PATH`, or with `ERR_USAGE` if it
 * is not a string.
 * @param elsewhere for the message: what to do for a file that is not below `root`
 */
export function checkBelow(path: string, root: string, platform: NodeJS.Platform, elsewhere: string): void {
  if (typeof path !== 'string') {
    throw badOption('each path', `a text, relative to ${printable(root)}, as sub/file`, path)
  }
  if (path.split('/').every((name) => isOneName(name, platform))) return
  if (!path.isWellFormed()) throw illFormed(path)
  const message =
    `"${printable(path)}" is not a path below ${printable(root)}: name files relative to that folder, ` +
    `as sub/file, without . and ..; for files elsewhere ${elsewhere}`
  throw new SluiceError('ERR_PATH', message, { path })
}

/** What a name must not hold: on Windows, and elsewhere. */
const FOREIGN_ON_WINDOWS = /[/\\:\0]/
const FOREIGN = /[/\0]/

function isOneName(name: string, platform: NodeJS.Platform): boolean {
  if (name === '' || name === '.' || name === '..' || !name.isWellFormed()) return false
  return !(platform === 'win32' ? FOREIGN_ON_WINDOWS : FOREIGN).test(name)
}

/** The system would use U+FFFD instead, so that two names would become one, or that of another file. */
function illFormed(path: string): SluiceError {
  const message = `"${printable(path)}" holds half of a surrogate pair, which no name on a disk can; give the name whole`
  return new SluiceError('ERR_PATH', message, { path })
}
