import { checkKeys, checkLocalPath, checkOption, checkWhole } from '../options.js'

/** What a peer may bring, and where that goes: for whoever receives to obey, as `sluice receive` does. */
export interface Allowed {
  /** A folder of its own: an absolute path, or one below the folder that is received into. */
  readonly dir?: string
  /** Bytes in all, for a `FileQuota`. */
  readonly bytes?: number
  /** Files, folders and links in all. */
  readonly files?: number
}

/** Characters of the path of a folder. */
const LONGEST_DIR = 4096

/** The schema of what stands in the file. */
export const ALLOWED_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    dir: { type: 'string', minLength: 1, maxLength: LONGEST_DIR },
    bytes: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    files: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
  },
}

/** @throws SluiceError `ERR_USAGE` */
export function checkAllowed(allowed: Allowed | undefined): void {
  checkKeys('allowed', allowed, { dir: true, bytes: true, files: true })
  const { dir, bytes, files } = allowed ?? {}
  checkWhole('bytes', bytes, 0)
  checkWhole('files', files, 0)
  if (dir !== undefined) checkAllowedDir('dir', dir)
}

/**
 * The folder of a peer: one that is named as what it is. Throws `ERR_USAGE`.
 * @param option for messages
 */
export function checkAllowedDir(option: string, dir: string): void {
  checkLocalPath(option, dir)
  const hasNoWayUp = !dir.split(/[/\\]/).includes('..')
  checkOption(option, dir, hasNoWayUp && dir.length <= LONGEST_DIR, 'the path of a folder, without ..')
}
