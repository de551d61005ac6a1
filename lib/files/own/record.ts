import { createHash } from 'node:crypto'

// Records that are read back from the disk: what they must look like, and a digest against damage.

/** Whether a value that was read back is what it must be. */
export type Check = (value: unknown) => boolean

/** What the fields of an object must be; others may be there, too. */
export type Shape = Record<string, Check>

export const isText = (value: unknown): value is string => typeof value === 'string'
export const isNumber: Check = (value) => Number.isFinite(value)
export const isWhole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
export const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
export const oneOf =
  (...choices: unknown[]): Check =>
  (value) =>
    choices.includes(value)

/** Whether the value is an object with these fields. */
export function hasShape(value: unknown, shape: Shape): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(shape).every(([key, check]) => check((value as Record<string, unknown>)[key]))
}

const OWNER: Shape = { pid: isWhole, start: isText, host: isText, boot: isText, token: isText }

/** Whether the value is an {@link Owner}. */
export const isOwner: Check = (value) => hasShape(value, OWNER)

/** The bytes of a record: a line with a title and the digest of the rest, then the rest as JSON. */
export function encodeSealed(title: string, record: unknown): Buffer {
  const body = JSON.stringify(record)
  return Buffer.from(`${title} ${digestOf(body)}\n${body}`)
}

/** The record in `bytes`; undefined if they are damaged, or have another title. */
export function decodeSealed(title: string, bytes: Buffer): unknown {
  const text = bytes.toString()
  const end = text.indexOf('\n')
  const body = text.slice(end + 1)
  if (text.slice(0, end) !== `${title} ${digestOf(body)}`) return undefined
  try {
    return JSON.parse(body)
  } catch {
    // the digest is no secret: somebody else may have made it
    return undefined
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
