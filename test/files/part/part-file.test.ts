import { createHash, randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import {
  OPEN,
  PartFile,
  type PartFileOptions,
  publish,
  Tree,
  temporaryName,
} from '../../../lib/files/index.js'
import { BarePart } from '../../../lib/files/part/bare-part.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { temporary } from '../../helpers/folders.js'

const CONTENT = randomBytes(10_000)
const MTIME = 1_234_567_890_123

function memory(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  return disk
}

test('by itself: written, compared, named, with mode and time', async (t) => {
  const dir = await temporary(t)
  const part = await PartFile.open(join(dir, 'a.bin'), { mode: 0o640, mtime: MTIME, durability: 'power' })
  t.is(part.partName, 'a.bin.part')
  await part.write(5000, CONTENT.subarray(5000))
  t.false(part.covers(0, 10_000))
  await part.write(0, [CONTENT.subarray(0, 100), CONTENT.subarray(100, 5000)])
  t.true(part.covers(0, 10_000))
  t.true(part.covers(9999))
  t.false(part.covers(10_000))
  t.deepEqual(await part.digest(), createHash('sha256').update(CONTENT).digest())
  t.is(await part.size(), 10_000)
  t.like(await part.complete(), { how: 'created', name: 'a.bin' })
  t.false(part.exists)
  await part.close()
  t.deepEqual(await readFile(join(dir, 'a.bin')), CONTENT)
  const { mode, mtimeMs } = await stat(join(dir, 'a.bin'))
  t.is(mode & 0o777, 0o640)
  t.is(Math.floor(mtimeMs), MTIME)
})

test('KNOWN-FAILURES 3: it goes on at an offset, and what is behind that is cut off', async (t) => {
  const dir = await temporary(t)
  await writeFile(join(dir, 'a.part'), Buffer.concat([CONTENT.subarray(0, 4000), Buffer.alloc(9000)]))
  const part = await PartFile.open(join(dir, 'a'), { offset: 4000 })
  t.true(part.covers(0, 4000))
  t.false(part.covers(4000))
  await part.write(4000, CONTENT.subarray(4000))
  await part.complete()
  await part.close()
  t.deepEqual(await readFile(join(dir, 'a')), CONTENT)
})

test('HOSTILE-INPUT 61: an offset beyond the part, or none at all, is refused', async (t) => {
  const dir = await temporary(t)
  await writeFile(join(dir, 'a.part'), 'abc')
  await t.throwsAsync(PartFile.open(join(dir, 'a'), { offset: 4 }), { code: 'ERR_WRITE' })
  await t.throwsAsync(PartFile.open(join(dir, 'a'), { offset: -1 }), { code: 'ERR_USAGE' })
  await t.throwsAsync(PartFile.open(join(dir, 'b'), { offset: 0 }), { code: 'ERR_WRITE' })
  t.is(await readFile(join(dir, 'a.part'), 'utf8'), 'abc')
})

test('a part has no name that is ours, nor that of the file; with a journal one that is found again', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/d', { fs: disk })
  const before = disk.list()
  const open = (options: PartFileOptions) => PartFile.open({ tree, path: 'sub/a' }, options)
  for (const partName of ['.sluice', '.Sluice_2', '.sluice-lock', '.a.1-0-0-0-a.sluice-tmp', 'sluice~1'])
    for (const more of [
      {},
      { offset: 0 },
      { journal: true },
      { prefix: { offset: 0, digest: '00'.repeat(32) } },
    ])
      await t.throwsAsync(open({ partName, ...more }), { code: 'ERR_PATH', message: /Sluice itself/ })
  for (const partName of ['a', 'A'])
    await t.throwsAsync(open({ partName }), { code: 'ERR_USAGE', message: /partName must be another name/ })
  await t.throwsAsync(open({ partName: 'b', journal: true }), {
    code: 'ERR_USAGE',
    message: /partName must be with a journal a\.part, or left out/,
  })
  for (const partName of ['../b', 'b/c', '']) await t.throwsAsync(open({ partName }), { code: 'ERR_PATH' })
  t.deepEqual(disk.list(), before)
  const part = await open({ partName: 'b' })
  t.is(part.partName, 'b')
  await part.discard()
  await tree.close()
})

