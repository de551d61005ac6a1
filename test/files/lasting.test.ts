import { gzipSync } from 'node:zlib'
import test from 'ava'
import {
  FileTransaction,
  OPEN,
  publish,
  RecoveryManager,
  recoverTransactions,
  renameAtomic,
  rotateFile,
  Tree,
  writeFileAtomic,
  writeFully,
} from '../../lib/files/index.js'
import type { DiskEvent } from '../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import type { MemoryDiskOptions } from '../../lib/testing/disk/memory-store.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'
import { eachAnother } from './transaction/scenarios.js'

// What was acknowledged lasts: the power is cut right after, with many outcomes, and what is there then is looked at
// before anything was recovered.

const OUTCOMES = 60

async function unsynced(disk: MemoryDisk, path: string, text: string): Promise<void> {
  const fd = await disk.open(path, OPEN.create)
  await writeFully(disk, fd, [Buffer.from(text)], 0)
  await disk.close(fd)
}

function newDisk(files: Record<string, string>, options: MemoryDiskOptions = {}): MemoryDisk {
  const disk = new MemoryDisk({ ...options, crashes: true })
  for (const [path, text] of Object.entries(files)) disk.put(path, text)
  disk.syncAll()
  return disk
}

function outcomes(disk: MemoryDisk, length = OUTCOMES): Map<string, string>[] {
  return Array.from(
    { length },
    (_, seed) => new Map([...disk.crash(seed).snapshot()].map(([path, text]) => [path, text.toString()])),
  )
}

test('a log that nobody ever synced has its content once it is rotated', async (t) => {
  const disk = newDisk({ '/d/other': '' })
  await unsynced(disk, '/d/log', 'lines')
  await rotateFile('/d/log', { fs: disk })
  for (const files of outcomes(disk)) t.is(files.get('/d/log.1'), 'lines')
})

test('a log that was compressed does not come back beside what was made of it', async (t) => {
  const disk = newDisk({ '/d/log': 'lines' })
  await rotateFile('/d/log', { fs: disk, compress: true })
  for (const files of outcomes(disk)) {
    t.true(files.has('/d/log.1.gz'))
    t.false(files.has('/d/log.1'))
  }
})

test('what a recovery brought back is there, with the folder that it was in', async (t) => {
  const disk = newDisk({ '/d/sub/file': 'old' })
  const manager = await RecoveryManager.open('/d', { fs: disk })
  await manager.run('delete', 'sub/file', async () => {
    await disk.unlink('/d/sub/file')
    await disk.rmdir('/d/sub')
  })
  disk.syncAll()
  await manager.undo()
  for (const files of outcomes(disk)) t.is(files.get('/d/sub/file'), 'old')
  await manager.close()
})

test('a new name lasts, also where there are no links', async (t) => {
  for (const links of [true, false]) {
    const disk = newDisk({ '/d/a': 'content', '/d/b': 'another' }, { links })
    await renameAtomic('/d/a', '/d/b', { fs: disk, conflict: 'rename' })
    for (const files of outcomes(disk)) t.is(files.get('/d/b_1'), 'content')
  }
})

test('a file whose content nobody synced has it once a transaction has moved it', async (t) => {
  const disk = newDisk({ '/d/other': '' })
  await unsynced(disk, '/d/a', 'content')
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  await transaction.move('a', 'b')
  await transaction.commit()
  for (const files of outcomes(disk)) t.is(files.get('/d/b'), 'content')
})

test('a transaction is over once it is committed: no recovery meddles with what became of its files', async (t) => {
  const another = eachAnother()
  const disk = newDisk({ '/d/sub/other': '' })
  const transaction = await FileTransaction.begin('/d', { fs: disk, system: another() })
  await transaction.write('sub/a', 'content')
  await transaction.commit()
  await disk.unlink('/d/sub/a')
  const folder = await disk.open('/d/sub', OPEN.folder)
  await disk.fsync(folder)
  await disk.close(folder)
  for (let seed = 0; seed < OUTCOMES; seed++) {
    const found = disk.crash(seed)
    t.deepEqual((await recoverTransactions('/d', { fs: found, system: another() })).transactions, [])
    t.false(found.snapshot().has('/d/sub/a'))
  }
})

