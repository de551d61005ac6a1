import { createHash } from 'node:crypto'
import { fitted, foldName, LONGEST_FILE_NAME } from '../disk/names.js'
import { OWNER_TEXT, type Owner, ownerOfText, textOfOwner } from '../own/owner.js'

/** 'exclusive': one holder and nobody beside it. 'shared': any number of holders, none of them exclusive. */
export type LockMode = 'exclusive' | 'shared'

/** Who holds a lock or waits for it, as the name of the entry says. */
export interface Claimant {
  mode: LockMode
  owner: Owner
}

const FOLDER = '.sluice-lock-'

/** The entry inside of which there is one claimant at most. */
export const GATE = 'gate'

const ANNOUNCED = 'new-'
const ENTRY = new RegExp(`^(exclusive|shared)-(${OWNER_TEXT})$`)

/** The name of the folder that holds the entries of one lock; undefined if no folder can have it. */
export function lockFolderName(name: string): string | undefined {
  const folder = FOLDER + name
  if (
    name === '' ||
    /[/\\:\0]/.test(name) ||
    !name.isWellFormed() ||
    Buffer.byteLength(folder) > LONGEST_FILE_NAME
  )
    return undefined
  return folder
}

/**
 * The name of the lock for one file of the folder. Two spellings that are one file on some disk are one folder there,
 * or have one digest.
 */
export function fileLockName(file: string): string {
  const name = `file-${file}`
  if (lockFolderName(name) !== undefined) return name
  const digest = createHash('sha256').update(foldName(file)).digest('hex').slice(0, 32)
  return fitted(`${FOLDER}${name.replaceAll(/[\\:]/g, '_')}`, `-${digest}`).slice(FOLDER.length)
}

/** The entry of one claimant: like no other one, in this process or elsewhere, because the token is random. */
export function entryName({ mode, owner }: Claimant): string {
  return `${mode}-${textOfOwner(owner)}`
}

/** Whose entry it is; undefined for a name that is not ours. */
export function claimantOf(entry: string): Claimant | undefined {
  const [, mode, owner] = ENTRY.exec(entry) ?? []
  return owner === undefined ? undefined : { mode: mode as LockMode, owner: ownerOfText(owner) }
}

/** The name under which an entry waits. */
export function announcedName(entry: string): string {
  return ANNOUNCED + entry
}

/** The entry that waits under this name; undefined for another name. */
export function announcedEntry(name: string): string | undefined {
  return name.startsWith(ANNOUNCED) ? name.slice(ANNOUNCED.length) : undefined
}
