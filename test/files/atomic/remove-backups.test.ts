import { mkdtemp, readdir, rename, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { type RemoveBackupsOptions, removeBackups, writeFileAtomic } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { temporary } from '../../helpers/folders.js'
import { giveTo } from '../../helpers/users.js'

const NOW = Date.parse('2026-11-21T12:00:00.000Z')
const HOUR = 60 * 60 * 1000

const files: Record<string, string> = {
  a: 'a',
  'a.20261121T113000000Z.0001.bak': 'half an hour',
  'a.20261121T100000000Z.0002.bak': 'two hours',
  'a.20261119T100000000Z.0003.bak': 'two days',
  'b.20261119T100000000Z.0004.bak': 'two days',
  // none of ours
  'a.bak': '',
  'a.20261119T100000000Z.bak': '',
  'a.20261319T100000000Z.0003.bak': '',
  '20261119T100000000Z.0003.bak': '',
  'a.20261119T100000000Z.0003.bak.txt': '',
}

function disk(): MemoryDisk {
  const made = new MemoryDisk()
  for (const [name, content] of Object.entries(files)) made.put(`/d/${name}`, content)
  made.putFolder('/d/c.20261119T100000000Z.0005.bak')
  return made
}

async function run(of: MemoryDisk, options: RemoveBackupsOptions = {}) {
  const before = of.list().filter((path) => !path.endsWith('/'))
  const result = await removeBackups('/d', { fs: of, now: () => NOW, ...options })
  const gone = before.filter((path) => !of.list().includes(path))
  return { ...result, gone: gone.sort() }
}

test('what somebody else planted is not removed, and pushes no backup out', async (t) => {
  const planted = ['a.20261121T115900000Z.ffff.bak', 'a.20261121T115800000Z.fffe.bak']
  const old = 'b.20261119T100000000Z.0004.bak'
  const of = disk()
  for (const name of planted) {
    of.put(`/d/${name}`, 'planted')
    await giveTo(of, `/d/${name}`, 1000)
  }
  // theirs, too, but of their own file
  of.put('/d/b', 'b')
  await giveTo(of, '/d/b', 1000)
  await giveTo(of, `/d/${old}`, 1000)
  const { gone } = await run(of, { olderThan: 0, keep: 2 })
  t.deepEqual(gone, ['/d/a.20261119T100000000Z.0003.bak'])
  const all = await run(of, { olderThan: 0 })
  t.deepEqual(all.gone, [
    '/d/a.20261121T100000000Z.0002.bak',
    '/d/a.20261121T113000000Z.0001.bak',
    `/d/${old}`,
  ])
  t.deepEqual(of.openHandles(), [])
})

test('KNOWN-FAILURES 44: how old a backup is says its name, not the time of its content', async (t) => {
  const folder = await mkdtemp(join(await temporary(t), 'backups-'))
  const file = join(folder, 'file')
  await writeFile(file, 'old')
  // the content is of 2001, the backup of now
  await utimes(file, 1e9, 1e9)
  await writeFileAtomic(file, 'new', { backup: 3 })
  t.is((await readdir(folder)).length, 2)
  t.deepEqual(await removeBackups(folder, { olderThan: HOUR }), { count: 0, bytes: 0, paths: [] })
  t.is((await readdir(folder)).length, 2)
  const [backup] = (await readdir(folder)).filter((name) => name !== 'file')
  // an old backup whose content is of today
  const old = backup!.replace(/\d{8}T/, '20010101T')
  await rename(join(folder, backup!), join(folder, old))
  await utimes(join(folder, old), new Date(), new Date())
  t.deepEqual(await removeBackups(folder, { olderThan: HOUR }), {
    count: 1,
    bytes: 3,
    paths: [join(folder, old)],
  })
  t.deepEqual(await readdir(folder), ['file'])
})

test('backups older than the limit are removed, and counted with their bytes', async (t) => {
  const there = disk()
  const { count, bytes, paths, gone } = await run(there, { olderThan: HOUR })
  t.deepEqual([count, bytes], [3, 9 + 8 + 8])
  t.deepEqual(gone, [
    '/d/a.20261119T100000000Z.0003.bak',
    '/d/a.20261121T100000000Z.0002.bak',
    '/d/b.20261119T100000000Z.0004.bak',
  ])
  t.deepEqual([...paths].sort(), gone)
  t.deepEqual((await run(disk())).gone, [
    '/d/a.20261119T100000000Z.0003.bak',
    '/d/b.20261119T100000000Z.0004.bak',
  ])
})

test('a dry run says the same and removes nothing', async (t) => {
  const dry = await run(disk(), { olderThan: HOUR, dryRun: true })
  t.deepEqual(dry.gone, [])
  t.deepEqual({ ...dry, gone: [] }, { ...(await run(disk(), { olderThan: HOUR })), gone: [] })
})

test('the newest of each file can be kept, and one file picked out', async (t) => {
  t.deepEqual((await run(disk(), { olderThan: 0, keep: 1 })).gone, [
    '/d/a.20261119T100000000Z.0003.bak',
    '/d/a.20261121T100000000Z.0002.bak',
  ])
  t.deepEqual((await run(disk(), { olderThan: 0, keep: 5 })).gone, [])
  t.deepEqual((await run(disk(), { name: 'b' })).gone, ['/d/b.20261119T100000000Z.0004.bak'])
})

test('what somebody else removes meanwhile is no error, and what cannot be removed is', async (t) => {
  const there = disk()
  there.hook = ({ call, path }) => {
    if (call === 'unlink' && path.includes('0003')) there.remove(path)
    if (call === 'lstat' && path.includes('0004')) there.remove(path)
  }
  t.is((await run(there)).count, 0)
  const failing = disk()
  failing.fail({ call: 'unlink', error: 'EACCES' })
  await t.throwsAsync(run(failing), { code: 'ERR_PERMISSION', message: /remove backups/ })
  await t.throwsAsync(removeBackups('/none', { fs: disk() }), { code: 'ERR_WRITE' })
})

test('wrong options are refused', async (t) => {
  const wrong: [string, object][] = [
    ['olderThan', { olderThan: -1 }],
    ['keep', { keep: -1 }],
    ['dryRun', { dryRun: 'yes' }],
    ['name', { name: 'x/a' }],
  ]
  for (const [name, options] of wrong) {
    await t.throwsAsync(run(disk(), options), { code: 'ERR_USAGE', message: new RegExp(name) })
  }
  await t.throwsAsync(removeBackups(''), { code: 'ERR_USAGE' })
})
