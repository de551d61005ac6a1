import { createHash } from 'node:crypto'
import test from 'ava'
import { FileTransaction, recoverTransactions, temporaryName } from '../../../lib/files/index.js'
import { isIntent, transactionPath } from '../../../lib/files/intent/intent.js'
import { intentName } from '../../../lib/files/own/names.js'
import { encodeSealed } from '../../../lib/files/own/record.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Machine } from '../../helpers/machine.js'

const OWNER = { pid: 1, start: '7', host: 'aa', boot: 'bb', token: 'cc' }
const DIGEST = '0f'.repeat(32)
const intent = (action: object, more: object = {}) => ({
  ...{ version: 1, id: 'x', owner: OWNER, durability: 'crash', time: 1, folders: [], actions: [action] },
  ...more,
})
const ours = (folder = '') => transactionPath(OWNER, folder)
const put = (temporary: string, path = 'a/b') => intent({ path, temporary, digest: DIGEST })
const remove = (backup: string, path = 'a/b') => intent({ path, backup, old: DIGEST })

test('an intent names temporary files of its own process, beside the file or above it', (t) => {
  for (const one of [put(ours('a')), put(ours()), remove(ours('a'))]) t.true(isIntent(one))
})

const other = { ...OWNER, pid: 2, token: '0123456789abcdef' }
const REFUSED: Record<string, object> = {
  'a file of the user as the new content': put('a/thesis'),
  'a file of the user as the backup': remove('a/thesis'),
  'a temporary file of another process': put(`a/${temporaryName({ prefix: 'transaction', owner: other })}`),
  'a temporary file that is not of a transaction': put(
    `a/${temporaryName({ owner: { ...OWNER, token: '0123456789abcdef' } })}`,
  ),
  'a name that only ends like one': put(`a/x${nameIn(ours())}`),
  'one in another folder': put(ours('b')),
  'one in a folder whose name only begins alike': put(ours('a'), 'ab/c'),
  'one out of the folder': put(`../${ours()}`),
  'a backup that is not beside its file': remove(ours()),
  'a path out of the folder': put(ours(), '../x'),
  'an absolute path': put(ours(), '/x'),
  'a path in our folder': put(ours(), '.sluice/x'),
  'a temporary file as the path': put(ours(), ours()),
  'a digest that is none': intent({ path: 'a', temporary: ours(), digest: 'x' }),
  'a folder out of the folder': intent(
    { path: 'a', temporary: ours(), digest: DIGEST },
    { folders: ['../b'] },
  ),
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

for (const [what, value] of Object.entries(REFUSED)) {
  test(`it is no intent that names ${what}`, async (t) => {
    t.false(isIntent(value))
    const disk = new MemoryDisk()
    disk.put('/d/a/thesis', 'ten years')
    disk.putFolder('/d/.sluice', 0o700)
    const name = intentName({ key: '0'.repeat(32), state: 'committed', left: true })
    disk.put(`/d/.sluice/${name}`, encodeSealed('sluice-intent', value))
    const before = disk.list()
    const [found] = (await recoverTransactions('/d', { fs: disk, orphans: false })).transactions
    t.is(found?.state, 'damaged')
    t.deepEqual(disk.list(), before)
  })
}

/** A disk on which the content `new` waits for its name, with an intent that says so. */
function committed(value: object): MemoryDisk {
  const disk = new MemoryDisk()
  disk.put('/d/a/b', 'old')
  disk.putFolder('/d/.sluice', 0o700)
  const name = intentName({ key: '0'.repeat(32), state: 'committed', left: true })
  disk.put(`/d/.sluice/${name}`, encodeSealed('sluice-intent', value))
  return disk
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')

test('an intent of each version that there was is recovered', async (t) => {
  for (const version of [1, 2]) {
    const [temporary, backup] = [ours('a'), ours('a')]
    const action = { path: 'a/b', temporary, digest: digestOf('new'), backup, old: digestOf('old') }
    const disk = committed(intent(action, { version }))
    disk.put(`/d/${temporary}`, 'new')
    disk.put(`/d/${backup}`, 'old')
    const { state } = await recoverTransactions('/d', { fs: disk, system: new Machine().start(9) })
    t.is(state, 'recovered')
    t.deepEqual(disk.list(), ['/d/', '/d/a/', '/d/a/b'])
    t.is(`${disk.snapshot().get('/d/a/b')}`, 'new')
  }
})

test('an intent of a later version is refused with a way out, and nothing of it is lost', async (t) => {
  const temporary = ours('a')
  const disk = committed({ ...intent({ path: 'a/b', more: true }), version: 5 })
  disk.put(`/d/${temporary}`, 'new')
  const before = disk.list()
  const system = new Machine().start(9)
  const clock = new FakeClock({ auto: true })
  const { state, transactions } = await recoverTransactions('/d', { fs: disk, system, clock })
  t.is(state, 'unfinished')
  const refused = {
    code: 'ERR_TRANSACTION',
    message: /written by a newer Sluice \(version 5\): recover it with/,
  }
  t.like(transactions[0], { state: 'failed' })
  t.like(transactions[0]?.error, { code: refused.code })
  t.regex(transactions[0]!.error!.message, refused.message)
  await t.throwsAsync(FileTransaction.begin('/d', { fs: disk, system, clock }), refused)
  t.deepEqual(disk.list(), before)
})

test('of a file that is called like an intent and has another beginning one piece is read', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/d/.sluice', 0o700)
  const name = intentName({ key: '0'.repeat(32), state: 'committed', left: true })
  disk.put(`/d/.sluice/${name}`, Buffer.alloc(4 * 1024 * 1024))
  let reads = 0
  disk.hook = ({ call }) => call === 'read' && reads++
  await recoverTransactions('/d', { fs: disk, orphans: false, dryRun: true })
  t.is(reads, 1)
})
