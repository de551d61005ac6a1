import { createHash, randomBytes } from 'node:crypto'
import type { Owner } from '../own/owner.js'
import type { Durability } from '../publish/publish.js'

/** The change of one path, with all that is needed to do it, to see whether it was done, and to undo it. */
export interface IntentAction {
  /** Below the folder of the transaction, with `/`. */
  path: string
  /** The temporary path of the new file; missing if the path is removed. */
  temporary?: string
  /** SHA-256 of the new content, hexadecimal. */
  digest?: string
  /** SHA-256 of the old content; missing if there was no file. */
  old?: string
  /** The temporary path of the old file. */
  backup?: string
}

/** The durable record of a transaction, from the moment when it is prepared to its end. */
export interface Intent {
  id: string
  owner: Owner
  durability: Durability
  /** Milliseconds since 1970. */
  time: number
  /** Folders to make, the outer ones first. */
  folders: string[]
  /** In the order in which they are applied. */
  actions: IntentAction[]
}

const INTENT_VERSION = 1
const INTENT_HEADER = /^sluice-intent ([0-9a-f]{64})\n/

/** A random id for a transaction without one. */
export function makeId(): string {
  return randomBytes(16).toString('hex')
}

/** The bytes of an intent: a line with the digest of the rest, then the rest as JSON. */
export function encodeIntent(intent: Intent): Buffer {
  const body = JSON.stringify({ version: INTENT_VERSION, ...intent })
  return Buffer.from(`sluice-intent ${intentDigest(body)}\n${body}`)
}

/** The intent in `bytes`; undefined if they are damaged, of another version, or anything else. */
export function decodeIntent(bytes: Buffer): Intent | undefined {
  const text = bytes.toString()
  const header = INTENT_HEADER.exec(text)
  if (!header) return undefined
  const body = text.slice(header[0].length)
  if (intentDigest(body) !== header[1]) return undefined
  try {
    const found: unknown = JSON.parse(body)
    return isIntent(found) ? found : undefined
  } catch {
    return undefined
  }
}

function intentDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

type Fields = Record<string, unknown>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isText = (value: unknown): value is string => typeof value === 'string'
const isTextOrNone = (value: unknown) => value === undefined || isText(value)

function isIntent(value: unknown): value is Intent & { version: number } {
  if (!isFields(value)) return false
  const { version, id, owner, durability, time, folders, actions } = value
  return (
    version === INTENT_VERSION &&
    isText(id) &&
    isOwner(owner) &&
    (durability === 'crash' || durability === 'power') &&
    typeof time === 'number' &&
    Array.isArray(folders) &&
    folders.every(isText) &&
    Array.isArray(actions) &&
    actions.every(isAction)
  )
}

function isOwner(value: unknown): boolean {
  if (!isFields(value)) return false
  const { pid, start, host, boot, token } = value
  return Number.isSafeInteger(pid) && [start, host, boot, token].every(isText)
}

function isAction(value: unknown): boolean {
  if (!isFields(value)) return false
  const { path, temporary, digest, old, backup } = value
  return (
    isText(path) &&
    [temporary, digest, old, backup].every(isTextOrNone) &&
    (temporary === undefined) === (digest === undefined) &&
    (old === undefined) === (backup === undefined) &&
    (temporary !== undefined || old !== undefined)
  )
}
