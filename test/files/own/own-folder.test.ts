import test from 'ava'
import {
  collectLeftovers,
  FileTransaction,
  recoverTransactions,
  removeOrphans,
  Tree,
} from '../../../lib/files/index.js'
import { RecoveryManager } from '../../../lib/files/restore/recovery-manager.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { Machine } from '../../helpers/machine.js'
import { giveTo } from '../../helpers/users.js'
import { again, killed } from '../transaction/scenarios.js'

const FIXED = ['.sluice', '.sluice_1', '.sluice_2', '.sluice_3', '.sluice_4']

/** A folder in which everybody may make files, as the one for temporary files. */
function shared() {
  const disk = new MemoryDisk()
  disk.putFolder('/d', 0o1777)
  return disk
}

/** What a transaction left that died right after it was committed: `a` and `b` are to become new. */
async function committed(): Promise<MemoryDisk> {
  const system = new Machine().start(1)
  const set = (disk: MemoryDisk) => {
    for (const path of ['a', 'b']) disk.put(`/d/${path}`, 'old')
  }
  const run = async (transaction: FileTransaction) => {
    for (const path of ['a', 'b']) await transaction.write(path, 'new')
  }
  let at = Number.POSITIVE_INFINITY
  let calls = 0
  await killed({ set, run }, system, at, ({ call, to }) => {
    calls++
    if (call === 'rename' && to === '/d/a') at = Math.min(at, calls)
    return false
  })
  return again((await killed({ set, run }, system, at)).disk)
}

const WARNING = { code: 'ERR_PERMISSION', message: /belongs to another user \(7\), and is passed over/ }

test('the transaction of another user is passed over with a warning, and is in nobody’s way', async (t) => {
  for (const whose of ['folder', 'intent'] as const) {
    const disk = await committed()
    const intent = disk.list().find((path) => path.endsWith('.intent'))!
    await giveTo(disk, whose === 'folder' ? '/d/.sluice' : intent, 7)
    const before = Object.fromEntries(disk.snapshot())
    const [one, ...more] = (await recoverTransactions('/d', { fs: disk, orphans: false })).transactions
    t.deepEqual([one?.state, more], ['foreign', []])
    t.like(one?.error, { code: WARNING.code })
    t.regex(one!.error!.message, WARNING.message)
    const transaction = await FileTransaction.begin('/d', { fs: disk, unfinished: 'refuse' })
    t.deepEqual(
      transaction.recovered.map(({ state }) => state),
      ['foreign'],
    )
    await transaction.write('a', 'mine')
    await transaction.commit()
    t.deepEqual(Object.fromEntries(disk.snapshot()), { ...before, '/d/a': Buffer.from('mine') }, whose)
  }
})

test('the points of another user are passed over, and their folder is not used', async (t) => {
  const disk = shared()
  disk.put('/d/a', 'a1')
  const theirs = await RecoveryManager.open('/d', { fs: disk })
  await theirs.run('write', 'a', () => disk.put('/d/a', 'a2'))
  await theirs.close()
  await giveTo(disk, '/d/.sluice', 7)
  const manager = await RecoveryManager.open('/d', { fs: disk })
  t.deepEqual([manager.points, await manager.undo()], [[], []])
  t.regex(manager.warnings[0]!.message, WARNING.message)
  await manager.run('write', 'a', () => disk.put('/d/a', 'a3'))
  await manager.undo()
  t.is(disk.snapshot().get('/d/a')!.toString(), 'a2')
  await manager.close()
})

test('a temporary file of another user stays', async (t) => {
  const disk = shared()
  for (const token of ['a', 'b']) disk.put(`/d/.1-0-0-0-${token}.sluice-tmp`, token)
  await giveTo(disk, '/d/.1-0-0-0-b.sluice-tmp', 7)
  const dead = { pid: 1, hostname: () => 'h', read: () => undefined, isAlive: () => false }
  const options = { fs: disk, system: dead, now: () => Number.MAX_VALUE, force: true }
  t.deepEqual((await removeOrphans('/d', options)).files, ['/d/.1-0-0-0-a.sluice-tmp'])
})

test('whoever takes all names that our folder may have locks nobody out, and what is left under another name is found', async (t) => {
  const disk = shared()
  for (const name of FIXED) {
    disk.putFolder(`/d/${name}`, 0o700)
    await giveTo(disk, `/d/${name}`, 7)
  }
  disk.put('/d/a', 'a1')
  const first = await RecoveryManager.open('/d', { fs: disk })
  await first.run('write', 'a', () => disk.put('/d/a', 'a2'))
  await first.close()
  // they make room: what stands under the other name is found all the same
  for (const name of FIXED) disk.remove(`/d/${name}`)
  const second = await RecoveryManager.open('/d', { fs: disk })
  t.deepEqual(
    (await second.undo()).map(({ state }) => state),
    ['undone'],
  )
  await second.close()
  t.deepEqual(disk.list(), ['/d/', '/d/a'])
})

test('where only we may make files, a folder of a name that nobody foresees is not ours', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  disk.putFolder('/d/.sluice_0123456789abcdef', 0o700)
  for (const name of FIXED) disk.put(`/d/${name}`, 'a file')
  const tree = await Tree.open('/d', { fs: disk })
  t.deepEqual(await collectLeftovers(tree), [])
  await tree.close()
  const manager = await RecoveryManager.open('/d', { fs: disk })
  await t.throwsAsync(manager.before('write', 'a'), {
    code: 'ERR_WRITE',
    message: /every name for our folder/,
  })
  await manager.close()
})
