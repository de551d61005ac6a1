import { on } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import type { SluiceError } from '../../../lib/errors.js'
import { encodeRecord, LONGEST_AUDIT_LINE } from '../../../lib/files/audit/audit-record.js'
import {
  type AuditEntry,
  type AuditRecord,
  AuditTrail,
  type AuditTrailOptions,
  readAudit,
  readFileRetry,
  writeFileAtomic,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { giveTo } from '../../helpers/users.js'

const entry = (path: string, metadata?: Record<string, unknown>) => ({
  operation: 'write',
  path,
  status: 'ok' as const,
  duration: 1,
  ...(metadata ? { metadata } : {}),
})

async function opened(options: AuditTrailOptions = {}, disk = new MemoryDisk()) {
  disk.putFolder('/d')
  disk.syncAll()
  const trail = await AuditTrail.open('/d/log', { fs: disk, now: () => 0, session: 's', ...options })
  return { disk, trail }
}

async function paths(disk: MemoryDisk): Promise<string[]> {
  const found: string[] = []
  for await (const { path } of readAudit('/d/log', { fs: disk })) found.push(path)
  return found
}

const raw = (disk: MemoryDisk) => disk.snapshot().get('/d/log')?.toString()

test('a record is one line of JSON, with time and session', async (t) => {
  const { disk, trail } = await opened()
  const failed = {
    operation: 'write',
    path: '/a',
    status: 'failed' as const,
    duration: 2.5,
    code: 'ERR_WRITE',
  }
  await trail.record(entry('/x', { bytes: 3 }))
  await trail.record(failed)
  t.is(
    raw(disk),
    '{"time":"1970-01-01T00:00:00.000Z","session":"s","operation":"write","path":"/x","status":"ok","duration":1,"metadata":{"bytes":3}}\n' +
      '{"time":"1970-01-01T00:00:00.000Z","session":"s","operation":"write","path":"/a","status":"failed","duration":2.5,"code":"ERR_WRITE"}\n',
  )
  const read = []
  for await (const record of trail.read()) read.push(record)
  const more = { time: '1970-01-01T00:00:00.000Z', session: 's' }
  t.deepEqual(read, [
    { ...entry('/x', { bytes: 3 }), ...more },
    { ...failed, ...more },
  ])
  t.is((await disk.stat('/d/log')).mode & 0o777, 0o600)
  await trail.close()
  t.deepEqual(disk.openHandles(), [])
})

test('a record is on its way before record() returns', async (t) => {
  const { disk, trail } = await opened()
  const given = [trail.record(entry('/a')), trail.record(entry('/b'))]
  t.is(raw(disk)!.split('\n').length, 3)
  await Promise.all(given)
  await trail.close()
})

test('each trail has a session of its own', async (t) => {
  const { disk, trail } = await opened({ session: undefined })
  const { trail: other } = await opened({ session: undefined }, disk)
  t.not(trail.session, other.session)
  t.regex(trail.session, /^[0-9a-f]{16}$/)
  await trail.close()
  await other.close()
})

test('a full file is rotated, and only the newest rotated ones are kept', async (t) => {
  const { disk, trail } = await opened({ maxBytes: 250, keep: 2 })
  for (let n = 0; n < 20; n++) await trail.record(entry(`${n}`))
  const files = disk.list().filter((path) => path.startsWith('/d/log'))
  t.is(files.length, 3)
  t.regex(files[1]!, /^\/d\/log\.00000005-[0-9a-f]{8}$/)
  t.regex(files[2]!, /^\/d\/log\.00000006-[0-9a-f]{8}$/)
  for (const path of files) t.true((await disk.stat(path)).size < 500)
  t.deepEqual(await paths(disk), ['12', '13', '14', '15', '16', '17', '18', '19'])
  await trail.close()
  t.deepEqual(disk.openHandles(), [])
})

test('records that are given together are not lost by a rotation between them', async (t) => {
  const { disk, trail } = await opened({ maxBytes: 250, keep: 50 })
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 10 }, (_, n) => trail.record(entry(`${round * 10 + n}`))))
  }
  t.deepEqual(
    await paths(disk),
    Array.from({ length: 50 }, (_, n) => String(n)),
  )
  t.is(disk.list().filter((path) => path.startsWith('/d/log')).length, 6)
  await trail.close()
})

