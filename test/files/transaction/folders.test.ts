import test from 'ava'
import { FileTransaction, recoverTransactions, temporaryName } from '../../../lib/files/index.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { Machine } from '../../helpers/machine.js'
import { giveTo } from '../../helpers/users.js'
import { eachAnother } from './scenarios.js'

const system = new Machine().start(1)

function diskWith(files: Record<string, string | null>): MemoryDisk {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  for (const [path, content] of Object.entries(files)) {
    if (content === null) disk.putFolder(`/d/${path}`)
    else disk.put(`/d/${path}`, content)
  }
  return disk
}

/** All below /d, folders with a slash, files with their content. */
function below(disk: MemoryDisk): string[] {
  const files = disk.snapshot()
  return disk
    .list()
    .filter((path) => path.startsWith('/d/') && path !== '/d/')
    .map((path) => (files.has(path) ? `${path.slice(3)}=${files.get(path)}` : path.slice(3)))
}

const begin = (fs: MemoryDisk) => FileTransaction.begin('/d', { fs, system })

const TREE = { 'a/one': '1', 'a/sub/two': '2', 'a/empty': null, other: 'x' }

test('what has the form of a temporary file stays where it is, with a warning, whatever becomes of its folder', async (t) => {
  const kept = '.x.1-1-a-b-c.sluice-tmp'
  for (const act of [
    (transaction: FileTransaction) => transaction.copy('a', 'b'),
    (transaction: FileTransaction) => transaction.move('a', 'b'),
    (transaction: FileTransaction) => transaction.delete('a', { recursive: true }),
  ]) {
    const fs = diskWith({ ...TREE, [`a/sub/${kept}`]: 'of the user' })
    const transaction = await begin(fs)
    // which has a temporary file of its own by now, of which nobody is told
    await transaction.write('a/sub/new', 'new')
    await act(transaction)
    const { warnings } = await transaction.commit()
    t.deepEqual(
      warnings.map(({ code, path }) => [code, path]),
      [['ERR_PATH', `a/sub/${kept}`]],
    )
    t.true(below(fs).includes(`a/sub/${kept}=of the user`))
  }
})

test('a folder is moved with all that is in it; its files stay the same ones', async (t) => {
  const fs = diskWith(TREE)
  const { ino } = await fs.stat('/d/a/sub/two')
  const transaction = await begin(fs)
  await transaction.move('a', 'new/b')
  const { files, folders, emptied, warnings } = await transaction.commit()
  t.deepEqual(below(fs), [
    'new/',
    'new/b/',
    'new/b/empty/',
    'new/b/one=1',
    'new/b/sub/',
    'new/b/sub/two=2',
    'other=x',
  ])
  t.is((await fs.stat('/d/new/b/sub/two')).ino, ino)
  t.deepEqual(folders, ['new', 'new/b', 'new/b/empty', 'new/b/sub'])
  t.deepEqual(emptied, ['a/sub', 'a/empty', 'a'])
  t.deepEqual(files.map(({ path, how }) => `${path} ${how}`).sort(), [
    'a/one deleted',
    'a/sub/two deleted',
    'new/b/one created',
    'new/b/sub/two created',
  ])
  t.deepEqual(warnings, [])
})

test('a folder is copied, and both are apart then', async (t) => {
  const fs = diskWith(TREE)
  const transaction = await begin(fs)
  await transaction.copy('a', 'b')
  t.deepEqual((await transaction.commit()).emptied, [])
  const both = ['a', 'b'].flatMap((top) =>
    ['/', '/empty/', '/one=1', '/sub/', '/sub/two=2'].map((path) => top + path),
  )
  t.deepEqual(below(fs), [...both, 'other=x'])
  t.not((await fs.stat('/d/a/one')).ino, (await fs.stat('/d/b/one')).ino)
})

test('a folder is deleted with all that is in it, but only if that is said', async (t) => {
  const fs = diskWith(TREE)
  const refused = await begin(fs)
  await t.throwsAsync(refused.delete('a'), { code: 'ERR_TRANSACTION', message: /a is a folder.*recursive/ })
  await refused.rollback()
  const transaction = await begin(fs)
  await transaction.delete('a', { recursive: true })
  await transaction.delete('other', { recursive: true })
  await transaction.commit()
  t.deepEqual(below(fs), [])
})

