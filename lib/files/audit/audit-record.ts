import { badOption, checkOption } from '../../options.js'

/** One line of an audit trail: what was done to one path, and how it went. */
export interface AuditRecord {
  /** When it ended, as ISO 8601 in UTC with milliseconds. */
  time: string
  /** Who wrote it: one opened trail in one process. */
  session: string
  /** What was done, in the words of the program: 'writeJson', 'deploy'. */
  operation: string
  /** To what, as the program named it. */
  path: string
  status: 'ok' | 'failed'
  /** Milliseconds. */
  duration: number
  /** More about it, whatever JSON can hold. `bytes`, if it is a number, is added up in summaries. */
  metadata?: Record<string, unknown>
  /** With 'failed': the code of the error. */
  code?: string
}

/** What the caller says of an operation; time and session are the trail's. */
export type AuditEntry = Omit<AuditRecord, 'time' | 'session'>

/** Where operations are taken down: an {@link AuditTrail}, or anything else that takes records. */
export interface Audit {
  record(entry: AuditEntry): void | Promise<void>
}

/** `ERR_USAGE` for what is given as a trail and is none. */
export function checkAudit(audit: Audit | undefined): void {
  const isAudit = audit === undefined || typeof audit?.record === 'function'
  checkOption('audit', audit, isAudit, 'an object with a method record')
}

/** Bytes of one line, written or read; a longer one is refused, or taken for torn. */
export const LONGEST_LINE = 1 << 20

/** How every line begins; no text inside a line can look like this, because quotes are escaped there. */
const MARK = '{"time":"'

/** How many beginnings of a record are tried in one torn line. */
const MOST_MARKS = 100

/** What a terminal or an editor would act on. JSON itself escapes only what is below the space. */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/**
 * The line of a record, with its newline. All that could end the line or act on a terminal is escaped as JSON allows,
 * so that reading gives back the same text. Throws `ERR_USAGE` for metadata that JSON cannot hold, or too large, and for
 * what a reader would not take for a record.
 */
export function encodeRecord({
  time,
  session,
  operation,
  path,
  status,
  duration,
  metadata,
  code,
}: AuditRecord): Buffer {
  let text: string
  try {
    // the order of the keys is that of MARK
    text = JSON.stringify({ time, session, operation, path, status, duration, metadata, code })
  } catch (cause) {
    throw badOption('metadata', 'what JSON can hold, without bigint and cycle', metadata, { cause })
  }
  const wrong = wrongField(JSON.parse(text))
  if (wrong) {
    const found = { time, session, operation, path, status, duration, metadata, code }[wrong]
    throw badOption(`${wrong} of an audit record`, FIELDS[wrong], found)
  }
  const line = Buffer.from(`${text.replace(HARMFUL, escaped)}\n`)
  if (line.length > LONGEST_LINE) {
    const expected = `so little that the record has at most ${LONGEST_LINE} bytes`
    throw badOption('metadata', expected, line.length, { expected: LONGEST_LINE })
  }
  return line
}

/**
 * What a line holds. A line that a crash cut short, and even one that the next record was glued to, gives what is
 * whole in it: the record at its end. `torn` says that something was lost.
 */
export function decodeLine(line: string): { record?: AuditRecord; torn: boolean } {
  if (line.trim() === '') return { torn: false }
  const whole = parseRecord(line)
  if (whole) return { record: whole, torn: false }
  let at = line.length
  for (let tries = 0; tries < MOST_MARKS && at > 0; tries++) {
    at = line.lastIndexOf(MARK, at - 1)
    if (at === -1) break
    const record = parseRecord(line.slice(at))
    if (record) return { record, torn: true }
  }
  return { torn: true }
}

function parseRecord(text: string): AuditRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || wrongField(value)) return undefined
  const { time, session, operation, path, status, duration, metadata, code } = value as unknown as AuditRecord
  const record: AuditRecord = { time, session, operation, path, status, duration }
  if (metadata) record.metadata = metadata
  if (code !== undefined) record.code = code
  return record
}

/** What each must be, as JSON gives it back: NaN has become null there. */
const FIELDS = {
  time: 'a date as ISO 8601',
  session: 'a text',
  operation: 'a text',
  path: 'a text',
  status: "'ok' or 'failed'",
  duration: 'a number of milliseconds',
  metadata: 'an object',
  code: 'a text',
}

/** The first field that is none of an {@link AuditRecord}. */
function wrongField(value: Record<string, unknown>): keyof typeof FIELDS | undefined {
  const { time, metadata, code } = value
  if (typeof time !== 'string' || Number.isNaN(Date.parse(time))) return 'time'
  for (const field of ['session', 'operation', 'path'] as const)
    if (typeof value[field] !== 'string') return field
  if (value.status !== 'ok' && value.status !== 'failed') return 'status'
  if (typeof value.duration !== 'number') return 'duration'
  if (metadata !== undefined && !isObject(metadata)) return 'metadata'
  return code !== undefined && typeof code !== 'string' ? 'code' : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function escaped(character: string): string {
  let text = ''
  for (let i = 0; i < character.length; i++) {
    text += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  }
  return text
}
