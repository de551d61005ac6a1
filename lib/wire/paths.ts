import { printable, SluiceError } from '../errors.js'
import { DEFAULT_LIMITS, type Limits } from './limits.js'

/**
 * `native`: names that this platform can hold and does not interpret; `portable`: names that every platform can hold.
 */
export type Names = 'native' | 'portable'

export interface PathRules {
  names?: Names
  /** As `process.platform`: decides what `native` means. */
  platform?: string
  limits?: Pick<Limits, 'path' | 'name' | 'depth'>
}

// The names of devices are reserved in every folder, with any ending (Windows, "Naming Files, Paths, and Namespaces").
const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*|:.*)?$/i
const INTERPRETED = /[\p{Cc}<>:"|?*\\]/u

/**
 * Checks a path of an offer.
 * @throws SluiceError `ERR_PATH`, with the path and what is wrong with it
 */
export function checkPath(path: string, rules: PathRules = {}): void {
  const { names = 'native', platform = process.platform, limits = DEFAULT_LIMITS } = rules
  const fault =
    faultOf(path, limits) ?? (names === 'portable' || platform === 'win32' ? interpreted(path) : undefined)
  if (fault === undefined) return
  throw new SluiceError('ERR_PATH', `the path ${printable(path, 200)} ${fault}`, { path })
}

function faultOf(path: string, limits: Pick<Limits, 'path' | 'name' | 'depth'>): string | undefined {
  if (path === '') return 'is empty'
  if (!path.isWellFormed()) return 'is not valid Unicode'
  if (path.includes('\0')) return 'contains a NUL'
  if (path.startsWith('/')) return 'is absolute'
  if (Buffer.byteLength(path) > limits.path) return `is longer than ${limits.path} bytes`
  const parts = path.split('/')
  if (parts.length > limits.depth) return `is deeper than ${limits.depth} names`
  for (const part of parts) {
    if (part === '') return 'contains an empty name'
    if (part === '.' || part === '..') return `contains the name ${part}`
    if (Buffer.byteLength(part) > limits.name) return `contains a name longer than ${limits.name} bytes`
  }
  return undefined
}

/** What some platform takes for more than a name. */
function interpreted(path: string): string | undefined {
  for (const part of path.split('/')) {
    if (INTERPRETED.test(part)) return 'contains a character that some platform interprets'
    if (DEVICE.test(part)) return 'contains the name of a device'
    if (/[. ]$/.test(part)) return 'contains a name that ends in a dot or a space'
  }
  return undefined
}
