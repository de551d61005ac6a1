import { createHash } from 'node:crypto'
import { fitted, foldName } from '../names.js'
import type { Owner } from '../owner.js'

/** 'exclusive': one holder and nobody beside it. 'shared': any number of holders, none of them exclusive. */
export type LockMode = 'exclusive' | 'shared'

/** Who holds a lock or waits for it, as the name of the entry says. */
export interface Claimant {
  mode: LockMode
  owner: Owner
}

/** Bytes that one name may have on every file system that we know. */
const MOST_BYTES = 255

const FOLDER = '.sluice-lock-'

/** The entry inside of which there is one claimant at most. */
export const GATE = 'gate'

const ANNOUNCED = 'new-'
const ENTRY = /^(exclusive|shared)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]*)-([0-9a-f]+)$/

/** The name of the folder that holds the entries of one lock; undefined if no folder can have it. */
export function lockFolderName(name: string): string | undefined {
  const folder = FOLDER + name
  if (name === '' || /[/\\:\0]/.test(name) || Buffer.byteLength(folder) > MOST_BYTES) return undefined
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
export function entryName({ mode, owner: { pid, start, host, boot, token } }: Claimant): string {
  return `${mode}-${pid.toString(16)}-${Number(start).toString(16)}-${host}-${boot}-${token}`
}

/** Whose entry it is; undefined for a name that is not ours. */
export function claimantOf(entry: string): Claimant | undefined {
  const [, mode, pid, start, host, boot, token] = ENTRY.exec(entry) ?? []
  if (mode === undefined) return undefined
  const began = Number.parseInt(start!, 16)
  return {
    mode: mode as LockMode,
    owner: {
      pid: Number.parseInt(pid!, 16),
      start: began === 0 ? '' : String(began),
      host: host!,
      boot: boot!,
      token: token!,
    },
  }
}

/** The name under which an entry waits. */
export function announcedName(entry: string): string {
  return ANNOUNCED + entry
}

/** The entry that waits under this name; undefined for another name. */
export function announcedEntry(name: string): string | undefined {
  return name.startsWith(ANNOUNCED) ? name.slice(ANNOUNCED.length) : undefined
}