test('HOSTILE-INPUT 30: a planted part is not used: a pipe, a link, a file with two names', async (t) => {
  const disk = memory()
  disk.putPipe('/d/a.part')
  disk.putLink('/d/b.part', '/d/victim')
  disk.put('/d/victim', 'mine')
  await disk.link('/d/victim', '/d/c.part')
  const tree = await Tree.open('/d', { fs: disk })
  for (const path of ['a', 'b', 'c']) {
    await t.throwsAsync(PartFile.open({ tree, path }, { offset: 0 }), undefined, path)
    const part = await PartFile.open({ tree, path })
    t.is(part.partName, `${path}.1.part`)
    await part.write(0, CONTENT)
    await part.discard()
    await t.throwsAsync(PartFile.open({ tree, path }, { partName: `${path}.part` }), { code: 'ERR_WRITE' })
  }
  await tree.close()
  t.is(disk.snapshot().get('/d/victim')!.toString(), 'mine')
  t.deepEqual(disk.openHandles(), [])
})

test('many files share few handles, and each finds its own part again', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/d', { fs: disk, handles: 2 })
  const parts = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((path) => PartFile.open({ tree, path })))
  for (let position = 0; position < 3; position++) {
    await Promise.all(parts.map((part) => part.write(position, Buffer.from(part.path))))
  }
  t.true(disk.openHandles().length <= 3)
  await Promise.all(parts.map((part) => part.complete()))
  t.is(disk.snapshot().get('/d/c')!.toString(), 'ccc')
  await tree.close()
  t.deepEqual(disk.openHandles(), [])
})

test('what another process put in the place of a part gets no name, and is not removed', async (t) => {
  for (const end of ['complete', 'discard'] as const) {
    const fs = memory()
    const part = await PartFile.open('/d/a', { fs })
    await part.write(0, Buffer.from('verified'), { seal: true })
    await fs.rename('/d/a.part', '/d/elsewhere')
    fs.put('/d/a.part', 'somebody')
    if (end === 'complete') {
      await t.throwsAsync(part.complete(), { code: 'ERR_WRITE', message: /exchanged/ })
      t.false(part.exists)
    }
    await part.discard()
    t.deepEqual(fs.list(), ['/d/', '/d/a.part', '/d/elsewhere'])
    t.is(fs.snapshot().get('/d/a.part')?.toString(), 'somebody')
  }
})

test('a part that another process wrote to, or cut, gets no name', async (t) => {
  for (const length of [9, 7])
    for (const seal of [true, false]) {
      const fs = memory()
      const part = await PartFile.open('/d/a', { fs })
      await part.write(0, Buffer.from('verified'), { seal })
      const fd = await fs.open('/d/a.part', OPEN.update)
      await fs.ftruncate(fd, length)
      await fs.close(fd)
      const message = length > 8 ? /another program/ : /^cannot publish a/
      await t.throwsAsync(part.complete(), { code: 'ERR_WRITE', message })
      t.true(part.exists)
      await part.close()
      t.deepEqual(fs.list(), ['/d/', '/d/a.part'])
    }
})

test('a part that is exchanged while its handle is closed is not written to', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/d', { fs: disk, handles: 1 })
  const part = await PartFile.open({ tree, path: 'a' })
  await part.write(0, Buffer.from('a'))
  const other = await PartFile.open({ tree, path: 'b' })
  disk.remove('/d/a.part')
  disk.put('/d/a.part', 'planted')
  await t.throwsAsync(part.write(1, Buffer.from('b')), { code: 'ERR_WRITE' })
  t.is(disk.snapshot().get('/d/a.part')!.toString(), 'planted')
  for (const one of [part, other]) await one.close()
  await tree.close()
})

test('a mode without which it could not be opened again is set at the very end', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/d', { fs: disk })
  const part = await PartFile.open({ tree, path: 'a' }, { mode: 0o400, mtime: MTIME })
  await part.write(0, CONTENT)
  await part.seal()
  t.is((await disk.lstat('/d/a.part')).mode & 0o777, 0o600)
  await part.reset()
  t.is(await part.size(), 0)
  await part.write(0, Buffer.from('again'))
  await part.complete({ durability: 'power' })
  t.is((await disk.lstat('/d/a')).mode & 0o777, 0o400)
  t.is(disk.snapshot().get('/d/a')!.toString(), 'again')
  await part.close()
  await tree.close()
})

