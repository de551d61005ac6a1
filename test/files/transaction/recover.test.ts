import test from 'ava'
import {
  type AuditEntry,
  FileTransaction,
  recoverTransactions,
  removeOrphans,
  temporaryName,
} from '../../../lib/files/index.js'
import { type ProcessSystem, thisOwner } from '../../../lib/files/own/owner.js'
import type { DiskEvent } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Machine } from '../../helpers/machine.js'
import { giveTo } from '../../helpers/users.js'
import { again, eachAnother, killed, type Scenario, stateOf } from './scenarios.js'

const SCENARIO: Scenario = {
  set: (disk) => {
    for (const path of ['a', 'b', 'c', 'elsewhere']) disk.put(`/d/${path}`, `old ${path}`)
  },
  run: async (transaction) => {
    await transaction.write('a', 'new a')
    await transaction.write('b', 'new b')
    await transaction.delete('c')
    await transaction.write('sub/d', 'new d')
  },
}

/** A disk on which the process died when the call began that `when` looks for. */
async function diedAt(
  when: (event: DiskEvent) => boolean,
  {
    system = eachAnother()(),
    fails,
    nth = 1,
  }: { system?: ReturnType<Machine['start']>; fails?: typeof when; nth?: number } = {},
): Promise<MemoryDisk> {
  let at = Number.POSITIVE_INFINITY
  let calls = 0
  let seen = 0
  await killed(SCENARIO, system, at, (event) => {
    calls++
    if (when(event) && ++seen === nth) at = calls
    return fails?.(event) ?? false
  })
  return again((await killed(SCENARIO, system, at, fails)).disk)
}

const renameTo = (path: string | RegExp) => (event: DiskEvent) =>
  event.call === 'rename' &&
  (typeof path === 'string' ? event.to === path : path.test(`${event.path} ${event.to}`))
const halfway = renameTo('/d/b')
const files = (disk: MemoryDisk) =>
  Object.fromEntries(
    [...disk.snapshot()]
      .filter(([path]) => !path.includes('.sluice'))
      .map(([path, text]) => [path.slice(3), text.toString()])
      .sort(),
  )
const OLD = { a: 'old a', b: 'old b', c: 'old c', elsewhere: 'old elsewhere' }
const NEW = { a: 'new a', b: 'new b', elsewhere: 'old elsewhere', 'sub/d': 'new d' }
const PATHS = ['a', 'b', 'sub/d', 'c']

test('what was only prepared is discarded, what was committed is completed, what had failed is undone', async (t) => {
  const cases = [
    ['discarded', await diedAt(renameTo(/committed/)), OLD],
    ['completed', await diedAt(halfway), NEW],
    [
      'undone',
      await diedAt(({ call, path }) => call === 'rmdir' && path === '/d/sub', { fails: failsAt('c') }),
      OLD,
    ],
  ] as const
  for (const [state, disk, expected] of cases) {
    const system = another()
    const before = stateOf(disk)
    const [looked] = (await recoverTransactions('/d', { fs: disk, system, dryRun: true })).transactions
    t.is(stateOf(disk), before, 'a dry run changes nothing')
    const recovered = (await recoverTransactions('/d', { fs: disk, system })).transactions
    t.is(recovered.length, 1)
    t.like(recovered[0], { state, paths: PATHS })
    t.deepEqual(looked, recovered[0])
    t.deepEqual(files(disk), expected)
    t.false(disk.list().some((path) => path.includes('.sluice')))
    t.deepEqual((await recoverTransactions('/d', { fs: disk, system })).transactions, [])
  }
})

const failsAt = (path: string) => (event: DiskEvent) => event.call === 'unlink' && event.path === `/d/${path}`

/** A process of a machine on which nobody else lives. */
function another() {
  return new Machine().start(1000)
}