test('rotated files that another user planted push none of ours out, are not read, and leave room for more', async (t) => {
  const { disk, trail } = await opened({ maxBytes: 1, keep: 2 })
  const planted = ['999999999999999-00000000', '00000001-00000000'].map((end) => `/d/log.${end}`)
  for (const path of planted) {
    disk.put(
      path,
      encodeRecord({ ...entry('planted'), time: new Date(0).toISOString(), session: '' }).toString(),
    )
    await giveTo(disk, path, 7)
  }
  for (const path of ['a', 'b', 'c', 'd']) await trail.record(entry(path))
  const passedOver: SluiceError[] = []
  const found: string[] = []
  for await (const { path } of trail.read({ onPassedOver: (warning) => void passedOver.push(warning) }))
    found.push(path)
  t.deepEqual(found, ['c', 'd'])
  t.deepEqual(passedOver.map(({ path }) => path).sort(), planted.sort())
  t.regex(passedOver[0]!.message, /belongs to another user \(7\), and is passed over/)
  for (const path of planted) t.true(disk.snapshot().has(path))
  await trail.close()
})

test('in a folder where others may put files, a trail of another user, or with a second name, is not written to', async (t) => {
  for (const sticky of [true, false]) {
    const disk = new MemoryDisk()
    disk.putFolder('/d', sticky ? 0o1777 : 0o775)
    disk.put('/d/theirs', '')
    await giveTo(disk, '/d/theirs', 7)
    disk.put('/d/mine', '')
    await disk.link('/d/mine', '/d/second')
    for (const [name, message] of [
      ['theirs', /\/d\/theirs belongs to another user \(7\)/],
      ['second', /\/d\/second has a second name/],
    ] as const) {
      const trail = AuditTrail.open(`/d/${name}`, { fs: disk })
      if (sticky) await t.throwsAsync(trail, { code: 'ERR_PERMISSION', message })
      else await (await trail).close()
    }
    t.deepEqual(disk.openHandles(), [])
  }
})

test('a file that another user puts there while the trail is rotated gets no record, and none is lost', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/d', 0o1777)
  const trail = await AuditTrail.open('/d/log', { fs: disk, maxBytes: 1 })
  const open = disk.open.bind(disk)
  disk.open = async (...given) => {
    disk.open = open
    disk.put('/d/log', '')
    await giveTo(disk, '/d/log', 7)
    return open(...given)
  }
  for (const path of ['a', 'b']) await trail.record(entry(path))
  await t.throwsAsync(trail.flush(), { code: 'ERR_PERMISSION', message: /belongs to another user \(7\)/ })
  t.is(raw(disk), '')
  t.deepEqual(await paths(disk), ['a', 'b'])
  await trail.close()
})

test('trails into one file share its handle, and the last one closes it', async (t) => {
  const { disk, trail } = await opened()
  let most = 0
  disk.delay = async () => {
    most = Math.max(most, disk.openHandles().length)
  }
  const more = await Promise.all(Array.from({ length: 50 }, () => opened({}, disk)))
  t.true(most < 20, `${most}`)
  t.is(disk.openHandles().length, 1)
  await trail.close()
  t.is(disk.openHandles().length, 1)
  for (const [n, one] of more.entries()) await one.trail.record(entry(`${n}`))
  // as another process rotates it: each of them goes on in the new file
  await disk.rename('/d/log', '/d/log.00000001-aaaaaaaa')
  for (let n = 50; n < 150; n++) await more[n % 50]!.trail.record(entry(`${n}`))
  t.deepEqual(
    (await paths(disk)).map(Number).sort((a, b) => a - b),
    Array.from({ length: 150 }, (_, n) => n),
  )
  t.is(disk.openHandles().length, 1)
  for (const one of more) await one.trail.close()
  t.deepEqual(disk.openHandles(), [])
  // not one that is closed
  await (await opened({}, disk)).trail.record(entry('again'))
  t.is((await paths(disk)).at(-1), 'again')
})

test('where the system has no handle for a trail, it waits for those that are given back', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/file', 'x')
  disk.fail({ call: 'open', path: '/d/log', error: 'EMFILE' })
  const [trail] = await Promise.all([
    AuditTrail.open('/d/log', { fs: disk }),
    readFileRetry('/d/file', { fs: disk }),
  ])
  await trail.record(entry('a'))
  t.deepEqual(await paths(disk), ['a'])
  await trail.close()
})