test('KNOWN-FAILURES 7, 11: a handle that cannot be closed, or synced, is not taken for written', async (t) => {
  for (const call of ['close', 'fsync', 'futimes', 'fchmod'] as const) {
    const disk = memory()
    const tree = await Tree.open('/d', { fs: disk })
    const part = await PartFile.open({ tree, path: 'a' }, { mode: 0o666, mtime: MTIME, durability: 'power' })
    await part.write(0, CONTENT)
    disk.fail({ call, error: 'EIO' })
    await t.throwsAsync(part.complete(), { code: 'ERR_WRITE' }, call)
    t.false(disk.list().includes('/d/a'), call)
    if (call === 'close') await t.throwsAsync(part.write(0, CONTENT), { code: 'ERR_WRITE' })
    await part.close()
    await tree.close()
    t.deepEqual(disk.openHandles(), [], call)
  }
})

test('it is discarded if it was made, and may be closed twice', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/d', { fs: disk })
  await new BarePart(tree, 'a').discard()
  const part = new BarePart(tree, 'a')
  t.true(await part.create())
  t.throws(() => part.rename('b.part'), { code: 'ERR_STATE' })
  disk.fail({ call: 'unlink', error: 'EIO' })
  await t.throwsAsync(part.discard(), { code: 'ERR_WRITE' })
  await part.discard()
  await part.close()
  t.false(part.exists)
  await tree.close()
  t.deepEqual(
    disk.list().filter((path) => path.startsWith('/d/a')),
    [],
  )
})

test('a policy or a durability that there is not costs no file, and is named', async (t) => {
  const disk = memory()
  disk.put('/d/a', 'mine')
  const tree = await Tree.open('/d', { fs: disk })
  const part = await PartFile.open({ tree, path: 'a' })
  await part.write(0, CONTENT)
  for (const conflict of ['Rename', 'ask', null, '']) {
    await t.throwsAsync(part.complete({ conflict: conflict as never }), {
      code: 'ERR_USAGE',
      message: /^conflict must be one of 'rename', .*, not /,
    })
    const published = publish(disk, await tree.folder(''), 'a.part', 'a', {
      conflict: conflict as never,
      durability: 'crash',
    })
    await t.throwsAsync(published, { code: 'ERR_USAGE' })
  }
  const durability = 'Power' as never
  const refused = { code: 'ERR_USAGE', message: `durability must be one of 'crash', 'power', not "Power"` }
  await t.throwsAsync(part.complete({ durability }), refused)
  await t.throwsAsync(PartFile.open({ tree, path: 'b' }, { durability }), refused)
  await t.throwsAsync(PartFile.open({ tree, path: 'b' }, { mode: -1 }), { code: 'ERR_USAGE' })
  await t.throwsAsync(PartFile.open({ tree, path: 'b' }, { mtime: Number.NaN }), { code: 'ERR_USAGE' })
  await t.throwsAsync(PartFile.open({ tree, path: 'b' }, null as never), { code: 'ERR_USAGE' })
  await t.throwsAsync(Tree.open('/d', { fs: disk, durability }), refused)
  t.is(disk.snapshot().get('/d/a')!.toString(), 'mine')
  t.false(disk.list().includes('/d/b.part'))
  t.like(await part.complete(), { how: 'renamed', name: 'a_1' })
  await part.close()
  await tree.close()
})

test('a position that is none is refused before anything is written', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/d', { fs: disk })
  const part = await PartFile.open({ tree, path: 'a' })
  await part.write(0, Buffer.from('0123456789'))
  for (const position of [
    -1,
    1.5,
    Number.NaN,
    Infinity,
    2 ** 60,
    Number.MAX_SAFE_INTEGER,
    null,
    undefined,
    '3',
    3n,
  ]) {
    const refused = { code: 'ERR_USAGE', message: /^position must be a whole number from 0/ }
    const label = String(position)
    await t.throwsAsync(part.write(position as never, Buffer.from('AB')), refused, label)
    if (position !== Number.MAX_SAFE_INTEGER)
      t.throws(() => part.covers(position as never, 9), refused, label)
    if (position !== undefined && position !== Number.MAX_SAFE_INTEGER)
      t.throws(() => part.covers(0, position as never), { code: 'ERR_USAGE' }, label)
  }
  for (const bytes of ['AB', ['AB'], null, 5]) {
    await t.throwsAsync(part.write(0, bytes as never), { code: 'ERR_USAGE' })
  }
  t.is(disk.snapshot().get('/d/a.part')!.toString(), '0123456789')
  t.true(part.covers(0, 10))
  t.false(part.covers(10))
  await part.discard()
  await tree.close()
})

