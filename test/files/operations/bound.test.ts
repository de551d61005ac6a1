import { once } from 'node:events'
import test from 'ava'
import * as files from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { Machine } from '../../helpers/machine.js'

// Which operations there are is not typed here: it is asked of the types of all that `sluice/files` exports.

type Files = typeof files

/** true: an object with the option `fs`. */
type HasFs<One> = One extends object
  ? string extends keyof One
    ? never // a JSON Schema has any key
    : 'fs' extends keyof One
      ? true
      : never
  : never

/** Which of the arguments are; one by one, since a union with `unknown` is nothing but `unknown`. */
type HaveFs<A extends unknown[]> = { [At in keyof A]: HasFs<A[At]> }[number]

type TakesFs<F> = F extends (...args: infer A) => unknown
  ? true extends HaveFs<Required<A>>
    ? true
    : false
  : false

type Functions = {
  [Name in keyof Files]: TakesFs<Files[Name]> extends true ? Name : never
}[keyof Files]

/** Static methods of the classes, as `Class.method`. */
type Methods = {
  [Name in keyof Files]: Files[Name] extends { prototype: unknown }
    ? {
        [Method in keyof Files[Name]]: TakesFs<Files[Name][Method]> extends true
          ? `${Name & string}.${Method & string}`
          : never
      }[keyof Files[Name]]
    : never
}[keyof Files]

/** Those that are called otherwise when they are bound, or are no operations on files of the user. */
const OTHERWISE = {
  'FolderLock.acquire': 'lock',
  'FolderLock.tryAcquire': 'tryLock',
  'FileTransaction.begin': 'transaction',
  'RecoveryManager.open': 'recovery',
  // what operations are made of
  'AtomicFile.open': undefined,
  'Tree.open': undefined,
  // of transfers, in a tree of theirs
  'PartFile.open': undefined,
  collectLeftovers: undefined,
  unfinishedTransfers: undefined,
  // the trail itself
  'AuditTrail.open': undefined,
  readAudit: undefined,
  // they bind
  batch: 'batch',
  fileOperations: undefined,
} as const satisfies Partial<Record<Functions | Methods, keyof files.FileOperations | undefined>>

type Missing = Exclude<Functions | Methods, keyof files.FileOperations | keyof typeof OTHERWISE>

test('each exported operation is bound', (t) => {
  // says the names of those that are not when it is compiled
  const none: [Missing] extends [never] ? true : Missing = true
  t.true(none)
  // a guard of the guard: that the types find what they are to find
  const found: (Functions | Methods)[] = ['writeJson', 'readFileRetry', 'FolderLock.acquire']
  t.is(found.length, 3)
})

/** Each operation once, on a disk in memory. */
function calls(
  { disk, ...operations }: files.FileOperations & { disk: MemoryDisk },
  system: files.LockOptions['system'],
) {
  const all: { [Name in keyof files.FileOperations]: () => Promise<unknown> } = {
    writeFileAtomic: () => operations.writeFileAtomic('/d/a', 'text'),
    writeJson: () => operations.writeJson('/d/a.json', { a: 1 }),
    writeYaml: () => operations.writeYaml('/d/b.yaml', { b: 1 }),
    writeConfig: () => operations.writeConfig('/d/c.yml', {}),
    updateJson: () => operations.updateJson('/d/a.json', () => ({ a: 2 }), { system }),
    updateYaml: () => operations.updateYaml('/d/b.yaml', () => ({ b: 2 }), { system }),
    mergeConfig: () => operations.mergeConfig(['/d/a.json', '/d/b.yaml'], '/d/out.json'),
    readFileRetry: () => operations.readFileRetry('/d/a'),
    readJson: () => operations.readJson('/d/a.json'),
    readYaml: () => operations.readYaml('/d/b.yaml'),
    readConfig: () => operations.readConfig('/d/a.json'),
    checkFile: () => operations.checkFile('/d/a', { size: 5 }),
    renameAtomic: () => operations.renameAtomic('/d/c.yml', '/d/e.yml'),
    removeOrphans: () => operations.removeOrphans('/d', { system }),
    rotateFile: () => operations.rotateFile('/d/a', { system }),
    async restoreBackup() {
      disk.put('/d/b.20200101T000000000Z.0000.bak', 'x')
      await operations.restoreBackup('/d/b', { system })
    },
    removeBackups: () => operations.removeBackups('/d'),
    recoverTransactions: () => operations.recoverTransactions('/d', { system }),
    async createAtomicWriteStream() {
      const stream = operations.createAtomicWriteStream('/d/stream')
      await once(stream.end('x'), 'close')
    },
    tempPath: async () => operations.tempPath('/d/a'),
    lock: async () => (await operations.lock('/d', { system })).release(),
    tryLock: async () => (await operations.tryLock('/d', { system }))!.release(),
    async transaction() {
      const transaction = await operations.transaction('/d', { system })
      await transaction.write('t', 'x')
      await transaction.commit()
    },
    async recovery() {
      await using manager = await operations.recovery('/d', { system })
      await manager.run('create', 'r', () =>
        operations.writeFileAtomic('/d/r', '', { audit: { record() {} } }),
      )
      await manager.undo()
    },
    batch: () => operations.batch('b', () => disk.putFolder('/d/batch')),
  }
  return all
}

