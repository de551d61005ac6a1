import { errorCode } from './disk-error.js'

/** What a system says when it certainly made no file. */
const REFUSALS = new Set(
  'EEXIST EACCES EPERM EROFS ENOSPC EDQUOT EMFILE ENFILE ENOENT ENOTDIR ELOOP ENAMETOOLONG EINVAL'.split(' '),
)

/** Whether a failed exclusive open certainly made no file: of a failing disk nobody knows. */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.has(errorCode(error) ?? '')
}