test('a recovery has one answer: what became of each, and of all together', async (t) => {
  const machine = new Machine()
  const recover = async (disk: MemoryDisk, dryRun = false) => {
    const { state, transactions } = await recoverTransactions('/d', {
      fs: disk,
      system: machine.start(9),
      dryRun,
    })
    return [state, ...transactions.map((one) => one.state)]
  }
  const disk = await diedAt(halfway, { system: machine.start(5) })
  t.deepEqual(await recover(disk), ['unfinished', 'running'])
  machine.end(5)
  disk.put('/d/b', 'theirs')
  t.deepEqual(await recover(disk, true), ['unfinished', 'conflict'])
  t.deepEqual(await recover(disk), ['unfinished', 'conflict'])
  disk.remove('/d/b')
  t.deepEqual(await recover(disk, true), ['recovered', 'completed'])
  t.deepEqual(await recover(disk), ['recovered', 'completed'])
  t.deepEqual(await recover(disk), ['nothing'])
  // what belongs to another user is not ours to end
  const theirs = await diedAt(halfway, { system: machine.start(5) })
  machine.end(5)
  await giveTo(theirs, '/d/.sluice', 1000)
  t.deepEqual(await recover(theirs), ['nothing', 'foreign'])
  const records: AuditEntry[] = []
  const audit = { record: (entry: AuditEntry) => void records.push(entry) }
  await recoverTransactions('/d', { fs: disk, audit })
  t.deepEqual(records[0]?.metadata, { state: 'nothing' })
})

test('the next transaction in the folder ends what a dead one left, or refuses to begin', async (t) => {
  const disk = await diedAt(halfway)
  const system = another()
  const error = await t.throwsAsync(FileTransaction.begin('/d', { fs: disk, system, unfinished: 'refuse' }), {
    code: 'ERR_TRANSACTION',
  })
  t.regex(error!.message, /transaction [0-9a-f]{32} \(completed\) was left there; run: sluice recover \/d/)
  const transaction = await FileTransaction.begin('/d', { fs: disk, system })
  t.like(transaction.recovered[0], { state: 'completed', paths: PATHS })
  await transaction.rollback()
  t.deepEqual(files(disk), NEW)
})

test('the transaction of a living process is left alone, and its paths are blocked', async (t) => {
  const machine = new Machine()
  const disk = await diedAt(halfway, { system: machine.start(5) })
  const system = machine.start(6)
  // its lock was removed by hand, but the process lives
  disk.remove('/d/.sluice-lock-transaction')
  const before = stateOf(disk)
  t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [
    { state: 'running', paths: PATHS },
  ])
  t.is(stateOf(disk), before)
  for (const path of ['a', 'sub', 'sub/d', 'a/below']) {
    await using transaction = await FileTransaction.begin('/d', { fs: disk, system })
    const error = await t.throwsAsync(transaction.write(path, ''), { code: 'ERR_TRANSACTION' })
    t.regex(
      error!.message,
      /transaction [0-9a-f]{32} \(running\) is not at its end, and needs .*sluice recover/,
    )
  }
  await using transaction = await FileTransaction.begin('/d', { fs: disk, system })
  await transaction.write('elsewhere', 'new')
  await transaction.commit()
  machine.end(5)
  t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [{ state: 'completed' }])
  t.deepEqual(files(disk), { ...NEW, elsewhere: 'new' })
})

test('what is neither old nor new is never overwritten: it is reported, and can be ended once it is moved away', async (t) => {
  const disk = await diedAt(halfway)
  const system = another()
  disk.put('/d/b', 'theirs')
  const before = files(disk)
  t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [
    { state: 'conflict', conflicts: ['b'] },
  ])
  t.deepEqual(files(disk), before)
  disk.move('/d/b', '/d/theirs')
  t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [{ state: 'completed' }])
  t.deepEqual(files(disk), { ...NEW, theirs: 'theirs' })
})

test('of a conflict while it is undone nothing is overwritten either', async (t) => {
  const disk = await diedAt(renameTo(/sluice-tmp \/d\/a$/), { fails: failsAt('c'), nth: 2 })
  const system = another()
  disk.put('/d/a', 'theirs')
  const before = files(disk)
  t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [
    { state: 'conflict', conflicts: ['a'] },
  ])
  t.deepEqual(files(disk), before)
  disk.remove('/d/a')
  t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [{ state: 'undone' }])
  t.deepEqual(files(disk), OLD)
})