test('each bound operation leaves one record, of the file system that was given', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const records: files.AuditEntry[] = []
  const audit = { record: (entry: files.AuditEntry) => void records.push(entry) }
  const operations = files.fileOperations({ fs: disk, audit })
  const all = calls({ ...operations, disk }, new Machine().start(1))
  t.deepEqual(Object.keys(all).sort(), Object.keys(operations).sort())
  for (const [name, call] of Object.entries(all)) {
    await call()
    const left = records.splice(0)
    t.deepEqual(
      left.map(({ operation, status }) => [operation, status]),
      name === 'tempPath' ? [] : [[name === 'recovery' ? 'undo' : name, 'ok']],
      name,
    )
  }
})

test('what a value holds is not taken down, and whether a lock was taken is', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/a.json', '{"path": "secret", "bytes": 1, "to": "secret"}')
  const records: files.AuditEntry[] = []
  const audit = { record: (entry: files.AuditEntry) => void records.push(entry) }
  const operations = files.fileOperations({ fs: disk, audit })
  const system = new Machine().start(1)
  await operations.readJson('/d/a.json')
  await files.readConfig('/d/a.json', { fs: disk, audit })
  const lock = await operations.tryLock('/d', { system })
  await files.FolderLock.tryAcquire('/d', { fs: disk, audit, system })
  await lock!.release()
  t.deepEqual(
    records.map(({ operation, metadata }) => [operation, metadata]),
    [
      ['readJson', undefined],
      ['readConfig', undefined],
      ['tryLock', { taken: true }],
      ['tryLock', { taken: false }],
    ],
  )
})

test.serial(
  'what is not bound is taken down in the default trail, or in the one that it is given',
  async (t) => {
    const disk = new MemoryDisk()
    disk.putFolder('/d')
    const [standard, own]: [files.AuditEntry[], files.AuditEntry[]] = [[], []]
    const system = new Machine().start(1)
    files.setDefaultAudit({ record: (entry) => void standard.push(entry) })
    const audit = { record: (entry: files.AuditEntry) => void own.push(entry) }
    const fs = disk
    const both = (given?: files.Audit) => ({ fs, system, ...(given && { audit: given }) })
    try {
      for (const given of [undefined, audit]) {
        const options = both(given)
        const { system: _, ...written } = options
        await files.writeFileAtomic('/d/a', 'text', written)
        await files.writeJson('/d/a.json', { a: 1 }, written)
        await files.writeYaml('/d/b.yaml', { b: 1 }, written)
        await files.writeConfig('/d/c.yml', {}, written)
        await files.updateJson('/d/a.json', () => ({}), options)
        await files.mergeConfig(['/d/a.json', '/d/b.yaml'], '/d/out.json', written)
        t.is((await files.readFileRetry('/d/a', written)).length, 4)
        await files.checkFile('/d/a', { ...written, size: 5 })
        await files.renameAtomic('/d/c.yml', '/d/e.yml', written)
        await files.removeOrphans('/d', options)
        await files.rotateFile('/d/a', options)
        await files.removeBackups('/d', written)
        await files.recoverTransactions('/d', options)
        await (await files.FolderLock.acquire('/d', options)).release()
        await once(files.createAtomicWriteStream('/d/stream', written).end('x'), 'close')
        await (await files.FileTransaction.begin('/d', options)).commit()
        await t.throwsAsync(files.writeConfig('/d/x', {}, written), { code: 'ERR_USAGE' })
        t.throws(() => files.createAtomicWriteStream('', written), { code: 'ERR_USAGE' })
        // its record is written behind the error
        await null
      }
    } finally {
      files.setDefaultAudit(undefined)
    }
    const brief = (records: files.AuditEntry[]) => records.map(({ operation, status }) => [operation, status])
    t.deepEqual(brief(standard), [
      ['writeFileAtomic', 'ok'],
      ['writeJson', 'ok'],
      ['writeYaml', 'ok'],
      ['writeConfig', 'ok'],
      ['updateJson', 'ok'],
      ['mergeConfig', 'ok'],
      ['readFileRetry', 'ok'],
      ['checkFile', 'ok'],
      ['renameAtomic', 'ok'],
      ['removeOrphans', 'ok'],
      ['rotateFile', 'ok'],
      ['removeBackups', 'ok'],
      ['recoverTransactions', 'ok'],
      ['lock', 'ok'],
      ['createAtomicWriteStream', 'ok'],
      ['transaction', 'ok'],
      ['writeConfig', 'failed'],
      ['createAtomicWriteStream', 'failed'],
    ])
    t.deepEqual(brief(own), brief(standard))
    t.deepEqual(standard[6]!.metadata, { bytes: 4 })
    t.deepEqual(standard[7]!.metadata, { ok: false })
    t.deepEqual(standard[8]!.metadata, { copied: false, to: '/d/e.yml' })
    await t.throwsAsync(files.writeJson('/d/a.json', 1, { fs, audit: {} as files.Audit }), {
      code: 'ERR_USAGE',
    })
    t.throws(() => files.setDefaultAudit({} as files.Audit), { code: 'ERR_USAGE' })
  },
)
