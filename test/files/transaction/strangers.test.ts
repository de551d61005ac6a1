import test from 'ava'
import { FileTransaction, recoverTransactions } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { giveTo } from '../../helpers/users.js'
import { eachAnother, stateOf } from './scenarios.js'

// Somebody else makes a folder where a transaction is to make one: nothing private gets into it.

const MADE = { code: 'ERR_TRANSACTION', message: /b was made by somebody else/ }
const CHANGED = { code: 'ERR_TRANSACTION', message: /was changed by somebody else/ }

function diskWith(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.putFolder('/d/a', 0o700)
  disk.put('/d/a/one', '1')
  disk.putFolder('/d/a/sub', 0o700)
  disk.putFolder('/out/a', 0o700)
  disk.put('/out/a/one', '1')
  return disk
}

const WAYS: Record<string, (transaction: FileTransaction) => Promise<void>> = {
  move: (transaction) => transaction.move('a', 'b'),
  copy: (transaction) => transaction.copy('a', 'b'),
  moveIn: (transaction) => transaction.moveIn('/out/a', 'b'),
  copyIn: (transaction) => transaction.copyIn('/out/a', 'b'),
}

const withB = () => {
  const disk = diskWith()
  disk.putFolder('/d/b')
  return stateOf(disk)
}

/** Has `act` run when the transaction is marked as committed. */
function onCommit(fs: MemoryDisk, act: () => void) {
  fs.hook = ({ call, path }) => {
    if (call !== 'rename' || !path.endsWith('.intent')) return
    fs.hook = undefined
    act()
  }
}

for (const [name, act] of Object.entries(WAYS)) {
  test(`a folder that somebody else made since it was named stops the commit, and is left: ${name}`, async (t) => {
    const fs = diskWith()
    const transaction = await FileTransaction.begin('/d', { fs, system: eachAnother()() })
    await act(transaction)
    fs.putFolder('/d/b')
    await t.throwsAsync(transaction.commit(), CHANGED)
    t.is(stateOf(fs), withB())
  })

  test(`a folder that somebody else makes during the commit undoes it, and is left: ${name}`, async (t) => {
    const fs = diskWith()
    const transaction = await FileTransaction.begin('/d', { fs, system: eachAnother()() })
    await act(transaction)
    onCommit(fs, () => fs.putFolder('/d/b'))
    await t.throwsAsync(transaction.commit(), MADE)
    t.is(stateOf(fs), withB())
  })

  test(`a recovery puts nothing into the folder of another user, until it is gone: ${name}`, async (t) => {
    const fs = diskWith()
    const processes = eachAnother()
    const transaction = await FileTransaction.begin('/d', { fs, system: processes() })
    await act(transaction)
    let isDead = false
    fs.hook = ({ call, path }) => {
      // it is killed before it makes the folder
      isDead ||= call === 'mkdir' && path.endsWith('/b')
      if (isDead) throw Object.assign(new Error('dead'), { code: 'EIO' })
    }
    await t.throwsAsync(transaction.commit())
    fs.hook = undefined
    fs.putFolder('/d/b')
    await giveTo(fs, '/d/b', 1000)
    const recover = async () =>
      (await recoverTransactions('/d', { fs, system: processes() })).transactions.map(
        ({ state, conflicts }) => ({ state, conflicts }),
      )
    t.deepEqual(await recover(), [{ state: 'conflict', conflicts: ['b'] }])
    t.deepEqual((await fs.readdir('/d/b')).map(String), [])
    await fs.rmdir('/d/b')
    t.deepEqual(await recover(), [{ state: 'completed', conflicts: undefined }])
    t.deepEqual((await fs.stat('/d/b')).mode & 0o777, 0o700)
    t.true(fs.snapshot().has('/d/b/one'))
  })
}

test('a folder above a new file may be made by somebody else meanwhile, before the commit or during it', async (t) => {
  const fs = diskWith()
  const processes = eachAnother()
  const early = await FileTransaction.begin('/d', { fs, system: processes() })
  await early.write('b/deep/file', 'x')
  fs.putFolder('/d/b')
  await early.commit()
  t.true(fs.snapshot().has('/d/b/deep/file'))
  const late = await FileTransaction.begin('/d', { fs, system: processes() })
  await late.write('c/deep/file', 'x')
  onCommit(fs, () => fs.putFolder('/d/c'))
  await late.commit()
  t.true(fs.snapshot().has('/d/c/deep/file'))
})

test('an undo leaves the folder of another user', async (t) => {
  const fs = diskWith()
  const old = withB()
  const processes = eachAnother()
  const transaction = await FileTransaction.begin('/d', { fs, system: processes() })
  await transaction.move('a', 'b')
  fs.fail({ call: 'rename', path: '/d/b/one', error: 'EIO' })
  fs.fail({ call: 'rmdir', path: '/d/b', error: 'EIO', once: false })
  await t.throwsAsync(transaction.commit(), { code: 'ERR_TRANSACTION', message: /could not be undone/ })
  fs.heal()
  await giveTo(fs, '/d/b', 1000)
  const { transactions } = await recoverTransactions('/d', { fs, system: processes() })
  t.is(transactions[0]?.state, 'undone')
  t.is(stateOf(fs), old)
})
