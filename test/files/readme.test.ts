import { readFile } from 'node:fs/promises'
import test from 'ava'
import { CODES } from '../../lib/errors.js'
import * as files from '../../lib/files/index.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { Machine } from '../helpers/machine.js'

const PAGE = new URL('../../../lib/files/README.md', import.meta.url)
const system = new Machine().start(1)

/** By the beginning of a row of the table, what is done, in a folder /d with a file `a`. */
const ROWS: [row: string, act: (fs: MemoryDisk) => Promise<unknown>][] = [
  ['`writeFileAtomic', (fs) => files.writeFileAtomic('/d/a', 'x', { fs })],
  ['`writeJson`', (fs) => files.writeJson('/d/a.json', 1, { fs })],
  ['… with `backup', (fs) => files.writeFileAtomic('/d/a', 'x', { fs, backup: 3 })],
  ['… with `conflict', (fs) => files.writeFileAtomic('/d/a', 'x', { fs, conflict: 'rename' })],
  ['… with `verify', (fs) => files.writeFileAtomic('/d/a', 'x', { fs, verify: true })],
  ['`createAtomicWriteStream', (fs) => files.createAtomicWriteStream('/d/a', { fs }).end('x').result],
  ['`AtomicFile', async (fs) => (await files.AtomicFile.open('/d/a', { fs })).commit()],
  ['`readFileRetry', (fs) => files.readFileRetry('/d/a', { fs })],
  ['`checkFile', (fs) => files.checkFile('/d/a', { fs, size: 1 })],
  ['`renameAtomic', (fs) => files.renameAtomic('/d/a', '/d/b', { fs })],
  ['`tempPath', async () => files.tempPath('/d/a')],
  ['`removeOrphans', (fs) => files.removeOrphans('/d', { fs, system })],
  ['`FolderLock', async (fs) => (await files.FolderLock.acquire('/d', { fs, system })).release()],
  ['`updateJson`', (fs) => files.updateJson('/d/a.json', () => 1, { fs, system })],
  ['`readJson`', (fs) => files.readJson('/d/none.json', { fs, default: 1 })],
  [
    '`restoreBackup',
    async (fs) => {
      fs.put('/d/a.20200101T000000000Z.0000.bak', 'older')
      await files.restoreBackup('/d/a', { fs, system })
    },
  ],
  ['`mergeConfig', (fs) => files.mergeConfig(['/d/b.json'], '/d/a.json', { fs, optional: true })],
  ['`rotateFile', (fs) => files.rotateFile('/d/a', { fs, system })],
  ['`removeBackups', (fs) => files.removeBackups('/d', { fs })],
  ['`FileTransaction', (fs) => transact(fs, ['a'])],
  ['`batch', async (fs) => files.batch('b', () => {}, { fs })],
]

async function transact(fs: MemoryDisk, paths: string[]): Promise<void> {
  const transaction = await files.FileTransaction.begin('/d', { fs, system })
  for (const path of paths) await transaction.write(path, 'x')
  await transaction.commit()
}

async function syncsOf(act: (fs: MemoryDisk) => Promise<unknown>): Promise<number> {
  const disk = new MemoryDisk()
  disk.put('/d/a', 'old')
  let syncs = 0
  disk.hook = ({ call }) => {
    if (call === 'fsync') syncs++
  }
  await act(disk)
  return syncs
}

test('the page says how many syncs an operation costs', async (t) => {
  const text = await readFile(PAGE, 'utf8')
  const said = (row: string) => {
    const line = text.split('\n').find((one) => one.startsWith(`| ${row}`))
    return Number(/\| (\d+) +\|$/.exec(line ?? '')?.[1] ?? Number.NaN)
  }
  for (const [row, act] of ROWS) t.is(await syncsOf(act), said(row), row)
  const two = await syncsOf((fs) => transact(fs, ['a', 'b']))
  t.is(two - (await syncsOf((fs) => transact(fs, ['a']))), said('… each further file'))
  const records = async (fs: MemoryDisk, count: number) => {
    const trail = await files.AuditTrail.open('/d/log', { fs, durability: 'power' })
    for (let n = 0; n < count; n++)
      await trail.record({ operation: 'o', path: '', status: 'ok', duration: 0 })
    await trail.close()
  }
  const one = (await syncsOf((fs) => records(fs, 2))) - (await syncsOf((fs) => records(fs, 1)))
  t.is(one, said('`AuditTrail'))
})

test('the page names every operation, and no code that there is not', async (t) => {
  const text = await readFile(PAGE, 'utf8')
  const bound = Object.keys(files.fileOperations())
  const others = {
    lock: 'FolderLock.acquire',
    tryLock: 'FolderLock.tryAcquire',
    transaction: 'FileTransaction.begin',
    recovery: 'RecoveryManager',
  }
  for (const name of bound) {
    const shown = (others as Record<string, string>)[name] ?? name
    t.true(new RegExp(`^\\| .*\`${shown}`, 'm').test(text), shown)
  }
  const codes = [...text.matchAll(/`(ERR_\w+)`/g)].map(([, code]) => code!)
  t.deepEqual(
    codes.filter((code) => !(code in CODES)),
    [],
  )
})