test('what was done already is not looked at again: the user may have changed it since', async (t) => {
  for (const [fails, expected] of [
    [undefined, { ...NEW, a: 'theirs' }],
    [failsAt('c'), { ...OLD, a: 'theirs' }],
  ] as const) {
    const disk = await diedAt(fails ? ({ call, path }) => call === 'rmdir' && path === '/d/sub' : halfway, {
      fails,
    })
    disk.put('/d/a', 'theirs')
    t.like((await recoverTransactions('/d', { fs: disk, system: another() })).transactions, [
      { state: fails ? 'undone' : 'completed' },
    ])
    t.deepEqual(files(disk), expected)
  }
})

test('content that is lost is reported', async (t) => {
  const disk = await diedAt(halfway)
  const system = another()
  for (const [path, text] of disk.snapshot())
    if (path.includes('.sluice-tmp') && text.toString() === 'new b') disk.remove(path)
  t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [
    { state: 'conflict', conflicts: ['b'] },
  ])
})

test('an intent that cannot be read is reported, nothing is removed that it may need, and nothing begins', async (t) => {
  const disk = await diedAt(halfway)
  const path = disk.list().find((one) => one.endsWith('.intent'))!
  const content = disk.snapshot().get(path)!
  disk.remove('/d/.sluice-lock-transaction')
  const damages = [
    content.subarray(0, 100),
    Buffer.from(content.toString().replace('"a"', '"x"')),
    Buffer.alloc(0),
    Buffer.from('sluice-intent'),
  ]
  for (const damage of damages) {
    disk.put(path, damage)
    const before = stateOf(disk)
    const system = another()
    t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [
      { state: 'damaged', id: '', intent: path.slice(3) },
    ])
    t.is(stateOf(disk), before)
    await t.throwsAsync(FileTransaction.begin('/d', { fs: disk, system }), {
      code: 'ERR_TRANSACTION',
      message: /cannot be read; look at the files in \/d, then remove it/,
    })
  }
  disk.put(path, content)
  t.like((await recoverTransactions('/d', { fs: disk, system: another() })).transactions, [
    { state: 'completed' },
  ])
})

test('an abort that cannot be undone stays, its paths are blocked, and later it is undone', async (t) => {
  const disk = new MemoryDisk()
  SCENARIO.set(disk)
  const system = new Machine().start(5)
  const transaction = await FileTransaction.begin('/d', { fs: disk, system, id: 'stuck' })
  await SCENARIO.run(transaction)
  disk.fail({ call: 'unlink', path: '/d/c', error: 'EIO', once: false })
  disk.fail({ call: 'rename', path: '/d/a', nth: 2, error: 'EIO', once: false })
  const error = await t.throwsAsync(transaction.commit(), { code: 'ERR_TRANSACTION' })
  t.regex(error!.message, /transaction stuck: it failed in the middle, and could not be undone/)
  t.is(files(disk).a, 'new a')
  // the same process goes on: the folder is free, the transaction is tried again, in vain as yet
  const next = await FileTransaction.begin('/d', { fs: disk, system })
  t.like(next.recovered, [{ id: 'stuck', state: 'failed' }])
  await t.throwsAsync(next.write('a', ''), {
    code: 'ERR_TRANSACTION',
    message: /transaction stuck \(failed\)/,
  })
  await next.rollback()
  await t.throwsAsync(FileTransaction.begin('/d', { fs: disk, system, id: 'stuck' }), {
    code: 'ERR_TRANSACTION',
    message: /has the same id/,
  })
  disk.heal()
  t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [
    { id: 'stuck', state: 'undone' },
  ])
  t.deepEqual(files(disk), OLD)
  t.false(disk.list().some((path) => path.includes('.sluice')))
})

