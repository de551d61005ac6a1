import { counted, printable } from '../../errors.js'
import type { AuditRecord } from './audit-record.js'

/** The numbers of one kind of operation. */
export interface OperationSummary {
  ok: number
  failed: number
  /** The sum of `metadata.bytes`. */
  bytes: number
  /** Milliseconds: the sum, and the longest one. */
  duration: number
  longest: number
}

/** The numbers of a whole trail. */
export interface AuditSummary {
  records: number
  /** Incomplete lines. */
  torn: number
  ok: number
  failed: number
  /** By operation, in the order of their first records. */
  operations: Map<string, OperationSummary>
  /** How many failed with each code. */
  codes: Map<string, number>
  sessions: number
  /** The earliest and the latest time, ISO 8601. */
  first?: string
  last?: string
}

/** Summarizes records, from {@link readAudit} or from elsewhere. */
export async function summarizeAudit(
  records: AsyncIterable<AuditRecord> | Iterable<AuditRecord>,
): Promise<AuditSummary> {
  const summary: AuditSummary = {
    records: 0,
    torn: 0,
    ok: 0,
    failed: 0,
    operations: new Map(),
    codes: new Map(),
    sessions: 0,
  }
  const sessions = new Set<string>()
  for await (const { time, session, operation, status, duration, metadata, code } of records) {
    const of = summary.operations.get(operation) ?? { ok: 0, failed: 0, bytes: 0, duration: 0, longest: 0 }
    summary.operations.set(operation, of)
    summary.records++
    summary[status]++
    of[status]++
    if (typeof metadata?.bytes === 'number') of.bytes += metadata.bytes
    of.duration += duration
    of.longest = Math.max(of.longest, duration)
    if (code !== undefined) summary.codes.set(code, (summary.codes.get(code) ?? 0) + 1)
    sessions.add(session)
    // compared as text: all have the same form
    if (summary.first === undefined || time < summary.first) summary.first = time
    if (summary.last === undefined || time > summary.last) summary.last = time
  }
  summary.sessions = sessions.size
  return summary
}

/** Options of {@link AuditTrail.table}. */
export interface AuditTableOptions {
  /** How many of the newest records are shown. Default 20; with 0 the summary alone. */
  last?: number
}

/** Passes the records on, and keeps the last ones in `newest`. */
export async function* keepingLast(
  records: AsyncIterable<AuditRecord>,
  last: number,
  newest: AuditRecord[],
): AsyncGenerator<AuditRecord> {
  for await (const record of records) {
    newest.push(record)
    if (newest.length > last) newest.shift()
    yield record
  }
}

/**
 * Records, one a row, and below them a summary, as tables for a terminal; all texts of the records are escaped.
 * @param records to be shown as rows; default none
 */
export function auditTable(summary: AuditSummary, records: readonly AuditRecord[] = []): string {
  const { torn, sessions, first, last, operations, codes } = summary
  const sums = [['operation', 'ok', 'failed', 'bytes', 'mean ms', 'longest ms']]
  for (const [operation, { ok, failed, bytes, duration, longest }] of operations) {
    const times = [duration / (ok + failed), longest].map((ms) => ms.toFixed(1))
    sums.push([printable(operation, 60), ...[ok, failed, bytes].map(String), ...times])
  }
  const lines = records.length > 0 ? [...aligned([ROW_TITLES, ...records.map(rowOf)], 4), ''] : []
  lines.push(...aligned(sums, 1))
  const between = first === undefined ? '' : `, ${printable(first, 40)} to ${printable(last!, 40)}`
  lines.push(`${counted(summary.records, 'record')} of ${counted(sessions, 'session')}${between}`)
  for (const [code, count] of codes) lines.push(`${count} failed with ${printable(code, 60)}`)
  if (torn > 0) lines.push(counted(torn, 'torn line'))
  return `${lines.join('\n')}\n`
}

const ROW_TITLES = ['time', 'operation', 'outcome', 'path', 'ms', 'bytes']

/** A record as the cells of a row: what failed has its code as the outcome. */
function rowOf({ time, operation, status, code, path, duration, metadata }: AuditRecord): string[] {
  const bytes = typeof metadata?.bytes === 'number' ? String(metadata.bytes) : ''
  const texts = [time, operation, code ?? status, path].map((text) => printable(text, 60))
  return [...texts, duration.toFixed(1), bytes]
}

/** Each column as wide as its widest cell; the first so-many ones are on the left. */
function aligned(rows: readonly string[][], left: number): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const padded = (cell: string, column: number) =>
    column < left ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
  return rows.map((row) => row.map(padded).join('  ').trimEnd())
}
