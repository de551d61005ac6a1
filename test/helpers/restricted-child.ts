import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  AuditTrail,
  checkFile,
  createAtomicWriteStream,
  FileTransaction,
  FolderLock,
  PartFile,
  RecoveryManager,
  readFileRetry,
  recoverTransactions,
  removeOrphans,
  renameAtomic,
  rotateFile,
  updateJson,
  writeFileAtomic,
  writeJson,
} from '../../lib/files/index.js'
import {
  deframer,
  demuxer,
  fileSource,
  finalizer,
  framer,
  hashTap,
  manifestOf,
  partSink,
} from '../../lib/index.js'

// Run under Node's permission model, with one folder allowed: each operation in it. Prints what went wrong.

const dir = process.argv[2]!
const outside = process.argv[3]!
const at = (name: string) => join(dir, name)
const mode = (name: string) => (statSync(at(name)).mode & 0o777).toString(8)

function ensure(right: boolean, what: string): void {
  if (!right) throw new Error(what)
}

const OPERATIONS: Record<string, () => Promise<unknown>> = {
  writeFileAtomic: async () => {
    await writeFileAtomic(at('a'), 'x', { mode: 0o640, backup: 1, verify: true })
    await writeFileAtomic(at('a'), 'y')
    ensure(mode('a') === '640', `the mode is ${mode('a')}`)
  },
  'writeFileAtomic in folders that are made': () => writeFileAtomic(at('d/e/a'), 'x', { makeParents: true }),
  createAtomicWriteStream: async () => {
    const stream = createAtomicWriteStream(at('stream'))
    stream.end('x')
    await once(stream, 'close')
  },
  updateJson: () => updateJson(at('j.json'), () => 1),
  readFileRetry: () => readFileRetry(at('a')),
  checkFile: async () => ensure((await checkFile(at('a'), { size: 1 })).ok, 'another file'),
  renameAtomic: () => renameAtomic(at('a'), at('d/b'), { conflict: 'rename' }),
  rotateFile: () => rotateFile(at('stream'), { compress: true }),
  removeOrphans: () => removeOrphans(dir, { recursive: true }),
  FolderLock: async () => (await FolderLock.acquire(dir)).release(),
  FileTransaction: async () => {
    const transaction = await FileTransaction.begin(dir)
    await transaction.write('t', 'x')
    await transaction.move('j.json', 'new/j.json')
    await transaction.commit()
  },
  recoverTransactions: () => recoverTransactions(dir),
  RecoveryManager: async () => {
    const manager = await RecoveryManager.open(dir)
    await manager.run('write', 't', () => writeFileSync(at('t'), 'other'))
    await manager.undo()
    await manager.close()
  },
  AuditTrail: async () => {
    const trail = await AuditTrail.open(at('trail'), { durability: 'power' })
    await writeJson(at('z'), 1, { audit: trail })
    await trail.close()
  },
  PartFile: async () => {
    const part = await PartFile.open(at('p'), { mtime: 1_600_000_000_000, mode: 0o600, durability: 'power' })
    await part.write(0, Buffer.from('part'))
    await part.complete()
    await part.close()
    ensure(
      mode('p') === '600' && Math.floor(statSync(at('p')).mtimeMs) === 1_600_000_000_000,
      'another mode or time',
    )
  },
  'a transfer': async () => {
    const last = finalizer({ durability: 'power' })
    const source = fileSource(await manifestOf([at('p'), at('d')]))
    const sink = partSink({ dir: at('in') })
    await pipeline(source, hashTap(), framer(), deframer(), demuxer(), hashTap(), sink, last)
    ensure(Math.floor(statSync(at('in/p')).mtimeMs) === 1_600_000_000_000, 'another time')
  },
  'a write outside': async () => {
    const error = await writeFileAtomic(outside, 'x').then(
      () => new Error('it was written'),
      (error: Error & { code?: string }) => error,
    )
    const { code, message } = error as Error & { code?: string }
    ensure(code === 'ERR_PERMISSION' && message.includes('--allow-fs'), `${code}: ${message}`)
  },
}

for (const [name, operation] of Object.entries(OPERATIONS))
  await operation().catch((error: Error) => console.log(`${name}: ${error.message}`))