test('a commit whose record may or may not stand has an unknown outcome, which a recovery decides', async (t) => {
  const disk = new MemoryDisk()
  SCENARIO.set(disk)
  const system = new Machine().start(5)
  const transaction = await FileTransaction.begin('/d', { fs: disk, system })
  await SCENARIO.run(transaction)
  disk.hook = (event) => {
    if (renameTo(/prepared.* .*committed/)(event)) disk.fail({ call: 'fsync', error: 'EIO' })
  }
  await t.throwsAsync(transaction.commit(), { code: 'ERR_OUTCOME_UNKNOWN', message: /sluice recover \/d/ })
  disk.hook = undefined
  t.deepEqual(files(disk), OLD)
  t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [{ state: 'completed' }])
  t.deepEqual(files(disk), NEW)
})

test('a commit whose last syncs fail is in place, but says that it may not last', async (t) => {
  const disk = new MemoryDisk()
  SCENARIO.set(disk)
  const system = new Machine().start(5)
  const transaction = await FileTransaction.begin('/d', { fs: disk, system })
  await SCENARIO.run(transaction)
  disk.hook = ({ call, path }) => {
    if (call === 'unlink' && path === '/d/c') disk.fail({ call: 'fsync', path: '/d', error: 'EIO' })
  }
  await t.throwsAsync(transaction.commit(), {
    code: 'ERR_OUTCOME_UNKNOWN',
    message: /failed to make it last/,
  })
  disk.hook = undefined
  t.deepEqual(files(disk), NEW)
  t.like((await recoverTransactions('/d', { fs: disk, system })).transactions, [{ state: 'completed' }])
})

test('an intent or a temporary file that cannot be removed at the end is a warning', async (t) => {
  for (const path of [/\.intent$/, /\.sluice-tmp$/]) {
    const disk = new MemoryDisk()
    SCENARIO.set(disk)
    const system = new Machine().start(5)
    const transaction = await FileTransaction.begin('/d', { fs: disk, system })
    await SCENARIO.run(transaction)
    disk.hook = (event) => {
      if (renameTo(/committed/)(event)) disk.fail({ call: 'unlink', path, error: 'EIO', once: false })
    }
    const { warnings } = await transaction.commit()
    t.like(warnings, [{ code: 'ERR_WRITE' }])
    disk.hook = undefined
    disk.heal()
    t.deepEqual(files(disk), NEW)
    await recoverTransactions('/d', { fs: disk, system: another() })
    t.deepEqual(files(disk), NEW)
    t.false(disk.list().some((one) => one.includes('.sluice')))
  }
})

test('a lock that was lost stops the commit before anything is changed', async (t) => {
  const disk = new MemoryDisk()
  SCENARIO.set(disk)
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  await SCENARIO.run(transaction)
  for (const path of disk.list().filter((one) => one.includes('gate/exclusive')))
    disk.remove(path.slice(0, -1))
  await t.throwsAsync(transaction.commit(), { code: 'ERR_LOCK_LOST' })
  t.deepEqual(files(disk), OLD)
})

test('an intent in a folder of somebody else, or one that leads out, is not followed', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/file', 'old')
  disk.put('/user/precious', 'not yours')
  disk.put('/d/.sluice/theirs', 'a folder that is only called like ours')
  disk.putLink('/d/.sluice_1', '/user')
  t.deepEqual((await recoverTransactions('/d', { fs: disk })).transactions, [])
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  await transaction.write('file', 'new')
  await transaction.commit()
  t.is(disk.snapshot().get('/d/file')!.toString(), 'new')
  t.is(disk.snapshot().get('/user/precious')!.toString(), 'not yours')
  t.true(disk.list().includes('/d/.sluice/theirs'))
})

