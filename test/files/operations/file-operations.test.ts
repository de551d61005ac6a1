import { once } from 'node:events'
import test from 'ava'
import {
  type AuditEntry,
  batch,
  type FileOperationsOptions,
  fileOperations,
  setDefaultAudit,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { Machine } from '../../helpers/machine.js'

function scene(options: FileOperationsOptions = {}) {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const records: AuditEntry[] = []
  let now = 0
  const clock = { now: () => now++, after: () => () => {} }
  const audit = { record: (entry: AuditEntry) => void records.push(entry) }
  return {
    disk,
    records,
    audit,
    operations: fileOperations({ audit, fs: disk, durability: 'crash', clock, ...options }),
  }
}

const brief = (records: AuditEntry[]) =>
  records.map(({ operation, path, status, code }) => [operation, path, status, code])

test('each operation leaves one record, and the file system is the one that was given', async (t) => {
  const { disk, records, operations } = scene()
  const system = new Machine().start(1)
  await operations.writeFileAtomic('/d/a', 'text', { backup: true })
  await operations.writeJson('/d/a.json', { a: 1 })
  await operations.writeYaml('/d/b.yaml', { b: 1 })
  await operations.writeConfig('/d/c.yml', {})
  await operations.updateJson<{ a: number }>('/d/a.json', (value) => ({ a: value!.a + 1 }), { system })
  const { value } = await operations.mergeConfig(['/d/a.json', '/d/b.yaml'], '/d/out.json')
  t.deepEqual(value, { a: 2, b: 1 })
  await operations.rotateFile('/d/a', { system })
  await operations.removeBackups('/d', { olderThan: 0 })
  const lock = await operations.lock('/d', { system })
  await lock.release()
  const stream = operations.createAtomicWriteStream('/d/stream')
  stream.end('streamed')
  await once(stream, 'close')
  await stream.result
  t.is(disk.snapshot().get('/d/stream')?.toString(), 'streamed')
  t.deepEqual(brief(records), [
    ['writeFileAtomic', '/d/a', 'ok', undefined],
    ['writeJson', '/d/a.json', 'ok', undefined],
    ['writeYaml', '/d/b.yaml', 'ok', undefined],
    ['writeConfig', '/d/c.yml', 'ok', undefined],
    ['updateJson', '/d/a.json', 'ok', undefined],
    ['mergeConfig', '/d/out.json', 'ok', undefined],
    ['rotateFile', '/d/a', 'ok', undefined],
    ['removeBackups', '/d', 'ok', undefined],
    ['lock', '/d', 'ok', undefined],
    ['createAtomicWriteStream', '/d/stream', 'ok', undefined],
  ])
  t.deepEqual(records[0]!.metadata, { bytes: 4 })
  t.deepEqual(records[4]!.metadata, { how: 'written' })
  t.deepEqual(records[6]!.metadata, { rotated: true, to: '/d/a.1' })
  t.true(records.every(({ duration }) => duration === 1))
})

test('an operation that fails leaves its code, and its error comes out as it is', async (t) => {
  const { records, operations } = scene()
  await t.throwsAsync(operations.writeJson('/none/a.json', 1), { code: 'ERR_WRITE' })
  await t.throwsAsync(operations.mergeConfig([], '/d/x'), { code: 'ERR_USAGE' })
  await t.throwsAsync(operations.writeJson(1 as unknown as string, 1), { code: 'ERR_USAGE' })
  await t.throwsAsync(operations.rotateFile('/d/a', 1 as unknown as object), { code: 'ERR_USAGE' })
  t.throws(() => operations.createAtomicWriteStream('/d/a', { mode: -1 }), { code: 'ERR_USAGE' })
  const stream = operations.createAtomicWriteStream('/none/a')
  await t.throwsAsync(once(stream, 'close'), { code: 'ERR_WRITE' })
  const given = new TypeError('mine')
  const change = () => {
    throw given
  }
  await t.throwsAsync(operations.updateJson('/d/x.json', change), { is: given })
  t.deepEqual(brief(records), [
    ['writeJson', '/none/a.json', 'failed', 'ERR_WRITE'],
    ['mergeConfig', '/d/x', 'failed', 'ERR_USAGE'],
    ['writeJson', '', 'failed', 'ERR_USAGE'],
    ['rotateFile', '/d/a', 'failed', 'ERR_USAGE'],
    ['createAtomicWriteStream', '/d/a', 'failed', 'ERR_USAGE'],
    ['createAtomicWriteStream', '/none/a', 'failed', 'ERR_WRITE'],
    ['updateJson', '/d/x.json', 'failed', 'TypeError'],
  ])
})

test('a transaction leaves one record when it ends, and one that cannot begin, too', async (t) => {
  const { disk, records, operations } = scene()
  const system = new Machine().start(1)
  const { id, ran } = await operations.batch('deploy', async (inner) => {
    const transaction = await inner.transaction('/d', { id: 'mine', system })
    await transaction.write('a', 'x')
    await transaction.commit()
    await t.throwsAsync(inner.transaction('/none', { system }), { code: 'ERR_WRITE' })
    const given: AuditEntry[] = []
    const other = await inner.transaction('/d', {
      system,
      audit: { record: (entry) => void given.push(entry) },
    })
    await other.rollback()
    t.is(given.length, 1)
  })
  t.is(disk.snapshot().get('/d/a')?.toString(), 'x')
  t.is(ran, 2)
  t.deepEqual(brief(records), [
    ['transaction', '/d', 'ok', undefined],
    ['transaction', '/none', 'failed', 'ERR_WRITE'],
    ['batch', 'deploy', 'ok', undefined],
  ])
  t.like(records[0]!.metadata, { id: 'mine', files: 1, batch: { name: 'deploy', id } })
  t.deepEqual((await operations.recoverTransactions('/d', { system })).transactions, [])
  t.is(records.at(-1)!.operation, 'recoverTransactions')
})

test('what a call says itself counts before what is bound', async (t) => {
  const { disk, operations } = scene()
  let syncs = 0
  disk.hook = ({ call }) => {
    if (call === 'fsync') syncs++
  }
  await operations.writeFileAtomic('/d/a', 'x')
  t.is(syncs, 0)
  await operations.writeFileAtomic('/d/a', 'x', { durability: 'power' })
  t.true(syncs > 0)
  const other = new MemoryDisk()
  other.putFolder('/d')
  await operations.writeFileAtomic('/d/b', 'x', { fs: other })
  t.deepEqual([...other.snapshot().keys()], ['/d/b'])
})

test('what a call leaves undefined is as it is bound', async (t) => {
  const { disk, records, operations } = scene()
  const system = new Machine().start(1)
  let syncs = 0
  disk.hook = ({ call }) => {
    if (call === 'fsync') syncs++
  }
  const nothing = { fs: undefined, durability: undefined, audit: undefined }
  await operations.writeFileAtomic('/d/a', 'x', nothing)
  await once(operations.createAtomicWriteStream('/d/b', nothing).end('x'), 'close')
  await (await operations.transaction('/d', { ...nothing, system })).rollback()
  const manager = await operations.recovery('/d', { ...nothing, system })
  await manager.before('write', 'a')
  await manager.undo()
  await manager.close()
  t.is(syncs, 0)
  t.deepEqual([...disk.snapshot().keys()].sort(), ['/d/a', '/d/b'])
  t.deepEqual(
    records.map(({ operation }) => operation),
    ['writeFileAtomic', 'createAtomicWriteStream', 'transaction', 'undo'],
  )
})

test('the default audit is used only where none was given', async (t) => {
  const standard: AuditEntry[] = []
  const { disk, records, operations } = scene()
  const without = fileOperations({ fs: disk })
  await without.writeFileAtomic('/d/a', 'x')
  setDefaultAudit({ record: (entry) => void standard.push(entry) })
  await without.writeFileAtomic('/d/b', 'x')
  await operations.writeFileAtomic('/d/c', 'x')
  setDefaultAudit(undefined)
  t.deepEqual(
    standard.map(({ path }) => path),
    ['/d/b'],
  )
  t.deepEqual(
    records.map(({ path }) => path),
    ['/d/c'],
  )
})

test('a record that cannot be written is told, and the operation is done nevertheless', async (t) => {
  const errors: unknown[] = []
  const audit = {
    record: () => {
      throw new Error('no trail')
    },
  }
  const { disk, operations } = scene({ audit, onAuditError: (error) => errors.push(error) })
  await operations.writeFileAtomic('/d/a', 'x')
  t.true(disk.snapshot().has('/d/a'))
  await t.throwsAsync(operations.writeFileAtomic('/none/a', 'x'), { code: 'ERR_WRITE' })
  t.is(errors.length, 2)
  const warned = once(process, 'warning')
  await fileOperations({ fs: disk, audit }).writeFileAtomic('/d/b', 'x')
  t.is(((await warned)[0] as Error).message, 'no trail')
})

test('a batch has one name and one id in the audit, and counts what failed', async (t) => {
  const { records, operations } = scene()
  const { name, id, value, ran, failed } = await operations.batch('deploy', async (inner) => {
    await inner.writeFileAtomic('/d/a', 'x')
    await inner.writeFileAtomic('/none/a', 'x').catch(() => {})
    await inner.batch('part', (innermost) => innermost.writeFileAtomic('/d/b', 'x'))
    // nobody waits for this one
    void inner.writeFileAtomic('/d/c', 'x')
    return 7
  })
  t.deepEqual([name, value, ran, failed], ['deploy', 7, 4, 1])
  t.deepEqual(brief(records), [
    ['writeFileAtomic', '/d/a', 'ok', undefined],
    ['writeFileAtomic', '/none/a', 'failed', 'ERR_WRITE'],
    ['writeFileAtomic', '/d/b', 'ok', undefined],
    ['batch', 'part', 'ok', undefined],
    ['writeFileAtomic', '/d/c', 'ok', undefined],
    ['batch', 'deploy', 'ok', undefined],
  ])
  t.deepEqual(records[0]!.metadata, { bytes: 1, batch: { name: 'deploy', id } })
  t.deepEqual(records[1]!.metadata, { batch: { name: 'deploy', id } })
  t.like(records[3]!.metadata, { ran: 1, failed: 0, batch: { name: 'deploy', id } })
  t.deepEqual(records[5]!.metadata, { id, ran: 4, failed: 1 })
})

test('a batch is not a transaction: what was done before a failure stays', async (t) => {
  const { disk, records, audit } = scene()
  const work = batch(
    'deploy',
    async (operations) => {
      await operations.writeFileAtomic('/d/a', 'x')
      await operations.writeFileAtomic('/none/a', 'x')
    },
    { audit, fs: disk },
  )
  await t.throwsAsync(work, { code: 'ERR_WRITE' })
  t.deepEqual([...disk.snapshot().keys()], ['/d/a'])
  t.like(records.at(-1), {
    operation: 'batch',
    status: 'failed',
    code: 'ERR_WRITE',
    metadata: { ran: 2, failed: 1 },
  })
})

test('wrong options are refused', async (t) => {
  t.throws(() => fileOperations({ durability: 'none' as 'crash' }), { code: 'ERR_USAGE' })
  t.throws(() => fileOperations({ audit: {} as never }), { code: 'ERR_USAGE' })
  await t.throwsAsync(
    batch('', () => {}),
    { code: 'ERR_USAGE' },
  )
  await t.throwsAsync(
    batch('b', () => {}, { durability: 'none' as 'crash' }),
    { code: 'ERR_USAGE' },
  )
})
