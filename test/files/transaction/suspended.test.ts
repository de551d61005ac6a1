import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import { FileTransaction, recoverTransactions, updateJson } from '../../../lib/files/index.js'
import type { DiskEvent } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { asAnotherProcess } from '../../helpers/as-another-process.js'
import { Machine } from '../../helpers/machine.js'
import { scale } from '../../helpers/scale.js'

/** Two containers, whose processes cannot look at each other, and one disk. */
function scene() {
  const disk = new MemoryDisk()
  const process = (space: string) => {
    const machine = new Machine()
    machine.space = space
    return { system: machine.start(1), clock: new FakeClock({ auto: true }), renewals: new FakeClock() }
  }
  return { disk, first: process('pid:[1]'), second: process('pid:[2]') }
}

/** For what takes no clock of its own for the signs of life. */
const withoutRenewals = ({ system, clock }: ReturnType<typeof scene>['first']) => ({ system, clock })

/**
 * Suspends the process that makes the call that `when` finds, until it is woken; the calls of others, which are made
 * meanwhile, go on.
 */
function suspendAt(disk: MemoryDisk, when: (event: DiskEvent) => boolean) {
  let wake = () => {}
  let isSuspended = () => {}
  const suspended = new Promise<void>((resolve) => {
    isSuspended = resolve
  })
  const woken = new Promise<void>((resolve) => {
    wake = resolve
  })
  let done = false
  disk.delay = async (event) => {
    if (done || !when(event)) return
    done = true
    isSuspended()
    await woken
  }
  return { suspended, wake }
}

const visible = (disk: MemoryDisk) =>
  Object.fromEntries(
    [...disk.snapshot()]
      .filter(([path]) => !path.includes('.sluice'))
      .map(([path, text]) => [path, `${text}`]),
  )

test('a process that is suspended anywhere in its commit, and taken for dead, writes nothing more once it wakes up', async (t) => {
  let stops = 0
  for (let at = 0; ; at += scale(3, 1, 1)) {
    const { disk, first, second } = scene()
    for (const path of ['a', 'b']) disk.put(`/d/${path}`, 'old')
    const transaction = await FileTransaction.begin('/d', { fs: disk, ...first })
    for (const path of ['a', 'b', 'sub/c']) await transaction.write(path, 'first')
    const start = disk.calls
    const { suspended, wake } = suspendAt(disk, ({ number }) => number >= start + at)
    const committing = transaction.commit().then(
      () => undefined,
      (error: unknown) => error,
    )
    const ended = await Promise.race([suspended, committing.then(() => 'ended')])
    if (ended) break
    stops++
    const next = await FileTransaction.begin('/d', { fs: asAnotherProcess(disk), ...second })
    const found = visible(disk)
    const values = new Set(['/d/a', '/d/b'].map((path) => found[path]))
    t.is(values.size, 1, `${at}: ${JSON.stringify(found)}`)
    for (const path of ['a', 'b', 'sub/c']) await next.write(path, 'second')
    await next.commit()
    const before = visible(disk)
    wake()
    const error = await committing
    t.deepEqual(visible(disk), before, `${at}`)
    t.true(error === undefined || isSluiceError(error, 'ERR_LOCK_LOST'), `${at}: ${error}`)
    // what it left is no obstacle
    await recoverTransactions('/d', { fs: asAnotherProcess(disk), ...withoutRenewals(second) })
    t.deepEqual(visible(disk), before, `${at}`)
  }
  t.true(stops > scale(13, 40), `${stops}`)
})

test('a file that is to be removed is not looked at for the last time before the lock is', async (t) => {
  const { disk, first, second } = scene()
  disk.put('/d/a', 'old')
  const transaction = await FileTransaction.begin('/d', { fs: disk, ...first })
  await transaction.delete('a')
  let isCommitted = false
  let isLooked = false
  const { suspended, wake } = suspendAt(disk, ({ call, path, to }) => {
    isCommitted ||= call === 'rename' && /committed/.test(`${to}`)
    isLooked ||= isCommitted && call === 'lstat' && path === '/d/a'
    return isLooked && call === 'lstat' && path.includes('/gate/')
  })
  const committing = transaction.commit()
  const ended = committing.then(
    () => 'ended',
    () => 'ended',
  )
  t.is(await Promise.race([suspended, ended]), undefined)
  t.deepEqual(visible(disk), { '/d/a': 'old' })
  const next = await FileTransaction.begin('/d', { fs: asAnotherProcess(disk), ...second })
  await next.write('a', 'second')
  await next.commit()
  wake()
  await t.throwsAsync(committing, { code: 'ERR_LOCK_LOST' })
  t.deepEqual(visible(disk), { '/d/a': 'second' })
})

test('an update that is suspended before its last look writes nothing more', async (t) => {
  for (let at = 0; ; at += scale(3, 1, 1)) {
    const { disk, first, second } = scene()
    disk.put('/d/n.json', '0')
    // between the look and the rename nothing can come
    let isOver = false
    const { suspended, wake } = suspendAt(disk, ({ call, to, number }) => {
      isOver ||= call === 'rename' && to === '/d/n.json'
      return !isOver && number >= at
    })
    const updating = updateJson('/d/n.json', () => 1, { fs: disk, system: first.system }).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (await Promise.race([suspended, updating.then(() => 'ended')])) break
    await updateJson('/d/n.json', () => 2, { fs: asAnotherProcess(disk), ...withoutRenewals(second) })
    wake()
    const error = await updating
    // before it had the lock it waited for its turn, and is right to write
    const now = `${disk.snapshot().get('/d/n.json')}`.trim()
    t.is(now, error === undefined ? '1' : '2', `${at}: ${error}`)
    t.true(error === undefined || isSluiceError(error, 'ERR_LOCK_LOST'), `${at}: ${error}`)
  }
})
