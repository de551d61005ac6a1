import test from 'ava'
import fc from 'fast-check'
import {
  type AuditRecord,
  decodeLine,
  encodeRecord,
  LONGEST_AUDIT_LINE,
} from '../../../lib/files/audit/audit-record.js'
import { auditTable, summarizeAudit } from '../../../lib/files/index.js'

const foreign = fc.string({ unit: 'binary', maxLength: 30 })
const records = fc
  .record(
    {
      time: fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
        .map((d) => d.toISOString()),
      session: foreign,
      operation: foreign,
      path: foreign,
      status: fc.constantFrom('ok' as const, 'failed' as const),
      duration: fc.nat(),
      metadata: fc.dictionary(
        fc.oneof(foreign, fc.constantFrom('time', '__proto__')),
        fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
      ),
      code: foreign,
    },
    { requiredKeys: ['time', 'session', 'operation', 'path', 'status', 'duration'] },
  )
  .map((record) => record as AuditRecord)

const same = (a: AuditRecord | undefined, b: AuditRecord) =>
  a !== undefined && encodeRecord(a).equals(encodeRecord(b))

test('whatever the texts hold, a record is one printable line and comes back the same', (t) => {
  const holds = fc.property(records, (record) => {
    const line = encodeRecord(record).toString()
    return /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*\n$/u.test(line) && same(decodeLine(line).record, record)
  })
  t.notThrows(() => fc.assert(holds))
})

test('what a terminal acts on, or what ends a line elsewhere, is escaped', (t) => {
  const path = '\u001b[2J\u0085\u2028\u202e\u{e0001}\n'
  const record: AuditRecord = {
    time: '2026-01-01T00:00:00.000Z',
    session: '',
    operation: '',
    path,
    status: 'ok',
    duration: 0,
  }
  const line = encodeRecord(record).toString()
  t.regex(line, /"path":"\\u001b\[2J\\u0085\\u2028\\u202e\\udb40\\udc01\\n"/)
  t.is(decodeLine(line).record?.path, path)
})

test('a line that is cut anywhere gives nothing wrong, and one glued behind it is found', (t) => {
  const holds = fc.property(records, records, fc.nat(), (torn, next, cut) => {
    const line = encodeRecord(torn).toString().trimEnd()
    const part = line.slice(0, 1 + (cut % (line.length - 1)))
    const glued = decodeLine(part + encodeRecord(next).toString())
    const alone = decodeLine(part)
    return alone.record === undefined && alone.torn && glued.torn && same(glued.record, next)
  })
  t.notThrows(() => fc.assert(holds))
})

test('zeros that a power cut left do not hide the record behind them', (t) => {
  const record: AuditRecord = {
    time: new Date(0).toISOString(),
    session: '',
    operation: 'a',
    path: '',
    status: 'ok',
    duration: 0,
  }
  const { record: found, torn } = decodeLine('\0'.repeat(600) + encodeRecord(record).toString())
  t.deepEqual([found, torn], [record, true])
})

test('what is not a record is passed over', (t) => {
  const good = {
    time: '2026-01-01T00:00:00.000Z',
    session: 's',
    operation: 'o',
    path: 'p',
    status: 'ok',
    duration: 1,
  }
  t.truthy(decodeLine(JSON.stringify(good)).record)
  t.deepEqual(decodeLine('  '), { torn: false })
  for (const wrong of [
    { time: 'soon' },
    { time: 1 },
    { session: 1 },
    { operation: null },
    { path: [] },
    { status: 'fine' },
    { duration: '1' },
    { metadata: [] },
    { metadata: null },
    { code: 1 },
  ])
    t.deepEqual(decodeLine(JSON.stringify({ ...good, ...wrong })), { torn: true }, JSON.stringify(wrong))
  for (const wrong of ['1', 'null', '[]', '"x"', '{']) t.deepEqual(decodeLine(wrong), { torn: true })
  // a line of thousands of beginnings does not take for ever
  t.deepEqual(decodeLine('{"time":"'.repeat(100_000)), { torn: true })
})

test('metadata that cannot be held is refused', (t) => {
  const record: AuditRecord = {
    time: '2026-01-01T00:00:00.000Z',
    session: '',
    operation: '',
    path: '',
    status: 'ok',
    duration: 0,
  }
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  t.throws(() => encodeRecord({ ...record, metadata: cycle }), { code: 'ERR_USAGE' })
  t.throws(() => encodeRecord({ ...record, metadata: { n: 1n } }), { code: 'ERR_USAGE' })
  t.throws(() => encodeRecord({ ...record, metadata: { text: 'x'.repeat(LONGEST_AUDIT_LINE) } }), {
    code: 'ERR_USAGE',
    message: /^metadata must be .* 1048576 bytes, not /,
  })
})

test('the summary counts by operation, status and code', async (t) => {
  const at = (hour: number) => `2026-01-01T0${hour}:00:00.000Z`
  const base = { session: 's', path: 'p', duration: 10 }
  const summary = await summarizeAudit([
    { ...base, time: at(3), operation: 'write', status: 'ok', metadata: { bytes: 5 } },
    { ...base, time: at(1), operation: 'write', status: 'ok', metadata: { bytes: 7 }, duration: 30 },
    { ...base, time: at(2), operation: 'write', status: 'failed', code: 'ERR_DISK_FULL', session: 'other' },
    { ...base, time: at(2), operation: '__proto__\u001b[2J', status: 'failed', code: 'ERR_DISK_FULL' },
  ])
  t.deepEqual(summary, {
    records: 4,
    torn: 0,
    ok: 2,
    failed: 2,
    operations: new Map([
      ['write', { ok: 2, failed: 1, bytes: 12, duration: 50, longest: 30 }],
      ['__proto__\u001b[2J', { ok: 0, failed: 1, bytes: 0, duration: 10, longest: 10 }],
    ]),
    codes: new Map([['ERR_DISK_FULL', 2]]),
    sessions: 2,
    first: at(1),
    last: at(3),
  })
  t.is(
    auditTable({ ...summary, torn: 1 }),
    [
      'operation           ok  failed  bytes  mean ms  longest ms',
      'write                2       1     12     16.7        30.0',
      '__proto__\\u{1b}[2J   0       1      0     10.0        10.0',
      '4 records of 2 sessions, 2026-01-01T01:00:00.000Z to 2026-01-01T03:00:00.000Z',
      '2 failed with ERR_DISK_FULL',
      '1 torn line',
      '',
    ].join('\n'),
  )
  t.is(auditTable(await summarizeAudit([])).split('\n')[1], '0 records of 0 sessions')
})

test('what could not be read back as a record is refused', (t) => {
  const record = { time: '2026-01-01T00:00:00.000Z', session: '', operation: 'o', path: 'p', duration: 0 }
  const wrong: [string, object][] = [
    ['duration', { duration: Number.NaN }],
    ['duration', { duration: Number.POSITIVE_INFINITY }],
    ['duration', { duration: '1' }],
    ['status', { status: 'weird' }],
    ['status', { status: undefined }],
    ['operation', { operation: 5 }],
    ['path', { path: undefined }],
    ['code', { code: 7 }],
    ['metadata', { metadata: new Date() }],
    ['metadata', { metadata: null }],
    ['time', { time: 'noon' }],
  ]
  for (const [name, part] of wrong) {
    const given = { ...record, status: 'ok', ...part } as unknown as AuditRecord
    t.throws(() => encodeRecord(given), { code: 'ERR_USAGE', message: new RegExp(`^${name} `) }, name)
  }
})
