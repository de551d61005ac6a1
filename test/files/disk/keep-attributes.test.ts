import test from 'ava'
import { keepAttributes } from '../../../lib/files/disk/attributes.js'
import { FileTransaction, writeFileAtomic } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

const PATH = '/d/file'
const mode = async (disk: MemoryDisk, path = PATH) => (await disk.stat(path)).mode & 0o7777

/** A file of somebody else, on a disk where this process is user and group 0. */
async function foreign(uid: number, gid: number, bits: number): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  disk.put(PATH, 'old', bits)
  const fd = await disk.open(PATH, 2)
  await disk.fchown(fd, uid, gid)
  await disk.close(fd)
  return disk
}

test('KNOWN-FAILURES 36: a new file has the mode that the umask leaves, one that was there keeps its own', async (t) => {
  for (const umask of [0o022, 0o077, 0]) {
    const disk = new MemoryDisk({ umask })
    await writeFileAtomic('/new', '', { fs: disk })
    t.is(await mode(disk, '/new'), 0o666 & ~umask)
    for (const bits of [0o644, 0o640, 0o600, 0o755, 0o444, 0o777, 0o004]) {
      disk.put(PATH, 'old', bits)
      await writeFileAtomic(PATH, 'new', { fs: disk, replaceReadOnly: true })
      t.is(await mode(disk), bits)
    }
  }
})

test('a mode that is asked for is set exactly, whatever the umask', async (t) => {
  const disk = new MemoryDisk()
  for (const bits of [0o666, 0o600, 0o751, 0]) {
    await writeFileAtomic(PATH.replace('/d', ''), 'x', { fs: disk, mode: bits })
    t.is(await mode(disk, '/file'), bits)
  }
})

test('bits that a write takes away from a program are not given again', async (t) => {
  const disk = new MemoryDisk()
  disk.put(PATH, 'old', 0o6755)
  await writeFileAtomic(PATH, 'new', { fs: disk })
  t.is(await mode(disk), 0o755)
})

test('KNOWN-FAILURES 36: the owner is kept, without a call where it is the same', async (t) => {
  const disk = await foreign(7, 8, 0o640)
  const calls: string[] = []
  disk.hook = ({ call }) => void calls.push(call)
  t.is((await writeFileAtomic(PATH, 'new', { fs: disk })).warning, undefined)
  const { uid, gid } = await disk.stat(PATH)
  t.deepEqual([uid, gid, await mode(disk)], [7, 8, 0o640])
  t.true(calls.indexOf('fchown') < calls.indexOf('fchmod'))
  const own = await foreign(0, 0, 0o644)
  own.hook = ({ call }) => void t.false(['fchown', 'fchmod'].includes(call))
  await writeFileAtomic(PATH, 'new', { fs: own })
})

test('a mode that the disk refuses is a warning, unless it was asked for and would be narrower', async (t) => {
  for (const error of ['EPERM', 'ENOTSUP', 'ENOSYS', 'EINVAL']) {
    const disk = new MemoryDisk()
    disk.put(PATH, 'old', 0o664)
    disk.fail({ call: 'fchmod', error, once: false })
    const { warning } = await writeFileAtomic(PATH, 'new', { fs: disk })
    t.like(warning, { code: 'ERR_PERMISSION', path: PATH })
    t.regex(warning!.message, new RegExp(`without its mode: .*\\(${error}\\)`))
    t.is((await writeFileAtomic(PATH, 'wide', { fs: disk, mode: 0o777 })).warning?.code, 'ERR_PERMISSION')
    t.is(disk.snapshot().get(PATH)?.toString(), 'wide')
    const transaction = await FileTransaction.begin('/d', { fs: disk })
    await transaction.write('new', 'x', { mode: 0o777 })
    t.is((await transaction.commit()).warnings.length, 1)
  }
  const disk = new MemoryDisk()
  disk.fail({ call: 'fchmod', error: 'EIO', once: false })
  await t.throwsAsync(writeFileAtomic('/x', 'new', { fs: disk, mode: 0o777 }), { code: 'ERR_WRITE' })

  disk.heal()
  // a disk on which everybody may read everything, and whose modes cannot be set
  disk.put(PATH, '', 0o777)
  const fd = await disk.open(PATH, 2)
  disk.fail({ call: 'fchmod', error: 'EPERM', once: false })
  const keep = async (asked?: number) =>
    keepAttributes(fd, await disk.fstat(fd), undefined, { fs: disk, mode: asked, owner: 'try' }, PATH)
  await t.throwsAsync(keep(0o600), { code: 'EPERM' })
  t.is(await keep(), undefined)
  await disk.close(fd)
})

test('an owner that cannot be kept is a warning, or an error, or nobody’s concern', async (t) => {
  const disk = await foreign(7, 8, 0o664)
  const refuse = () => disk.fail({ call: 'fchown', error: 'EPERM', once: false })
  refuse()
  const { warning } = await writeFileAtomic(PATH, 'new', { fs: disk })
  t.is(warning?.code, 'ERR_PERMISSION')
  t.regex(warning!.message, /could not keep its group \(EPERM\)/)
  // another group gets what everybody has
  t.is(await mode(disk), 0o644)
  disk.heal()

  const strict = await foreign(7, 8, 0o664)
  strict.fail({ call: 'fchown', error: 'EPERM', once: false })
  await t.throwsAsync(writeFileAtomic(PATH, 'new', { fs: strict, owner: 'require' }), {
    code: 'ERR_PERMISSION',
  })
  t.deepEqual([...strict.snapshot()].map(String), ['/d/file,old'])
  strict.heal()
  t.is((await writeFileAtomic(PATH, 'new', { fs: strict, owner: 'ignore' })).warning, undefined)
  t.is((await strict.stat(PATH)).uid, 0)
})

test('where only the owner is refused the group is kept, and the mode with it', async (t) => {
  const disk = await foreign(7, 8, 0o660)
  disk.fail({ call: 'fchown', error: 'EPERM' })
  const { warning } = await writeFileAtomic(PATH, 'new', { fs: disk })
  t.regex(warning!.message, /could not keep its owner/)
  const { uid, gid } = await disk.stat(PATH)
  t.deepEqual([uid, gid, await mode(disk)], [0, 8, 0o660])

  const group = await foreign(0, 8, 0o660)
  group.fail({ call: 'fchown', error: 'EPERM' })
  t.regex((await writeFileAtomic(PATH, 'new', { fs: group })).warning!.message, /its group/)
  t.is(await mode(group), 0o600)
  const user = await foreign(7, 0, 0o660)
  user.fail({ call: 'fchown', error: 'EPERM' })
  t.regex((await writeFileAtomic(PATH, 'new', { fs: user })).warning!.message, /its owner/)
  t.is(await mode(user), 0o660)
})

test('the temporary file never has more rights than the finished one', async (t) => {
  for (const bits of [0o640, 0o600, 0o620, 0o644, 0o604]) {
    const disk = await foreign(7, 8, bits)
    disk.delay = async ({ call, path }) => {
      if (call !== 'write') return
      disk.delay = undefined
      t.is((await disk.stat(path)).mode & 0o177 & ~bits, 0, bits.toString(8))
    }
    await writeFileAtomic(PATH, 'new', { fs: disk })
  }
})
