import test from 'ava'
import {
  Folder,
  listBackups,
  parseBackupName,
  pruneBackups,
  type WriteFileOptions,
  writeFileAtomic,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { giveTo } from '../../helpers/users.js'

const NOW = Date.UTC(2026, 10, 21, 9, 30, 15, 123)
const names = (disk: MemoryDisk) => [...disk.snapshot().keys()].map((path) => path.replace('/d/', '')).sort()

function setup(options: WriteFileOptions = {}, disk = new MemoryDisk()) {
  disk.put('/d/file', 'version 0')
  let time = NOW
  const write = (text: string, more: WriteFileOptions = {}) =>
    writeFileAtomic('/d/file', text, { fs: disk, now: () => time, ...options, ...more })
  const kept = async () => {
    const files = disk.snapshot()
    return (await listBackups(disk, '/d', 'file')).map(({ path }) => `${files.get(path)}`)
  }
  return { disk, write, kept, set: (to: number) => (time = to) }
}

test('KNOWN-FAILURES 39: each backup has a name of its own, and the last n are kept', async (t) => {
  const { disk, write, kept } = setup({ backup: 3 })
  const { backup } = await write('version 1')
  t.regex(backup!, /^\/d\/file\.20261121T093015123Z\.[0-9a-f]{4}\.bak$/)
  t.is(`${disk.snapshot().get(backup!)}`, 'version 0')
  for (let n = 2; n <= 6; n++) await write(`version ${n}`)
  t.deepEqual(await kept(), ['version 3', 'version 4', 'version 5'])
  await write('version 7', { backup: true })
  t.deepEqual(await kept(), ['version 6'])
  t.is((await write('version 8', { backup: false })).backup, undefined)
  t.is((await write('version 9', { backup: 0 })).backup, undefined)
  t.deepEqual(await kept(), ['version 6'])
})

test('writers of one file at once keep the last n, and none complains of what another has removed', async (t) => {
  const { disk, write, kept } = setup({ backup: 2 })
  const written = await Promise.all(Array.from({ length: 20 }, (_, n) => write(`version ${n + 1}`)))
  for (const { warning } of written) t.is(warning, undefined)
  const all = new Set(Array.from({ length: 21 }, (_, n) => `version ${n}`))
  for (const text of await kept()) t.true(all.has(text))
  await write('the last one')
  t.is((await kept()).length, 2)
  t.is(names(disk).length, 3)
})

test('long names that begin alike have backups of their own', async (t) => {
  const disk = new MemoryDisk()
  const paths = ['AAAAA', 'BBBBB', 'ä'.repeat(3)].map((tail) => `/d/${'n'.repeat(248)}${tail}`)
  for (const path of paths) {
    disk.put(path, 'old')
    const { backup } = await writeFileAtomic(path, 'new', { fs: disk, backup: 1 })
    t.true(Buffer.byteLength(backup!.slice(3)) <= 255)
  }
  for (const path of paths) {
    const backups = await listBackups(disk, '/d', path.slice(3))
    t.is(backups.length, 1)
    t.is(backups[0]!.of, parseBackupName(backups[0]!.path.slice(3))!.of)
  }
  t.is(names(disk).length, 6)
})

test('KNOWN-FAILURES 39: the file never loses its name, with links and without', async (t) => {
  for (const links of [true, false]) {
    const { disk, write, kept } = setup({ backup: 2 }, new MemoryDisk({ links }))
    disk.hook = ({ call, path }) => {
      t.true(disk.snapshot().has('/d/file'))
      if (call === 'rename') t.not(path, '/d/file')
    }
    for (let n = 1; n < 4; n++) await write(`version ${n}`)
    t.deepEqual(await kept(), ['version 1', 'version 2'])
    t.is(names(disk).length, 3)
    t.deepEqual(disk.openHandles(), [])
  }
})

test('a copy has the mode, the owner and the time of the file', async (t) => {
  const disk = new MemoryDisk({ links: false })
  disk.put('/d/file', 'old', 0o640)
  const fd = await disk.open('/d/file', 2)
  await disk.fchown(fd, 7, 8)
  await disk.futimes(fd, 1000, 1000)
  await disk.close(fd)
  const { backup } = await writeFileAtomic('/d/file', 'new', { fs: disk, backup: true })
  const { uid, gid, mode, mtimeMs } = await disk.stat(backup!)
  t.deepEqual([uid, gid, mode & 0o777, Math.floor(mtimeMs)], [7, 8, 0o640, 1_000_000])
})

test('KNOWN-FAILURES 44: the time in the name counts, also where the clock was set back', async (t) => {
  const { disk, write, kept, set } = setup({ backup: 2 })
  await write('version 1')
  set(NOW - 1000 * 60 * 60)
  await write('version 2')
  await write('version 3')
  t.deepEqual(await kept(), ['version 1', 'version 2'])
  const listed = await listBackups(disk, '/d')
  t.deepEqual(
    listed.map(({ of, time }) => [of, time]),
    [
      ['file', NOW + 1],
      ['file', NOW + 2],
    ],
  )
})

test('a clock that was far ahead, or is out of its mind, does not make backups grow', async (t) => {
  for (const wrong of [
    Date.UTC(2038, 0),
    Date.parse('9999-12-31T23:59:59.998Z'),
    1e300,
    -1e300,
    Number.NaN,
  ]) {
    const { disk, write, kept, set } = setup({ backup: 2 })
    set(wrong)
    await write('version 1')
    set(NOW)
    for (let n = 2; n <= 6; n++) {
      const { backup } = await write(`version ${n}`)
      t.true(
        names(disk).some((name) => backup?.endsWith(name)),
        `${wrong}: the one that was told is there`,
      )
    }
    const found = await kept()
    t.is(found.length, 2, `${wrong}`)
    t.true(found.includes('version 5'), `${wrong}: ${found}`)
  }
})

test('only backups of that file are counted and removed, and a new file has none', async (t) => {
  const { disk, write } = setup({ backup: 1 })
  const strangers = ['file.bak', 'file.20261121T093015123Z.bak', 'file.20261321T093015123Z.0000.bak']
  const others = ['file2.20261121T093015123Z.0000.bak', 'x.file.20261121T093015123Z.0000.bak']
  for (const name of [...strangers, ...others]) disk.put(`/d/${name}`, 'mine')
  await write('version 1')
  await write('version 2')
  t.true([...strangers, ...others].every((name) => names(disk).includes(name)))
  t.is(names(disk).length, 7)
  for (const name of strangers) t.is(parseBackupName(name), undefined)
  t.is((await writeFileAtomic('/d/new', 'x', { fs: disk, backup: true })).backup, undefined)
})

test('a name that leaves no room is shortened, and its backups are found', async (t) => {
  const disk = new MemoryDisk()
  const name = 'ä'.repeat(127)
  disk.put(`/d/${name}`, 'version 0')
  for (let n = 1; n < 4; n++) await writeFileAtomic(`/d/${name}`, `version ${n}`, { fs: disk, backup: 2 })
  const found = await listBackups(disk, '/d', name)
  t.is(found.length, 2)
  for (const { path } of found) t.true(Buffer.byteLength(path.slice(3)) <= 255)
})

test('a backup that cannot be made is an error, old ones that cannot be removed are a warning', async (t) => {
  const { disk, write, kept } = setup({ backup: 1 })
  disk.fail({ call: 'link', error: 'EIO' })
  disk.fail({ call: 'read', error: 'EIO' })
  await t.throwsAsync(write('version 1'), { code: 'ERR_WRITE' })
  t.deepEqual(names(disk), ['file'])
  await write('version 1')
  disk.fail({ call: 'unlink', path: /bak$/, error: 'EACCES' })
  t.is((await write('version 2')).warning?.code, 'ERR_PERMISSION')
  t.deepEqual(await kept(), ['version 0', 'version 1'])
  disk.fail({ call: 'link', error: 'EEXIST', once: false })
  await t.throwsAsync(write('version 3'), { code: 'ERR_WRITE', message: /every name/ })
})

test('a replacement that fails takes its backup back', async (t) => {
  const { disk, write } = setup({ backup: 1 })
  disk.fail({ call: 'rename', error: 'EACCES' })
  await t.throwsAsync(write('version 1'), { code: 'ERR_PERMISSION' })
  t.deepEqual(names(disk), ['file'])
})

test('pruning by hand keeps the newest', async (t) => {
  const { disk, write, kept } = setup({ backup: 9 })
  for (let n = 1; n < 6; n++) await write(`version ${n}`)
  const folder = await Folder.open(disk, '/d')
  await pruneBackups(disk, folder, 'file', 2)
  t.deepEqual(await kept(), ['version 3', 'version 4'])
  await folder.close()
})

test('what somebody else planted pushes no backup out, and no time ahead', async (t) => {
  const { disk, write, kept } = setup({ backup: 2 })
  for (let n = 1; n < 4; n++) await write(`version ${n}`)
  const planted = ['ffff', 'fffe'].map((random) => `/d/file.99991231T235959999Z.${random}.bak`)
  for (const path of planted) {
    disk.put(path, 'planted')
    await giveTo(disk, path, 1000)
  }
  for (let n = 4; n < 6; n++) t.regex((await write(`version ${n}`)).backup!, /\.2026/)
  t.deepEqual(await kept(), ['version 3', 'version 4', 'planted', 'planted'])
})

test('backups of a file of another user count as his, also when the file becomes ours', async (t) => {
  const { disk, write, kept } = setup({ backup: 1, owner: 'ignore' })
  await giveTo(disk, '/d/file', 1000)
  await write('version 1', { owner: 'try' })
  await write('version 2')
  t.deepEqual(await kept(), ['version 1'])
})