test('an empty folder alone is enough for a transaction', async (t) => {
  const fs = diskWith({ a: null })
  const transaction = await begin(fs)
  await transaction.move('a', 'b')
  await transaction.copy('b', 'c')
  await transaction.commit()
  t.deepEqual(below(fs), ['b/', 'c/'])
})

test('each operation sees what the earlier ones planned in a folder', async (t) => {
  const fs = diskWith(TREE)
  const transaction = await begin(fs)
  await transaction.write('a/sub/three', '3')
  await transaction.delete('a/one')
  await transaction.move('a', 'b')
  await transaction.copy('b/sub', 'c')
  await transaction.write('b/sub/two', '22')
  await transaction.write('a/back', 'again')
  await transaction.move('c', 'd')
  await transaction.commit()
  t.deepEqual(below(fs), [
    'a/',
    'a/back=again',
    'b/',
    'b/empty/',
    'b/sub/',
    'b/sub/three=3',
    'b/sub/two=22',
    'd/',
    'd/three=3',
    'd/two=2',
    'other=x',
  ])
})

test('a folder takes the place of another one only once that was deleted, and never that of a file', async (t) => {
  const fs = diskWith({ ...TREE, 'b/one': 'of b', 'b/three': '3' })
  for (const [act, message] of [
    [(one: FileTransaction) => one.move('a', 'b'), /b is a folder already; delete it first/],
    [(one: FileTransaction) => one.copy('a', 'other'), /other is a file; delete it first/],
    [(one: FileTransaction) => one.move('a', 'other/sub'), /other is a file, so that/],
    [(one: FileTransaction) => one.move('a', 'a/sub/a'), /cannot be moved into itself/],
    [(one: FileTransaction) => one.copy('a', 'a/sub/a'), /cannot be copied into itself/],
    [(one: FileTransaction) => one.move('a/sub', 'a'), /a is a folder already/],
    [(one: FileTransaction) => one.move('none', 'c'), /none does not exist/],
    [
      async (one: FileTransaction) => {
        await one.move('a', 'c')
        await one.write('a', 'a file')
      },
      /a is a folder until the commit/,
    ],
  ] as const) {
    const transaction = await begin(fs)
    await t.throwsAsync(act(transaction), { code: 'ERR_TRANSACTION', message })
    await t.throwsAsync(transaction.commit(), { code: 'ERR_TRANSACTION' })
  }
  const schema = await begin(fs)
  await t.throwsAsync(schema.copy('a', 'c', { schema: true }), { code: 'ERR_USAGE', message: /schema/ })
  await schema.rollback()
  const transaction = await begin(fs)
  await transaction.delete('b', { recursive: true })
  await transaction.move('a', 'b')
  await transaction.delete('other')
  await transaction.copy('b', 'other')
  await transaction.commit()
  const both = ['b', 'other'].flatMap((top) =>
    ['/', '/empty/', '/one=1', '/sub/', '/sub/two=2'].map((path) => top + path),
  )
  t.deepEqual(below(fs), both)
})

test('links in a folder, and what is neither file nor folder, are refused as they are by their names', async (t) => {
  const fs = diskWith(TREE)
  fs.putLink('/d/a/sub/link', '/d/other')
  for (const act of [
    (one: FileTransaction) => one.move('a', 'b'),
    (one: FileTransaction) => one.copy('a', 'b'),
    (one: FileTransaction) => one.delete('a', { recursive: true }),
    (one: FileTransaction) => one.copyIn('/d/../d2/a', 'b'),
  ]) {
    fs.putLink('/d2/a/sub/link', 'x')
    const transaction = await begin(fs)
    await t.throwsAsync(act(transaction), {
      code: 'ERR_UNSAFE_LINK',
      message: /a\/sub\/link is a symbolic link/,
    })
    await transaction.rollback()
  }
  t.true(below(fs).includes('a/one=1'))
})