test('two that rotate at the same moment lose nothing', async (t) => {
  const { disk, trail } = await opened({ maxBytes: 250, keep: 50 })
  const { trail: other } = await opened({ maxBytes: 250, keep: 50 }, disk)
  for (let n = 0; n < 30; n += 2) {
    await Promise.all([trail.record(entry(`${n}`)), other.record(entry(`${n + 1}`))])
  }
  t.deepEqual(
    (await paths(disk)).map(Number).sort((a, b) => a - b),
    Array.from({ length: 30 }, (_, n) => n),
  )
  await trail.close()
  await other.close()
  t.deepEqual(disk.openHandles(), [])
})

test('two files that were rotated in the same moment are read in the order of their records', async (t) => {
  const disk = new MemoryDisk()
  const line = (path: string, ms: number) =>
    encodeRecord({ ...entry(path), time: new Date(ms).toISOString(), session: 's' })
  disk.put('/d/log.00000001-bbbbbbbb', Buffer.concat([Buffer.from('\n'), line('0', 0), line('1', 9)]))
  disk.put('/d/log.00000002-cccccccc', line('2', 10))
  // the rest of a line that was cut says no time, and the empty one says none
  disk.put('/d/log.00000002-bbbbbbbb', Buffer.concat([Buffer.from('"}\n'), line('3', 11)]))
  disk.put('/d/log.00000002-aaaaaaaa', line('4', 12))
  disk.put('/d/log.00000002-dddddddd', '')
  disk.put('/d/log', line('5', 13))
  t.deepEqual(await paths(disk), ['0', '1', '2', '3', '4', '5'])
  t.deepEqual(disk.openHandles(), [])
})

test('a file that another process rotates just before is not rotated again', async (t) => {
  const { disk, trail } = await opened({ maxBytes: 250, keep: 50 })
  const { trail: other } = await opened({ maxBytes: 250, keep: 50 }, disk)
  await trail.record(entry('0'))
  await trail.record(entry('1'))
  let once = true
  disk.delay = async ({ call }) => {
    // the folder is listed to find a free number
    if (call !== 'readdir' || !once) return
    once = false
    await other.record(entry('3'))
  }
  await trail.record(entry('2'))
  t.false(once)
  t.is(disk.list().filter((path) => path.startsWith('/d/log.')).length, 1)
  t.deepEqual(await paths(disk), ['0', '1', '2', '3'])
  await trail.close()
  await other.close()
  t.deepEqual(disk.openHandles(), [])
})

test('a file that is removed or moved away is made again, and no record is lost', async (t) => {
  const { disk, trail } = await opened()
  await trail.record(entry('/a'))
  disk.remove('/d/log')
  await trail.record(entry('/b'))
  t.deepEqual(await paths(disk), ['/b'])
  disk.move('/d/log', '/d/elsewhere')
  await trail.record(entry('/c'))
  await trail.record(entry('/d'))
  t.is(disk.snapshot().get('/d/elsewhere')!.toString().split('\n').length, 3)
  t.deepEqual(await paths(disk), ['/d'])
  disk.hook = ({ call }) => {
    if (call === 'write') disk.remove('/d/log')
  }
  await t.throwsAsync(trail.record(entry('/e')), { code: 'ERR_WRITE', message: /again and again/ })
  disk.hook = undefined
  await t.throwsAsync(trail.close(), { code: 'ERR_WRITE' })
  t.deepEqual(disk.openHandles(), [])
})

test('a line that a crash tore is closed, and the next record stands alone', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/log', '{"time":"2026')
  const { trail } = await opened({}, disk)
  await trail.record(entry('/a'))
  t.regex(raw(disk)!, /^{"time":"2026\n{"time":"1970.*}\n$/)
  const { torn, records } = await trail.summary()
  t.deepEqual([torn, records], [1, 1])
  await trail.close()
})