test('a committed transaction lasts with the folders that somebody else has just made above its files', async (t) => {
  const another = eachAnother()
  const disk = newDisk({ '/d/other': '' })
  for (const folder of ['n', 'n/m', 'n/m/o']) await disk.mkdir(`/d/${folder}`)
  const transaction = await FileTransaction.begin('/d', { fs: disk, system: another() })
  await transaction.write('n/m/o/file', 'content')
  await transaction.write('n/m/o/p/file', 'content')
  await transaction.write('file', 'content')
  const syncs = new Map<string, number>()
  const crashed: MemoryDisk[] = []
  disk.hook = ({ call, path }) => {
    if (call === 'fsync') syncs.set(path, (syncs.get(path) ?? 0) + 1)
    for (let seed = 0; seed < 8; seed++) crashed.push(disk.crash(seed))
  }
  await transaction.commit()
  disk.hook = undefined
  const all = ['/d/file', '/d/n/m/o/file', '/d/n/m/o/p/file', '/d/other']
  for (const files of outcomes(disk)) t.deepEqual([...files.keys()].sort(), all)
  for (const found of crashed) {
    await recoverTransactions('/d', { fs: found, system: another() })
    const files = [...found.snapshot().keys()].sort()
    t.true(files.length === 1 || files.length === all.length, files.join())
  }
  for (const path of ['/d/n', '/d/n/m']) t.is(syncs.get(path), 1, path)
})

test('the intent of a transaction lasts before it is committed', async (t) => {
  const disk = newDisk({ '/d/other': '' })
  let seen = 0
  disk.hook = ({ call, path }: DiskEvent) => {
    if (call !== 'rename' || !path.endsWith('.intent')) return
    for (const files of outcomes(disk)) t.true([...files.keys()].some((name) => name.endsWith('.intent')))
    seen++
  }
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  await transaction.write('a', 'content')
  await transaction.commit()
  t.true(seen > 0)
})

test('a transaction whose lock was removed by hand commits nothing', async (t) => {
  const disk = newDisk({ '/d/a': 'old' })
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  await transaction.write('a', 'new')
  const locks = disk.list().filter((path) => path.includes('.sluice-lock'))
  for (const path of locks.reverse()) await disk.rmdir(path.replace(/\/$/, ''))
  await t.throwsAsync(transaction.commit(), { code: 'ERR_LOCK_LOST' })
  t.is(disk.snapshot().get('/d/a')?.toString(), 'old')
  // whoever has the lock now decides about what is left
  const clock = new FakeClock({ auto: true })
  await recoverTransactions('/d', { fs: disk, system: eachAnother()(), clock })
  t.is(disk.snapshot().get('/d/a')?.toString(), 'old')
  t.deepEqual(
    disk.list().filter((path) => /sluice/.test(path)),
    [],
  )
})

/** Looks at what may be found at every call that follows. */
function watch(disk: MemoryDisk, look: (files: Map<string, string>) => void): void {
  disk.hook = () => {
    for (const files of outcomes(disk, 400)) look(files)
  }
}

test('what a killed run compressed has its name for good before the log goes', async (t) => {
  const disk = newDisk({ '/d/log.1': 'lines' })
  const fd = await disk.open('/d/log.1.gz', OPEN.create)
  await writeFully(disk, fd, [gzipSync('lines')], 0)
  await disk.fsync(fd)
  await disk.close(fd)
  watch(disk, (files) => t.true(files.has('/d/log.1') || files.has('/d/log.1.gz')))
  await rotateFile('/d/log', { fs: disk, compress: true })
  t.false(disk.snapshot().has('/d/log.1'))
})

test('a folder that somebody else has just made lasts with what is made below it', async (t) => {
  const disk = newDisk({ '/d/other': '' })
  await disk.mkdir('/d/e')
  await writeFileAtomic('/d/e/f/file', 'content', { fs: disk, makeParents: true })
  for (const files of outcomes(disk)) t.is(files.get('/d/e/f/file'), 'content')
})

test('what comes from another file system has its name for good before the source goes', async (t) => {
  const disk = newDisk({ '/t/source': 'content', '/d/file': 'old' })
  disk.fail({ call: 'rename', error: 'EXDEV' })
  watch(disk, (files) => t.true(files.get('/t/source') === 'content' || files.get('/d/file') === 'content'))
  await renameAtomic('/t/source', '/d/file', { fs: disk })
  t.false(disk.snapshot().has('/t/source'))
})

test('a folder that makes room for a file is never lost before the file has the name', async (t) => {
  const disk = newDisk({ '/d/n.part': 'content', '/d/n/inner': 'old' })
  watch(disk, (files) => t.true(files.get('/d/n') === 'content' || [...files.values()].includes('old')))
  const tree = await Tree.open('/d', { fs: disk })
  const directory = await tree.folder('')
  await publish(disk, directory, 'n.part', 'n', { conflict: 'replace', durability: 'power' })
  directory.release()
  await tree.close()
  t.is(disk.snapshot().get('/d/n')?.toString(), 'content')
})
