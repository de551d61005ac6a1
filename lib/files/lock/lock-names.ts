import { createHash } from 'node:crypto'
import { fitted, foldName, LONGEST_FILE_NAME } from '../disk/names.js'
import { OWNER_TEXT, type Owner, ownerOfText, textOfOwner } from '../own/owner.js'

/** 'exclusive': one holder, and no others. 'shared': any number of holders, but no exclusive one. */
export type LockMode = 'exclusive' | 'shared'

/** Who holds a lock or waits for it, as the name of its entry says. */
export interface Claimant {
  mode: LockMode
  owner: Owner
}

const LOCK_PREFIX = '.sluice-lock-'

/** The folder in which at most one claimant can be at a time. */
export const GATE = 'gate'

/** What a holder makes in its entry and removes again, so that others see that it lives. */
export const SIGN = 'alive'

const ANNOUNCED = 'new-'
const ENTRY_NAME = new RegExp(`^(exclusive|shared)-(${OWNER_TEXT})$`)

/** The name of the folder of a lock; undefined if no folder can have that name. */
export function lockFolderName(name: string): string | undefined {
  const folder = LOCK_PREFIX + name
  const isName = name !== '' && !/[/\\:\0]/.test(name) && name.isWellFormed()
  return isName && Buffer.byteLength(folder) <= LONGEST_FILE_NAME ? folder : undefined
}

/**
 * The name of the lock for one file of the folder. If two spellings are one file on some disk, their locks are the
 * same folder there, or have the same digest.
 */
export function fileLockName(file: string): string {
  const name = `file-${file}`
  if (lockFolderName(name) !== undefined) return name
  const digest = createHash('sha256').update(foldName(file)).digest('hex').slice(0, 32)
  return fitted(`${LOCK_PREFIX}${name.replaceAll(/[\\:]/g, '_')}`, `-${digest}`).slice(LOCK_PREFIX.length)
}

/** The name of the entry of one claimant; unique, because the token is random. */
export function entryName({ mode, owner }: Claimant): string {
  return `${mode}-${textOfOwner(owner)}`
}

/** The claimant that an entry names; undefined for any other name. */
export function claimantOf(entry: string): Claimant | undefined {
  const [, mode, owner] = ENTRY_NAME.exec(entry) ?? []
  return owner === undefined ? undefined : { mode: mode as LockMode, owner: ownerOfText(owner) }
}

/** The name of an entry while it waits. */
export function announcedName(entry: string): string {
  return ANNOUNCED + entry
}

/** The entry that waits under this name; undefined for any other name. */
export function announcedEntry(name: string): string | undefined {
  return name.startsWith(ANNOUNCED) ? name.slice(ANNOUNCED.length) : undefined
}
