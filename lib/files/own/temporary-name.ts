import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { badOption, checkKeys } from '../../options.js'
import { fitted, localPath, type PathLike } from '../disk/names.js'
import { OWNER_TEXT, type Owner, ownerOfText, textOfOwner, thisOwner } from './owner.js'

/** The ending of the names of all temporary files of this library. */
const ENDING = '.sluice-tmp'

const TEMPORARY_NAME = new RegExp(`^\\.(?:.*\\.)?(${OWNER_TEXT})\\.sluice-tmp$`, 'su')

/** Characters that no name may have on some platform, or that lead to another folder. */
const IN_NO_NAME = /[/\\:*?"<>|\p{Cc}\p{Cs}]/u

/** Options of {@link temporaryName}. */
export interface TemporaryNameOptions {
  /** The beginning of the name, after the dot, for people. It is shortened if the name would be too long. */
  prefix?: string
  /** Whose file it is. Default: this process, with a random token. */
  owner?: Owner
}

// computed once: to ask the system for each file would cost more than to write the file
let self: Owner | undefined

/**
 * A new name for a temporary file, `.prefix.owner.sluice-tmp`, of at most 255 bytes. It names its process, so that
 * `removeOrphans` can remove it when that process is dead. `ERR_USAGE` for a prefix that cannot be part of a name.
 */
export function temporaryName(options: TemporaryNameOptions = {}): string {
  checkKeys('options', options, { prefix: true, owner: true })
  const { prefix = '', owner } = options
  if (IN_NO_NAME.test(prefix)) {
    const without = '/ \\ : * ? " < > | control characters and half surrogate pairs'
    throw badOption('prefix', `part of a name, without ${without}`, prefix)
  }
  self ??= thisOwner()
  const whose = owner ?? { ...self, token: randomBytes(8).toString('hex') }
  return fitted(prefix === '' ? '' : `.${prefix}`, `.${textOfOwner(whose)}${ENDING}`)
}

/** The owner that the name of a temporary file names; undefined for any other name. */
export function ownerOfTemporary(name: string): Owner | undefined {
  const [, owner] = TEMPORARY_NAME.exec(name) ?? []
  return owner === undefined ? undefined : ownerOfText(owner)
}

/** Options of {@link tempPath}. */
export interface TempPathOptions {
  /** The beginning of the name, after the dot, for people. */
  prefix?: string
  /** The folder. Default: that of the target, so that a rename puts it in place. */
  dir?: PathLike
}

/**
 * A new path for a temporary file of this process beside `target`. Makes nothing. Once this process is dead,
 * `removeOrphans` removes a file that was left there. `ERR_USAGE` for an invalid path.
 */
export function tempPath(target: PathLike, options: TempPathOptions = {}): string {
  checkKeys('options', options, { prefix: true, dir: true })
  const { prefix, dir } = options
  const path = localPath('target', target)
  const folder = dir === undefined ? dirname(path) : localPath('dir', dir)
  return join(folder, temporaryName({ prefix }))
}
