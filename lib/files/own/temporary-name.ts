import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import { badOption, checkKeys } from '../../options.js'
import { fitted, inside, localPath, type PathLike } from '../disk/names.js'
import { OWNER_TEXT, type Owner, ownerOfText, textOfOwner, thisOwner } from './owner.js'

// Names of what this process has for a while beside the files of the user. Each says whose it is.

/** The ending of the names of all temporary files of this library. */
const ENDING = '.sluice-tmp'

const TEMPORARY_NAME = new RegExp(`^\\.(?:.*\\.)?(${OWNER_TEXT})\\.sluice-tmp$`, 'su')

const ASIDE_NAME = new RegExp(`^\\.sluice-aside-([0-9a-f]+)-(${OWNER_TEXT})$`)

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

/** This process, with a random token. */
function newOwner(): Owner {
  self ??= thisOwner()
  return { ...self, token: randomBytes(8).toString('hex') }
}

/**
 * A new name for a temporary file, `.prefix.owner.sluice-tmp`, of at most 255 bytes. It names its process, so that
 * `removeOrphans` can remove it when that process is dead. `ERR_USAGE` for a prefix that cannot be part of a name.
 */
export function temporaryName(options: TemporaryNameOptions = {}): string {
  checkKeys('options', options, { prefix: true, owner: true })
  const { prefix = '', owner = newOwner() } = options
  if (IN_NO_NAME.test(prefix)) {
    const without = '/ \\ : * ? " < > | control characters and half surrogate pairs'
    throw badOption('prefix', `part of a name, without ${without}`, prefix)
  }
  return fitted(prefix === '' ? '' : `.${prefix}`, `.${textOfOwner(owner)}${ENDING}`)
}

/** The owner that the name of a temporary file names; undefined for any other name. */
export function ownerOfTemporary(name: string): Owner | undefined {
  const [, owner] = TEMPORARY_NAME.exec(name) ?? []
  return owner === undefined ? undefined : ownerOfText(owner)
}

/** What the name of a folder says into which a replaced folder is moved. */
export interface AsideName {
  /** The inode of the file that replaces the folder. */
  ino: bigint
  /** Who replaces it. */
  owner: Owner
}

/** A new name for a folder aside: our mark, the inode, the owner. Default: this process, with a random token. */
export function asideName(ino: bigint, owner = newOwner()): string {
  return `.sluice-aside-${ino.toString(16)}-${textOfOwner(owner)}`
}

/** What the name of a folder aside says; undefined for any other name. */
export function parseAsideName(name: string): AsideName | undefined {
  const [, ino, owner] = ASIDE_NAME.exec(name) ?? []
  return ino === undefined ? undefined : { ino: BigInt(`0x${ino}`), owner: ownerOfText(owner!) }
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
  return inside(folder, temporaryName({ prefix }))
}
