import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { badOption, checkLocalPath } from '../../options.js'
import { fitted } from '../disk/names.js'
import { OWNER_TEXT, type Owner, ownerOfText, textOfOwner, thisOwner } from './owner.js'

/** What ends the name of every temporary file of this library. */
const ENDING = '.sluice-tmp'

const NAME = new RegExp(`^\\.(?:.*\\.)?(${OWNER_TEXT})\\.sluice-tmp$`, 'su')

/** What cannot be in a name, or leads elsewhere, on some platform. */
const FOREIGN = /[/\\:*?"<>|\p{Cc}\p{Cs}]/u

/** Options of {@link temporaryName}. */
export interface TemporaryNameOptions {
  /** What the name begins with, behind the dot: for people. Shortened where the name would be too long. */
  prefix?: string
  /** Whose file it is. Default: this process, with a random token. */
  owner?: Owner
}

// the process stays the same while it lives; asking the system for each file would cost more than writing it
let self: Owner | undefined

/** This process, with a token of its own each time. */
function me(): Owner {
  self ??= thisOwner()
  return { ...self, token: randomBytes(8).toString('hex') }
}

/**
 * A name for a temporary file that nobody else takes, and that says whose it is, so that it can be collected once
 * that process is gone (`removeOrphans`): `.prefix.owner.sluice-tmp`, at most 255 bytes. `ERR_USAGE` for a prefix
 * that is not part of one name.
 */
export function temporaryName({ prefix = '', owner = me() }: TemporaryNameOptions = {}): string {
  if (FOREIGN.test(prefix)) {
    const without = '/ \\ : * ? " < > | control characters and half surrogate pairs'
    throw badOption('prefix', `part of a name, without ${without}`, prefix)
  }
  return fitted(prefix === '' ? '' : `.${prefix}`, `.${textOfOwner(owner)}${ENDING}`)
}

/** Whose temporary file has this name; undefined for what is not ours, whatever it looks like otherwise. */
export function ownerOfTemporary(name: string): Owner | undefined {
  const [, owner] = NAME.exec(name) ?? []
  return owner === undefined ? undefined : ownerOfText(owner)
}

/** Options of {@link tempPath}. */
export interface TempPathOptions {
  /** What the name begins with, behind the dot: for people. */
  prefix?: string
  /** The folder. Default: that of the target, so that a rename puts it in place. */
  dir?: string
}

/**
 * A path for a temporary file of this process beside `target`, which nobody else takes. Nothing is made. What is left
 * there is removed by `removeOrphans` once this process is gone. `ERR_USAGE` for what is no path.
 */
export function tempPath(target: string, { prefix, dir }: TempPathOptions = {}): string {
  checkLocalPath('target', target)
  if (dir !== undefined) checkLocalPath('dir', dir)
  return join(dir ?? dirname(target), temporaryName({ prefix }))
}
