import { printable, SluiceError } from '../errors.js'
import { checkChoice, checkKeys, checkText } from '../options.js'
import type { WireEntry } from './entry.js'
import { DEFAULT_LIMITS, type Limits } from './limits.js'

/**
 * `native`: names that this platform can hold and does not interpret; `portable`: names that every platform can hold.
 */
export type Names = 'native' | 'portable'

/** Which paths are taken. */
export interface PathRules {
  /** Default `native`. */
  names?: Names
  /** As `process.platform`, which is the default: decides what `native` means. */
  platform?: string
  /** In bytes of UTF-8, and number of names. */
  limits?: Pick<Limits, 'path' | 'name' | 'depth'>
}

// The names of devices are reserved in every folder, with any ending (Windows, "Naming Files, Paths, and Namespaces").
const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*|:.*)?$/i
const INTERPRETED = /[\p{Cc}<>:"|?*\\]/u

/**
 * Checks the path of an entry: POSIX, relative, and nothing that leads anywhere else than it says. A path that only
 * some platforms interpret (a backslash, the name of a device …) is refused on those, and wherever names are to be
 * portable.
 * @throws SluiceError `ERR_PATH`, with the path and what is wrong with it; `ERR_USAGE` for `names`, and for what is
 *   no text
 */
export function checkPath(path: string, rules: PathRules = {}): void {
  checkKeys('rules', rules, { names: true, platform: true, limits: true })
  checkText('path', path)
  pathCheck(rules)(path)
}

/** {@link checkPath} for very many paths: the rules are looked at once. */
export function pathCheck(rules: PathRules): (path: string) => void {
  const { names = 'native', platform = process.platform, limits = DEFAULT_LIMITS } = rules
  checkChoice('names', names, ['native', 'portable'])
  const everywhere = names === 'portable' || platform === 'win32'
  return (path) => {
    const fault = faultOf(path, limits) ?? (everywhere ? interpreted(path) : undefined)
    if (fault !== undefined)
      throw new SluiceError('ERR_PATH', `the path ${printable(path, 200) || "''"} ${fault}`, { path })
  }
}

/**
 * What is wrong with a text that is to be a path or the target of a link, wherever it leads; undefined if nothing is.
 */
export function faultOfText(text: string, most: number): string | undefined {
  if (text === '') return 'is empty'
  if (!text.isWellFormed()) return 'is not valid Unicode'
  if (text.includes('\0')) return 'contains a NUL'
  return isLonger(text, most) ? `is longer than ${most} bytes` : undefined
}

/** What is wrong with a path on every platform; undefined if nothing is. */
export function faultOf(path: string, limits: Pick<Limits, 'path' | 'name' | 'depth'>): string | undefined {
  const fault = faultOfText(path, limits.path)
  if (fault !== undefined) return fault
  if (path.startsWith('/')) return 'is absolute'
  let depth = 0
  for (let start = 0, end = 0; end < path.length; start = end + 1) {
    const slash = path.indexOf('/', start)
    end = slash < 0 ? path.length : slash
    if (++depth > limits.depth) return `is deeper than ${limits.depth} names`
    const length = end - start
    if (length === 0) return 'contains an empty name'
    if (length <= 2 && path.startsWith('..'.slice(0, length), start))
      return `contains the name ${path.slice(start, end)}`
    if (length * 3 > limits.name && isLonger(path.slice(start, end), limits.name))
      return `contains a name longer than ${limits.name} bytes`
  }
  return undefined
}

/** Whether a text has more bytes of UTF-8: a UTF-16 unit takes 3 at most, so that a short text need not be counted. */
function isLonger(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes
}

/** What is wrong with a path on a platform that gives some names a meaning. */
function interpreted(path: string): string | undefined {
  for (const part of path.split('/')) {
    if (INTERPRETED.test(part)) return 'contains a character that some platform interprets'
    if (DEVICE.test(part)) return 'contains the name of a device'
    if (/[. ]$/.test(part)) return 'contains a name that ends in a dot or a space'
  }
  return undefined
}

/** What a folder of a manifest takes in memory beside its path, about, as measured in Node 22. */
const FOLDER_MEMORY = 160

/** The most items that a `Map` or a `Set` of JavaScript can hold. */
const MOST_NAMES = 2 ** 24 - 1

/** A folder of the manifest. */
interface Folder {
  /** Whether it has an entry, and not only others below it. */
  hasEntry: boolean
  /** The paths of the files and links in it; there may be a million folders without any. */
  leaves?: Set<string>
}

/** The names of the entries of a transfer: none twice, and nothing below a file. Pure. */
export class OfferedNames {
  readonly #most: number
  readonly #folders = new Map<string, Folder>()
  /** Folders and what is in them. */
  #names = 0
  /** The folder of the entry before, and its path: most entries are in the same one. */
  #parent: Folder | undefined
  #parentPath = ''

  /** @param most files and folders, those counted that paths only imply */
  constructor(most: number) {
    this.#most = Math.min(most, MOST_NAMES)
  }

  /** Forgets all of them. */
  clear(): void {
    this.#folders.clear()
    this.#names = 0
    this.#parent = undefined
  }

  /**
   * Takes in the name of an entry. After an error it must not be used any more.
   * @returns bytes of memory that its folders take
   * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`
   */
  add(entry: Pick<WireEntry, 'path' | 'type'>): number {
    const before = this.#folders.size
    if (entry.type === 'unreadable') this.#countName()
    else this.#claim(entry)
    return (this.#folders.size - before) * FOLDER_MEMORY
  }

  #claim(entry: Pick<WireEntry, 'path' | 'type'>): void {
    const { path, type } = entry
    const end = path.lastIndexOf('/')
    const parentPath = end < 0 ? '' : path.slice(0, end)
    if (this.#parent === undefined || parentPath !== this.#parentPath) {
      this.#parent = this.#folder(parentPath, entry)
      this.#parentPath = parentPath
    }
    const { leaves } = this.#parent
    const folder = this.#folders.get(path)
    if (type === 'directory') {
      if (leaves?.has(path)) throw badEntry(entry, 'is a folder and something else')
      if (folder?.hasEntry) throw badEntry(entry, 'is there twice')
      this.#folder(path, entry).hasEntry = true
    } else {
      if (folder) throw badEntry(entry, 'is a folder and something else')
      if (leaves?.has(path)) throw badEntry(entry, 'is there twice')
      this.#parent.leaves ??= new Set()
      this.#parent.leaves.add(path)
      this.#countName()
    }
  }

  /** The folder at a path; made, with those above it, where nothing has named it before. */
  #folder(path: string, entry: Pick<WireEntry, 'path'>): Folder {
    const known = this.#folders.get(path)
    if (known) return known
    if (path !== '') {
      const above = this.#folder(path.slice(0, Math.max(0, path.lastIndexOf('/'))), entry)
      if (above.leaves?.has(path)) throw badEntry(entry, 'is below something that is no folder')
      this.#countName()
    }
    const folder: Folder = { hasEntry: false }
    this.#folders.set(path, folder)
    return folder
  }

  /** A path of 64 names implies 63 folders that have no entry: they count, too. */
  #countName(): void {
    this.#names++
    const most = this.#most
    if (this.#names <= most) return
    const text = `the entries of the peer need more than ${most} files and folders: raise limits.entries, or send in parts`
    throw new SluiceError('ERR_LIMIT', text, { expected: most, found: this.#names })
  }
}

/** The error for an entry that cannot be what it says. */
export function badEntry({ path }: Pick<WireEntry, 'path'>, what: string): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `the entry ${printable(path, 200)} ${what}`, { path })
}
