import { createHash, randomBytes } from 'node:crypto'
import { OWNER_TEXT, type Owner, ownerOfText, textOfOwner } from './owner.js'

// All names of our own folder (`.sluice`), and of what is in it: journals, intents of transactions, recovery points,
// staged transfers.

/** The possible names of our folder: the first one that is free or ours is used. */
export const OWN_FOLDERS = ['.sluice', '.sluice_1', '.sluice_2', '.sluice_3', '.sluice_4'] as const

/**
 * Where other users may make files, they could have all of these names before us: then our folder has one that nobody
 * foresees.
 */
const UNFORESEEN_FOLDER = /^\.sluice_[0-9a-f]{16}$/

/** Whether {@link unforeseenFolder} made the name. */
export function isUnforeseenFolder(name: string): boolean {
  return UNFORESEEN_FOLDER.test(name)
}

export function unforeseenFolder(): string {
  return `.sluice_${randomBytes(8).toString('hex')}`
}

/** Whether our folder can have this name. */
export function isOwnFolderName(name: string): boolean {
  return (OWN_FOLDERS as readonly string[]).includes(name) || UNFORESEEN_FOLDER.test(name)
}

const JOURNAL_NAME = /^[0-9a-f]{32}(\.[0-9a-f-]+)?\.journal$/
const OWNED_NAME = new RegExp(`^[0-9a-f]{32}\\.(${OWNER_TEXT})\\.journal$`)
const RELEASED_NAME = /^[0-9a-f]{32}\.0-[0-9a-f]+\.journal$/
const INTENT_NAME = /^([0-9a-f]{32})\.(prepared|committed|aborting)(\.left)?\.intent$/
const STAGED_NAME = /^[0-9a-f]{32}\.staged$/
const RECOVERY_NAME = /^(([0-9a-f]{8})[0-9a-f]{24})\.(point|kept)$/

/** Whether a file in our folder with this name is a journal. */
export function isJournalName(name: string): boolean {
  return JOURNAL_NAME.test(name)
}

/** What the names of all journals of a transfer begin with, also when another process has claimed one. */
export function journalKey(transfer: string): string {
  return /^[0-9a-f]{32}$/.test(transfer) ? transfer : keyOf(transfer)
}

/** The `n`-th name for the journal of a transfer, from 0. */
export function journalName(transfer: string, n: number): string {
  const id = journalKey(transfer)
  return n === 0 ? `${id}.journal` : `${id}.${n.toString(16)}.journal`
}

/**
 * The name of a journal whose owner has released it but could not write that into it: renaming works even on a full
 * disk.
 */
export function releasedName(name: string): string {
  return `${name.slice(0, 32)}.0-${randomBytes(8).toString('hex')}.journal`
}

/** Whether {@link releasedName} made the name: nobody owns that journal any more. */
export function isReleasedName(name: string): boolean {
  return RELEASED_NAME.test(name)
}

/**
 * The name of a journal while a process collects it. It names that process, so that one rename both takes the journal
 * and says who has it.
 */
export function nameOfOwner(name: string, owner: Owner): string {
  return `${name.slice(0, 32)}.${textOfOwner(owner)}.journal`
}

/** The process that collects the journal of this name. */
export function ownerOfName(name: string): Owner | undefined {
  const [, owner] = OWNED_NAME.exec(name) ?? []
  return owner === undefined ? undefined : ownerOfText(owner)
}

/** A new name, in our folder, for one in which all of a transfer waits until it is whole. */
export function stagedName(): string {
  return `${randomBytes(16).toString('hex')}.staged`
}

/** Whether {@link stagedName} made the name. */
export function isStagedName(name: string): boolean {
  return STAGED_NAME.test(name)
}

/**
 * How far a transaction is. The state is part of the name of the intent, so that one rename changes it: that works
 * even on a full disk.
 */
export type IntentState = 'prepared' | 'committed' | 'aborting'

/** The states, later ones first: if a file system leaves both names of a rename, the later state counts. */
export const INTENT_STATES: readonly IntentState[] = ['aborting', 'committed', 'prepared']

/** The parts of the name of an intent in our folder. */
export interface IntentName {
  /** The part that is the same for all names of one intent. */
  key: string
  state: IntentState
  /** Its process is alive but has given it up, because it could not finish it: another process may. */
  left: boolean
}

export function intentKey(id: string): string {
  return keyOf(id)
}

function keyOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

export function intentName({ key, state, left }: IntentName): string {
  return `${key}.${state}${left ? '.left' : ''}.intent`
}

export function parseIntentName(name: string): IntentName | undefined {
  const [, key, state, left] = INTENT_NAME.exec(name) ?? []
  return key === undefined ? undefined : { key, state: state as IntentState, left: left !== undefined }
}

/** The parts of the name of a file in our folder that belongs to a recovery point. */
export interface RecoveryName {
  /** The same for both files of a point. */
  key: string
  /** Points are undone from the highest to the lowest. */
  number: number
  /** 'point': the record of the point. 'kept': the content of the file before the change. */
  what: 'point' | 'kept'
}

export function newRecoveryKey(number: number): string {
  return number.toString(16).padStart(8, '0') + randomBytes(12).toString('hex')
}

export function recoveryName(key: string, what: RecoveryName['what']): string {
  return `${key}.${what}`
}

export function parseRecoveryName(name: string): RecoveryName | undefined {
  const [, key, number, what] = RECOVERY_NAME.exec(name) ?? []
  if (key === undefined) return undefined
  return { key, number: Number.parseInt(number!, 16), what: what as RecoveryName['what'] }
}
