import { printable, SluiceError } from '../../errors.js'

/**
 * The last guard before a name is joined to a folder: refuses (`ERR_PATH`) whatever would lead elsewhere. What else
 * a platform does not like in a name is decided when an offer arrives.
 */
export function checkName(name: string, platform: NodeJS.Platform, path: string): void {
  if (isOneName(name, platform)) return
  if (!name.isWellFormed()) throw illFormed(path)
  throw new SluiceError('ERR_PATH', `"${printable(path)}" is not a relative path of plain names`, { path })
}

/**
 * Refuses (`ERR_PATH`) a path of the caller's that is none of plain names below a folder, and says the way out; what is
 * no text, with `ERR_USAGE`.
 * @param elsewhere what to do for a file that is not below it
 */
export function checkBelow(path: string, root: string, platform: NodeJS.Platform, elsewhere: string): void {
  if (typeof path !== 'string') {
    const message = `each path must be a text, relative to ${printable(root)}, as sub/file, not ${String(path)}`
    throw new SluiceError('ERR_USAGE', message, { found: path })
  }
  if (path.split('/').every((name) => isOneName(name, platform))) return
  if (!path.isWellFormed()) throw illFormed(path)
  const message =
    `"${printable(path)}" is not a path below ${printable(root)}: name files relative to that folder, ` +
    `as sub/file, without . and ..; for files elsewhere ${elsewhere}`
  throw new SluiceError('ERR_PATH', message, { path })
}

function isOneName(name: string, platform: NodeJS.Platform): boolean {
  const foreign = platform === 'win32' ? /[/\\:\0]/ : /[/\0]/
  return name !== '' && name !== '.' && name !== '..' && !foreign.test(name) && name.isWellFormed()
}

/** The system would put U+FFFD in its place, so that two names would be one, or that of another file. */
function illFormed(path: string): SluiceError {
  const message = `"${printable(path)}" holds half of a surrogate pair, which no name on a disk can; give the name whole`
  return new SluiceError('ERR_PATH', message, { path })
}