test('what somebody else puts into a folder that goes is never lost, and stops the commit', async (t) => {
  const fs = diskWith(TREE)
  const transaction = await begin(fs)
  await transaction.move('a', 'b')
  fs.put('/d/a/sub/late', 'precious')
  await t.throwsAsync(transaction.commit(), {
    code: 'ERR_TRANSACTION',
    message: /a\/sub\/late was changed by somebody/,
  })
  t.deepEqual(below(fs), [
    'a/',
    'a/empty/',
    'a/one=1',
    'a/sub/',
    'a/sub/late=precious',
    'a/sub/two=2',
    'other=x',
  ])
  // during the commit it is too late to stop: the folder is left with it
  await fs.unlink('/d/a/sub/late')
  const second = await begin(fs)
  await second.move('a', 'b')
  fs.hook = ({ call, path }) => {
    if (call !== 'rename' || !path.endsWith('.intent')) return
    fs.hook = undefined
    fs.put('/d/a/sub/late', 'precious')
  }
  await second.commit()
  t.deepEqual(below(fs), [
    'a/',
    'a/sub/',
    'a/sub/late=precious',
    'b/',
    'b/empty/',
    'b/one=1',
    'b/sub/',
    'b/sub/two=2',
    'other=x',
  ])
})

test('temporary files of others in a folder are left where they are', async (t) => {
  const fs = diskWith(TREE)
  const theirs = temporaryName({ owner: thisOwner(new Machine().start(9)) })
  fs.put(`/d/a/${theirs}`, 'half')
  const transaction = await begin(fs)
  await transaction.write('a/one', 'new')
  await transaction.move('a', 'b')
  await transaction.commit()
  t.deepEqual(below(fs), [
    'a/',
    `a/${theirs}=half`,
    'b/',
    'b/empty/',
    'b/one=new',
    'b/sub/',
    'b/sub/two=2',
    'other=x',
  ])
})

test('folders keep their mode, moved ones their owner, too, and nobody looks into them before', async (t) => {
  const fs = diskWith(TREE)
  const set = async (path: string, mode: number) => {
    const fd = await fs.open(path, 0)
    await fs.fchmod(fd, mode)
    await fs.close(fd)
  }
  await set('/d/a', 0o750)
  await set('/d/a/sub', 0o500)
  await giveTo(fs, '/d/a', 1000)
  const rights = async (path: string) => {
    const { mode, uid } = await fs.stat(path)
    return [(mode & 0o777).toString(8), uid]
  }
  const modes: string[] = []
  fs.delay = async ({ call, path }) => {
    if (call === 'rename' && path.includes('.transaction') && fs.list().includes('/d/b/'))
      modes.push(String((await rights('/d/b'))[0]))
  }
  const transaction = await begin(fs)
  await transaction.copy('a', 'c')
  await transaction.move('a', 'b')
  t.deepEqual((await transaction.commit()).warnings, [])
  t.deepEqual(new Set(modes), new Set(['700']))
  t.deepEqual(await rights('/d/b'), ['750', 1000])
  t.deepEqual(await rights('/d/b/sub'), ['500', 0])
  t.deepEqual(await rights('/d/c'), ['750', 0])
  t.deepEqual(await rights('/d/c/sub'), ['500', 0])
})

test('a moved folder stays one of a group, and one in which each deletes only their own', async (t) => {
  const fs = diskWith(TREE)
  const set = async (path: string, mode: number) => {
    const fd = await fs.open(path, 0)
    await fs.fchmod(fd, mode)
    await fs.close(fd)
  }
  await set('/d/a', 0o2775)
  await set('/d/a/sub', 0o1777)
  await set('/d/a/empty', 0o3770)
  const transaction = await begin(fs)
  await transaction.move('a', 'b')
  await transaction.commit()
  const modes = ['b', 'b/sub', 'b/empty'].map(async (path) => (await fs.stat(`/d/${path}`)).mode & 0o7777)
  t.deepEqual(await Promise.all(modes), [0o2775, 0o1777, 0o3770])
})

test('a folder does not take the place of one that has other rights, in the same transaction', async (t) => {
  const disk = () => {
    const fs = diskWith({ 'open/old': 'o' })
    fs.putFolder('/d/private', 0o700)
    fs.put('/d/private/secret', 'x')
    fs.putFolder('/out', 0o700)
    fs.put('/out/secret', 'x')
    return fs
  }
  for (const act of [
    (one: FileTransaction) => one.move('private', 'open'),
    (one: FileTransaction) => one.copy('private', 'open'),
    (one: FileTransaction) => one.moveIn('/out', 'open'),
    (one: FileTransaction) => one.copyIn('/out', 'open'),
  ]) {
    const fs = disk()
    const before = below(fs)
    const transaction = await begin(fs)
    await transaction.delete('open', { recursive: true })
    await act(transaction)
    await t.throwsAsync(transaction.commit(), {
      code: 'ERR_TRANSACTION',
      message: /open has another owner, mode or access list than the folder that takes its place/,
    })
    t.deepEqual(below(fs), before)
  }
  // another owner alone is enough
  const owned = disk()
  owned.putFolder('/d/theirs')
  await giveTo(owned, '/d/theirs', 1000)
  const transaction = await begin(owned)
  await transaction.delete('open', { recursive: true })
  await transaction.move('theirs', 'open')
  await t.throwsAsync(transaction.commit(), { code: 'ERR_TRANSACTION' })
})

