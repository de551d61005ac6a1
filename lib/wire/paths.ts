import { printable, SluiceError } from '../errors.js'
import { checkChoice, checkKeys } from '../options.js'
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
 * @throws SluiceError `ERR_PATH`, with the path and what is wrong with it; `ERR_USAGE` for `names`
 */
export function checkPath(path: string, rules: PathRules = {}): void {
  checkKeys('rules', rules, { names: true, platform: true, limits: true })
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

/** What is wrong with a text that is to be a path or the target of a link, wherever it leads; undefined if nothing is. */
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