test('orphans are removed with a recovery, but what an unfinished transaction needs never is, from wherever it is looked for', async (t) => {
  const disk = await diedAt(({ call, path }) => call === 'unlink' && path === '/d/c')
  const system = another()
  const options = { olderThan: 0, recursive: true, now: () => Number.MAX_VALUE, fs: disk, system }
  disk.putFolder('/d/sub')
  const temporaries = () => disk.list().filter((path) => path.endsWith('.sluice-tmp'))
  const before = temporaries()
  t.true(before.length > 2)
  for (const folder of ['/', '/d', '/d/sub']) t.deepEqual((await removeOrphans(folder, options)).files, [])
  const intent = disk.list().find((path) => path.endsWith('.intent'))!
  const content = disk.snapshot().get(intent)!
  disk.put(intent, 'damaged')
  t.deepEqual((await removeOrphans('/d', options)).files, [])
  t.deepEqual(temporaries(), before)
  disk.put(intent, content)
  // a folder above that may not be looked into has no transaction of ours
  disk.fail({ call: 'open', path: '/', error: 'EACCES', once: false })
  t.deepEqual((await removeOrphans('/d', options)).files, [])
  disk.heal()
  await recoverTransactions('/d', { fs: disk, system, orphans: false })
  t.deepEqual(files(disk), NEW)
  t.deepEqual(temporaries(), [])
  const early = await diedAt(({ call, path }) => call === 'fsync' && path.endsWith('.sluice-tmp'))
  t.is((await removeOrphans('/d', { ...options, fs: early })).count, 1)
})

test('a folder that another user keeps shut is no obstacle to a recovery, which says that it could not look there', async (t) => {
  const disk = await diedAt(halfway)
  disk.putFolder('/d/private', 0o700)
  await giveTo(disk, '/d/private', 1001)
  disk.fail({ call: 'open', path: '/d/private', error: 'EACCES', once: false })
  const recovery = await recoverTransactions('/d', { fs: disk, system: another() })
  t.like(recovery, { state: 'recovered', transactions: [{ state: 'completed' }] })
  t.like(recovery.warnings, [{ code: 'ERR_PERMISSION', path: '/d/private' }])
  t.false(disk.list().some((path) => path.includes('.sluice')))
})

test('a transaction in a folder below that commits and dies while orphans are searched is completed all the same', async (t) => {
  for (const place of [renameTo(/committed/), renameTo('/d/s/b/f1'), renameTo('/d/s/c/f2')]) {
    const disk = new MemoryDisk()
    const machine = new Machine()
    const victim = machine.start(5)
    // the search knows the intents of /d/s already when it comes to b and c
    const orphan = temporaryName({ owner: thisOwner(machine.start(4)) })
    machine.end(4)
    for (const path of [`a/${orphan}`, 'b/f1', 'c/f2']) disk.put(`/d/s/${path}`, `old ${path}`)
    disk.delay = async ({ call, path }) => {
      if (call !== 'readdir' || path !== '/d/s/b') return
      await new Promise<void>((dead) => {
        let isAfter = false
        disk.delay = (event) => {
          // the call that comes after it is never made
          if (isAfter) {
            dead()
            return new Promise(() => {})
          }
          isAfter = place(event)
          return undefined
        }
        void (async () => {
          const transaction = await FileTransaction.begin('/d/s', { fs: disk, system: victim })
          await transaction.write('b/f1', 'new 1')
          await transaction.write('c/f2', 'new 2')
          await transaction.commit()
        })()
      })
      disk.delay = undefined
      machine.end(5)
    }
    const system = machine.start(6)
    await recoverTransactions('/d', { fs: disk, system })
    t.false(disk.list().includes(`/d/s/a/${orphan}`))
    t.like((await recoverTransactions('/d/s', { fs: disk, system })).transactions, [{ state: 'completed' }])
    t.deepEqual(files(disk), { 's/b/f1': 'new 1', 's/c/f2': 'new 2' })
    t.false(disk.list().some((path) => path.includes('.sluice')))
  }
})

test('orphans are found where the system does not say when a process began', async (t) => {
  const disk = await diedAt(halfway)
  const system: ProcessSystem = { ...another(), read: () => undefined }
  const left = disk.list().filter((path) => path.endsWith('.sluice-tmp'))
  disk.put(`/d/${temporaryName({ owner: thisOwner({ ...system, pid: 4 }) })}`, 'nobody needs it')
  const clock = new FakeClock({ auto: true })
  const options = { fs: disk, system, clock, olderThan: 0, now: () => Number.MAX_VALUE }
  t.is((await removeOrphans('/d', options)).count, 1)
  t.deepEqual(
    disk.list().filter((path) => path.endsWith('.sluice-tmp')),
    left,
  )
})