test('a folder has the rights of the last one that was moved there, and only while it is that one', async (t) => {
  const fs = diskWith({ 'open/old': 'o' })
  fs.putFolder('/d/private', 0o700)
  fs.put('/d/private/secret', 'x')
  const transaction = await begin(fs)
  await transaction.delete('open', { recursive: true })
  await transaction.move('private', 'open')
  await transaction.move('open', 'kept')
  await transaction.write('open/new', 'n')
  await transaction.copy('kept', 'gone')
  await transaction.delete('gone', { recursive: true })
  await transaction.write('gone/new', 'n')
  await transaction.commit()
  const modes = ['open', 'kept', 'gone'].map(async (path) => (await fs.stat(`/d/${path}`)).mode & 0o777)
  t.deepEqual(await Promise.all(modes), [0o755, 0o700, 0o755])
})

test('an owner that the disk refuses is a warning, and the group gets no more than all others', async (t) => {
  const fs = diskWith(TREE)
  const fd = await fs.open('/d/a', 0)
  await fs.fchmod(fd, 0o770)
  await fs.close(fd)
  await giveTo(fs, '/d/a', 1000)
  fs.fail({ call: 'fchown', error: 'EPERM', once: false })
  const transaction = await begin(fs)
  await transaction.move('a', 'b')
  const { warnings } = await transaction.commit()
  t.deepEqual(
    warnings.map(({ code }) => code),
    ['ERR_PERMISSION'],
  )
  t.is((await fs.stat('/d/b')).mode & 0o777, 0o700)
})

test('what the disk refuses is told by the recovery that completes a transaction, too', async (t) => {
  const fs = diskWith(TREE)
  const processes = eachAnother()
  await giveTo(fs, '/d/a', 1000)
  const transaction = await FileTransaction.begin('/d', { fs, system: processes() })
  await transaction.move('a', 'b')
  fs.fail({ call: 'rmdir', path: '/d/a', error: 'EIO', once: false })
  await transaction.commit()
  fs.heal()
  await giveTo(fs, '/d/b', 0)
  fs.fail({ call: 'fchown', error: 'EPERM', once: false })
  const { transactions } = await recoverTransactions('/d', { fs, system: processes() })
  t.deepEqual(
    transactions.map(({ state, warnings }) => [state, warnings?.map(({ code }) => code)]),
    [['completed', ['ERR_PERMISSION']]],
  )
})

test('the rights of a folder last, and so does that the old one is gone', async (t) => {
  const fs = new MemoryDisk({ crashes: true })
  fs.put('/d/a/one', '1')
  const fd = await fs.open('/d/a', 0)
  await fs.fchmod(fd, 0o750)
  await fs.close(fd)
  fs.syncAll()
  const transaction = await begin(fs)
  await transaction.move('a', 'b')
  await transaction.commit()
  for (let seed = 0; seed < 60; seed++) {
    const found = fs.crash(seed)
    t.deepEqual(
      below(found).filter((path) => !path.startsWith('.sluice')),
      ['b/', 'b/one=1'],
    )
    t.is((await found.stat('/d/b')).mode & 0o777, 0o750)
  }
})

test('a disk that fails when the empty folders go leaves them to a recovery', async (t) => {
  const fs = diskWith(TREE)
  const processes = eachAnother()
  const transaction = await FileTransaction.begin('/d', { fs, system: processes() })
  await transaction.move('a', 'b')
  fs.fail({ call: 'rmdir', path: '/d/a', error: 'EIO', once: false })
  t.is((await transaction.commit()).warnings[0]?.code, 'ERR_WRITE')
  fs.heal()
  const dry = (await recoverTransactions('/d', { fs, system: processes(), dryRun: true })).transactions
  t.true(dry[0]?.removed?.includes('a'))
  await recoverTransactions('/d', { fs, system: processes() })
  t.deepEqual(below(fs), ['b/', 'b/empty/', 'b/one=1', 'b/sub/', 'b/sub/two=2', 'other=x'])
})
