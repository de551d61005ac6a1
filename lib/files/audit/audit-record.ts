import { printableJson } from '../../errors.js'
import { badOption, checkOption } from '../../options.js'
import { type FieldCheck, hasShape, isNumber, isText, maybe, oneOf } from '../own/record.js'

/** One line of an audit trail: what was done to one path, and how it went. */
export interface AuditRecord {
  /** When it ended, as ISO 8601 in UTC with milliseconds. */
  time: string
  /** The trail that wrote it: each opening of a trail has another id. */
  session: string
  /** What was done, in the words of the program: 'writeJson', 'deploy'. */
  operation: string
  /** The path it was done to, as the program named it. */
  path: string
  status: 'ok' | 'failed'
  /** Milliseconds. */
  duration: number
  /** More details, whatever JSON can hold. Summaries add up `bytes` if it is a number. */
  metadata?: Record<string, unknown>
  /** With 'failed': the code of the error. */
  code?: string
}

/** What the caller says about an operation; the trail adds time and session. */
export type AuditEntry = Omit<AuditRecord, 'time' | 'session'>

/** Where operations are recorded: an {@link AuditTrail}, or anything else with this method. */
export interface Audit {
  record(entry: AuditEntry): void | Promise<void>
}

/** `ERR_USAGE` for what is no {@link Audit}. */
export function checkAudit(audit: Audit | undefined): void {
  const isAudit = audit === undefined || typeof audit?.record === 'function'
  checkOption('audit', audit, isAudit, 'an object with a method record')
}

/** Bytes of a line. A longer record is refused; a longer line in a file counts as torn. */
export const LONGEST_AUDIT_LINE = 1 << 20

/** How every line begins. No text inside a line can look like this, because quotes are escaped there. */
const RECORD_START = '{"time":"'

/** How many beginnings of a record are tried in one torn line. */
const MOST_STARTS = 100

/**
 * The line of a record, with its newline. Whatever could end the line or control a terminal is escaped as JSON
 * allows, so that reading returns the same text. Throws `ERR_USAGE` for metadata that JSON cannot hold or that is too
 * large, and for what a reader would not accept as a record.
 */
export function encodeRecord(record: AuditRecord): Buffer {
  const held = fieldsOf(record)
  let text: string
  try {
    text = JSON.stringify(held)
  } catch (cause) {
    throw badOption('metadata', 'what JSON can hold, without bigint and cycle', held.metadata, { cause })
  }
  const wrong = wrongField(JSON.parse(text))
  if (wrong) throw badOption(`${wrong} of an audit record`, FIELDS[wrong][0], held[wrong])
  const line = Buffer.from(`${printableJson(text)}\n`)
  if (line.length > LONGEST_AUDIT_LINE) {
    const expected = `so little that the record has at most ${LONGEST_AUDIT_LINE} bytes`
    throw badOption('metadata', expected, line.length, { expected: LONGEST_AUDIT_LINE })
  }
  return line
}

/**
 * The record in a line. If a crash cut a line short, the next record may have been appended to it: then the next one is
 * returned. `torn` says that something was lost.
 */
export function decodeLine(line: string): { record?: AuditRecord; torn: boolean } {
  if (line.trim() === '') return { torn: false }
  const whole = parseRecord(line)
  if (whole) return { record: whole, torn: false }
  let at = line.length
  for (let tries = 0; tries < MOST_STARTS && at > 0; tries++) {
    at = line.lastIndexOf(RECORD_START, at - 1)
    if (at === -1) break
    const record = parseRecord(line.slice(at))
    if (record) return { record, torn: true }
  }
  return { torn: true }
}

function parseRecord(text: string): AuditRecord | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return hasShape(value, {}) && !wrongField(value) ? fieldsOf(value as unknown as AuditRecord) : undefined
  } catch {
    return undefined
  }
}

/** What each field must be, in the form that JSON gives it back (NaN becomes null). */
const FIELDS: Record<keyof AuditRecord, [expected: string, check: FieldCheck]> = {
  // the first one, as RECORD_START says
  time: ['a date as ISO 8601', (value) => isText(value) && !Number.isNaN(Date.parse(value))],
  session: ['a text', isText],
  operation: ['a text', isText],
  path: ['a text', isText],
  status: ["'ok' or 'failed'", oneOf('ok', 'failed')],
  duration: ['a number of milliseconds', isNumber],
  metadata: ['an object', maybe((value) => hasShape(value, {}))],
  code: ['a text', maybe(isText)],
}

const NAMES = Object.keys(FIELDS) as (keyof AuditRecord)[]

/** The first field that does not fit an {@link AuditRecord}. */
function wrongField(value: Record<string, unknown>): keyof AuditRecord | undefined {
  return NAMES.find((name) => !FIELDS[name][1](value[name]))
}

/** The record without anything else. */
function fieldsOf(record: AuditRecord): AuditRecord {
  const given = NAMES.filter((name) => record[name] !== undefined)
  return Object.fromEntries(given.map((name) => [name, record[name]])) as unknown as AuditRecord
}