test('a part that was opened by its path is discarded, also where complete() warned', async (t) => {
  const disk = memory()
  const part = await PartFile.open('/d/a', { fs: disk })
  await part.write(0, CONTENT)
  await part.discard()
  await part.discard()
  t.deepEqual(disk.list(), ['/d/'])
  disk.put('/d/a', 'mine')
  const skipped = await PartFile.open('/d/a', { fs: disk })
  await skipped.write(0, CONTENT)
  disk.fail({ call: 'unlink', error: 'EIO' })
  t.truthy((await skipped.complete({ conflict: 'skip' })).warning)
  t.false(skipped.exists)
  await skipped.close()
  t.deepEqual(disk.list(), ['/d/', '/d/a'])
  t.deepEqual(disk.openHandles(), [])
})

test('nothing of a caller lands in our folder, or has another name of ours, however it is spelt', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/d', { fs: disk })
  for (const path of [
    '.sluice/x',
    '.sluice',
    `.sluice/${'0'.repeat(32)}.journal`,
    '.SLUICE/x',
    '.sluice_1/x',
    `.sluice_${'a'.repeat(16)}/x`,
    'a/b/.sluice/x',
    '.sluice./x',
    '.\u200csluice/x',
    'SLUICE~1/x',
    temporaryName(),
    'a/.sluice-a.lock',
    'a.json.20261121T093015123Z.4f0a.bak',
    'a/log.00000001-4f0a4f0a',
  ]) {
    for (const where of [`/d/${path}`, { tree, path }]) {
      const opened = PartFile.open(where, { fs: disk, journal: true })
      await t.throwsAsync(opened, { code: 'ERR_PATH', message: /a name that Sluice itself uses/ }, path)
    }
  }
  await tree.close()
  t.deepEqual(disk.list(), ['/d/'])
  await using part = await PartFile.open('/d/.sluice-of-mine/sluice', { fs: disk })
  t.is(part.path, 'sluice')
})

test('a file that nobody may write to is replaced only if that is said, and the part stays', async (t) => {
  for (const conflict of ['overwrite', 'replace'] as const) {
    const disk = memory()
    disk.put('/d/a', 'old', 0o444)
    const open = (replaceReadOnly: boolean) =>
      PartFile.open('/d/a', { fs: disk, conflict, journal: true, replaceReadOnly })
    const part = await open(false)
    await part.write(0, Buffer.from('new'))
    const refused = { code: 'ERR_PERMISSION', message: /^a is read-only \(mode 0444\).*set replaceReadOnly/ }
    await t.throwsAsync(part.complete(), refused)
    await part.close()
    t.is(`${disk.snapshot().get('/d/a')}`, 'old')
    await using again = await open(true)
    t.is(again.position, 3)
    t.is((await again.complete()).how, 'replaced')
    t.is(`${disk.snapshot().get('/d/a')}`, 'new')
  }
})

test('what is no path to a file has no part', async (t) => {
  const disk = memory()
  const tree = await Tree.open('/d', { fs: disk })
  for (const path of ['', '.', '..', '/', '/d/', '/d/b/', '/d/..', 'a\0b', 5, null, {}, undefined, []]) {
    for (const where of [path, { tree, path }]) {
      const opened = PartFile.open(where as never, { fs: disk })
      const { code } = (await t.throwsAsync(opened, undefined, String(path))) as { code?: string }
      t.true(code === 'ERR_USAGE' || code === 'ERR_PATH', `${String(path)}: ${code}`)
    }
  }
  await tree.close()
  t.deepEqual(disk.list(), ['/d/'])
  t.deepEqual(disk.openHandles(), [])
})