test('of a write that was short the line is written anew', async (t) => {
  const { disk, trail } = await opened()
  disk.fail({ call: 'write', short: 9 })
  await trail.record(entry('/a'))
  t.regex(raw(disk)!, /^{"time":"\n{"time":.*}\n$/)
  t.deepEqual(await paths(disk), ['/a'])
  await trail.close()
})

test('a failure that nobody awaits is what flush and close fail with', async (t) => {
  const { disk, trail } = await opened()
  disk.fail({ call: 'write', error: 'ENOSPC' })
  void trail.record(entry('/a'))
  await t.throwsAsync(trail.flush(), { code: 'ERR_DISK_FULL', message: /append to the audit trail/ })
  await trail.flush()
  void trail.record(entry('/b', { n: 1n }))
  await t.throwsAsync(trail.close(), { code: 'ERR_USAGE' })
  await trail.close()
  await t.throwsAsync(trail.record(entry('/c')), { code: 'ERR_STATE' })
})

test('a rotation that fails does not fail the record, but is said at the end', async (t) => {
  const { disk, trail } = await opened({ maxBytes: 10 })
  disk.fail({ call: 'rename', error: 'EACCES' })
  await trail.record(entry('/a'))
  await trail.record(entry('/b'))
  t.deepEqual(await paths(disk), ['/a', '/b'])
  await t.throwsAsync(trail.close(), { code: 'ERR_PERMISSION', message: /rotate/ })
})

test('with power each record is synced, together those that are given together', async (t) => {
  const { disk, trail } = await opened({ durability: 'power' }, new MemoryDisk({ crashes: true }))
  let syncs = 0
  disk.hook = ({ call }) => {
    if (call === 'fsync') syncs++
  }
  await Promise.all(Array.from({ length: 10 }, (_, n) => trail.record(entry(`${n}`))))
  t.is(syncs, 1)
  for (let seed = 0; seed < 20; seed++) t.is((await paths(disk.crash(seed))).length, 10)
  await trail.close()
})

test('a table for people says what was done, and the block closes the trail', async (t) => {
  const disk = new MemoryDisk()
  {
    await using trail = (await opened({}, disk)).trail
    await trail.record(entry('/a', { bytes: 3 }))
    t.regex(
      await trail.table({ last: 0 }),
      /^operation .*\nwrite +1 +0 +3 +1\.0 +1\.0\n1 record of 1 session/,
    )
  }
  t.deepEqual(disk.openHandles(), [])
})

test('the table has the newest records, one a row, above the sums', async (t) => {
  const { trail } = await opened()
  const times = ['a', 'b', 'c'].map((path) => ({ ...entry(`/${path}`, { bytes: 7 }), duration: 2.25 }))
  for (const one of times) await trail.record(one)
  await trail.record({ ...entry('/\u001b[31m'), status: 'failed', code: 'ERR_WRITE' })
  const lines = (await trail.table({ last: 3 })).split('\n')
  t.regex(lines[0]!, /^time +operation +outcome +path +ms +bytes$/)
  t.regex(lines[1]!, /^\d{4}-\S+Z +write +ok +\/b +2\.3 +7$/)
  t.regex(lines[2]!, / \/c /)
  t.regex(lines[3]!, / write +ERR_WRITE +\/\\u?\S*\[31m +1\.0$/)
  t.is(lines[4], '')
  t.regex(lines[5]!, /^operation +ok/)
  t.true((await trail.table()).includes(' /a '))
  for (const last of [-1, 1.5, '3'])
    await t.throwsAsync(trail.table({ last: last as number }), {
      code: 'ERR_USAGE',
      message: /^last must be/,
    })
  await trail.close()
})

test('each record that was written is an event, as a reader finds it', async (t) => {
  const { disk, trail } = await opened()
  const seen: AuditRecord[] = []
  trail.on('record', (record) => {
    t.true(disk.snapshot().get('/d/log')!.toString().includes(record.path))
    seen.push(record)
  })
  await Promise.all(['/a', '/b', '/c'].map((path) => trail.record(entry(path, { bytes: 1 }))))
  await t.throwsAsync(trail.record({} as AuditEntry), { code: 'ERR_USAGE' })
  disk.fail({ call: 'write', error: 'ENOSPC' })
  await t.throwsAsync(trail.record(entry('/lost')), { code: 'ERR_DISK_FULL' })
  await setImmediate()
  const read: AuditRecord[] = []
  for await (const record of trail.read()) read.push(record)
  t.deepEqual(seen, read)
  t.is(seen.length, 3)
  await t.throwsAsync(trail.close())
})

test('the records can be followed one after the other, from the operations too', async (t) => {
  const { disk, trail } = await opened()
  const stop = new AbortController()
  const records = on(trail, 'record', { signal: stop.signal })
  await writeFileAtomic('/d/file', 'text', { fs: disk, audit: trail })
  const { value } = await records.next()
  t.like(value[0], { operation: 'writeFileAtomic', path: '/d/file', status: 'ok', metadata: { bytes: 4 } })
  stop.abort()
  await trail.close()
})

test('rotated files that another process removes first are no error, and those that stay are told', async (t) => {
  const { disk, trail } = await opened({ maxBytes: 10, keep: 1 })
  await trail.record(entry('0'))
  disk.fail({ call: 'unlink', error: 'ENOENT' })
  await trail.record(entry('1'))
  await trail.flush()
  disk.fail({ call: 'unlink', error: 'EACCES' })
  await trail.record(entry('2'))
  await t.throwsAsync(trail.flush(), { code: 'ERR_PERMISSION' })
  await trail.close()
})

test('a line without an end does not fill the memory, and what stands behind it is found', async (t) => {
  const disk = new MemoryDisk()
  const line = encodeRecord({ ...entry('/a'), time: new Date(0).toISOString(), session: 's' })
  disk.put('/d/log', Buffer.concat([Buffer.alloc(3 * LONGEST_AUDIT_LINE, 'x'), line, line]))
  let torn = 0
  const found: string[] = []
  const onTorn = () => {
    torn++
  }
  for await (const { path } of readAudit('/d/log', { fs: disk, onTorn })) found.push(path)
  t.deepEqual(found, ['/a', '/a'])
  t.true(torn > 0)
})

test('what is no regular file is refused, and so are wrong options', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/real', '')
  disk.putLink('/d/link', 'real')
  disk.putPipe('/d/pipe')
  disk.putFolder('/d/folder')
  for (const [path, code] of [
    ['/d/link', 'ERR_UNSAFE_LINK'],
    ['/d/pipe', 'ERR_WRITE'],
    ['/d/folder', 'ERR_WRITE'],
    ['/none/log', 'ERR_WRITE'],
  ] as const)
    await t.throwsAsync(AuditTrail.open(path, { fs: disk }), { code }, path)
  const windows = new MemoryDisk({ platform: 'win32' })
  windows.put('/d/log')
  windows.hook = ({ call }) => {
    if (call === 'fstat') windows.put('/d/log')
  }
  await t.throwsAsync(AuditTrail.open('/d/log', { fs: windows }), { code: 'ERR_UNSAFE_LINK' })
  const wrong = [
    { maxBytes: 0 },
    { maxBytes: Number.NaN },
    { maxBytes: '5' },
    { keep: 0 },
    { keep: 1.5 },
    { durability: 'none' },
    { session: 1 },
  ]
  for (const options of wrong) {
    await t.throwsAsync(AuditTrail.open('/d/log', { fs: disk, ...(options as AuditTrailOptions) }), {
      code: 'ERR_USAGE',
      message: new RegExp(Object.keys(options)[0]!),
    })
  }
  await t.throwsAsync(AuditTrail.open(`/d/${'n'.repeat(221)}`, { fs: disk }), { code: 'ERR_USAGE' })
  t.deepEqual([...disk.openHandles(), ...windows.openHandles()], [])
})

test('reading goes on while the trail is rotated, and sees each record once', async (t) => {
  const { disk, trail } = await opened({ maxBytes: 250, keep: 50 })
  for (let n = 0; n < 10; n++) await trail.record(entry(`${n}`))
  const seen: string[] = []
  for await (const { path } of trail.read()) {
    seen.push(path)
    for (let n = 0; n < 3; n++) await trail.record(entry('later'))
  }
  t.deepEqual(
    seen.filter((path) => path !== 'later'),
    Array.from({ length: 10 }, (_, n) => String(n)),
  )
  for await (const record of trail.read()) {
    t.is(record.path, '0')
    break
  }
  await trail.close()
  t.deepEqual(disk.openHandles(), [])
})

test('no trail has no records, and what cannot be read is an error', async (t) => {
  const disk = new MemoryDisk()
  t.deepEqual(await paths(disk), [])
  disk.put('/d/log', 'x')
  disk.fail({ call: 'read', error: 'EIO' })
  await t.throwsAsync(paths(disk), { code: 'ERR_WRITE', message: /read the audit trail/ })
  disk.fail({ call: 'readdir', error: 'EACCES' })
  await t.throwsAsync(paths(disk), { code: 'ERR_PERMISSION' })
  disk.fail({ call: 'open', error: 'EACCES' })
  await t.throwsAsync(paths(disk), { code: 'ERR_PERMISSION' })
  t.deepEqual(disk.openHandles(), [])
})
