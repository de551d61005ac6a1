import { createHash } from 'node:crypto'
import { isOwnFolderName } from './names.js'
import { ownerOfTemporary } from './temporary-name.js'

// Records that are read back from the disk: what they must look like, and a digest against damage.

/** Whether a value that was read back is what it must be. */
export type FieldCheck = (value: unknown) => boolean

/** What the fields of an object must be; others may be there, too. */
export type RecordShape = Record<string, FieldCheck>

export const isText = (value: unknown): value is string => typeof value === 'string'
export const isNumber: FieldCheck = (value) => Number.isFinite(value)
export const isCount: FieldCheck = (value) => Number.isSafeInteger(value) && (value as number) >= 0

/** SHA-256 in hexadecimal digits. */
export const isDigest: FieldCheck = (value) => isText(value) && /^[0-9a-f]{64}$/.test(value)

/**
 * Whether the value is a path below a folder, of plain names with `/`, as users may give one: nothing in our folder,
 * and no temporary file.
 */
export const isUserPath: FieldCheck = (value) => {
  if (!isText(value) || !value.isWellFormed()) return false
  const names = value.split('/')
  if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'))) return false
  return !isOwnFolderName(names[0]!) && ownerOfTemporary(names.at(-1)!) === undefined
}

export function maybe(check: FieldCheck): FieldCheck {
  return (value) => value === undefined || check(value)
}

export function listOf(check: FieldCheck): FieldCheck {
  return (value) => Array.isArray(value) && value.every(check)
}

export function oneOf(...choices: unknown[]): FieldCheck {
  return (value) => choices.includes(value)
}

/** Whether the value is an object with these fields. */
export function hasShape(value: unknown, shape: RecordShape): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(shape).every(([key, check]) => check((value as Record<string, unknown>)[key]))
}

const OWNER_SHAPE: RecordShape = { pid: isCount, start: isText, host: isText, boot: isText, token: isText }

/** Whether the value is an {@link Owner}. */
export const isOwner: FieldCheck = (value) => hasShape(value, OWNER_SHAPE)

/** The bytes of a record: a line with a title and the digest of the rest, then the rest as JSON. */
export function encodeSealed(title: string, record: unknown): Buffer {
  const body = JSON.stringify(record)
  return Buffer.from(`${sealOf(title, body)}\n${body}`)
}

/** The record in `bytes`; undefined if they are damaged, or have another title. */
export function decodeSealed(title: string, bytes: Buffer): unknown {
  const text = bytes.toString()
  const end = text.indexOf('\n')
  const body = text.slice(end + 1)
  if (text.slice(0, end) !== sealOf(title, body)) return undefined
  try {
    return JSON.parse(body)
  } catch {
    // the digest is no secret: somebody else may have made it
    return undefined
  }
}

function sealOf(title: string, body: string): string {
  return `${title} ${createHash('sha256').update(body).digest('hex')}`
}
