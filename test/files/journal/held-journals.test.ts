import test from 'ava'
import { collectLeftovers, Tree } from '../../../lib/files/index.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import { type LeftPart, recordOf, type Taker, takeOver } from '../../../lib/files/journal/take-over.js'
import { LEASE } from '../../../lib/files/own/lease.js'
import { type ProcessSystem, thisOwner } from '../../../lib/files/own/owner.js'
import { FakeClock, MemoryDisk } from '../../../lib/testing/index.js'

// Processes on several machines, which cannot look at each other, find what another one left: a part belongs to one of
// them, however long that one is at work, and also if it was suspended meanwhile.

/** A machine whose first process is this one. No other process of it lives. */
const machine = (name: string): ProcessSystem => ({
  pid: 1,
  hostname: () => name,
  read: () => undefined,
  isAlive: (pid) => pid === 1,
})
const FIRST = machine('first')
const SECOND = machine('second')
const ELSEWHERE = thisOwner(machine('elsewhere'))
/** Another process of the first machine: those on it see that it is dead. */
const DEAD_ON_FIRST = { ...thisOwner(FIRST), pid: 99 }

const idOf = (n: number) => String(n).repeat(32)

/** A folder with the part `a.part`, of which the process is silent for ever. */
async function scene({ owner = ELSEWHERE } = {}) {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const tree = await Tree.open('/d', { fs: disk })
  const left = await Journal.create(tree, idOf(1), {
    durability: 'crash',
    owner,
    renewals: new FakeClock(),
  })
  await left.begin([{ path: 'a', size: 10, mtime: 1, part: 'a.part' }])
  disk.put('/d/a.part', 'abc')

  /** Takes the part over, and goes on with it; gives the journal that knows it then, or nothing if there is no part. */
  const take = (system: ProcessSystem, id: string, options: { clock: FakeClock; renewals?: FakeClock }) =>
    takeOver(
      tree,
      () => true,
      { system, wait: true, ...options },
      async ([part], taker) => part && goOn(part, taker, system, id),
    )
  const goOn = async (part: LeftPart, taker: Taker, system: ProcessSystem, id: string) => {
    if (!(await taker.own(part))) return undefined
    const own = { durability: 'crash', owner: thisOwner(system), renewals: new FakeClock() } as const
    const journal = await Journal.create(tree, id, own)
    const [n] = await journal.begin([recordOf(part)])
    try {
      await taker.place(part)
    } catch (error) {
      journal.end(n!, { state: 'failed', code: 'ERR_STATE', part: 'gone' })
      await journal.finish()
      throw error
    }
    taker.taken(part)
    return journal
  }
  const inode = async () => (await disk.lstat('/d/a.part')).ino
  const journals = () => disk.list().filter((path) => path.endsWith('.journal'))

  /** Calls `act` once, in the middle of the next call of this kind, which waits for it. */
  const during = (call: string, path: RegExp, act: () => Promise<unknown>) => {
    let wasCalled = false
    disk.delay = async (about) => {
      if (wasCalled || about.call !== call || !path.test(about.path ?? '')) return
      wasCalled = true
      await act()
    }
    return () => wasCalled
  }
  return { disk, tree, take, inode, journals, during }
}

test('as long as a living process copies a part, those on other machines leave it alone', async (t) => {
  const { take, during } = await scene()
  // the time of both machines is one
  const clock = new FakeClock({ auto: true })
  let waited = 0
  const wasCopied = during('write', /sluice-tmp/, async () => {
    const since = clock.now()
    t.is(await take(SECOND, idOf(3), { clock }), undefined, 'nothing is left')
    waited = clock.now() - since
  })
  const journal = await take(FIRST, idOf(2), { clock, renewals: clock })
  t.true(wasCopied())
  t.true(waited < LEASE)
  t.truthy(journal, 'the first one goes on')
  await journal!.close()
})

test('a process that is suspended while it copies a part leaves it to the one that took it meanwhile', async (t) => {
  const { disk, take, inode, journals, during } = await scene()
  let second: Journal | undefined
  let its: bigint | undefined
  // all is copied and compared by then
  during('fsync', /sluice-tmp/, async () => {
    second = await take(SECOND, idOf(3), { clock: new FakeClock({ auto: true }) })
    its = await inode()
  })
  const first = take(FIRST, idOf(2), {
    clock: new FakeClock({ auto: true }),
    renewals: new FakeClock(),
  })
  await t.throwsAsync(first, { code: 'ERR_LOCK_LOST' })
  t.is(its, await inode())
  await second!.check()
  t.deepEqual(journals(), [`/d/.sluice/${idOf(3)}.journal`])
  t.false(disk.list().some((path) => path.includes('sluice-tmp')))
  await second!.close()
})

test('a part that need not be copied is left, too, to the one that took it while this process was suspended', async (t) => {
  const { take, inode, journals, during } = await scene({ owner: DEAD_ON_FIRST })
  const renewals = new FakeClock()
  let second: Journal | undefined
  let its: bigint | undefined
  // its own journal is about to be made
  during('open', new RegExp(`${idOf(2)}.journal$`), async () => {
    second = await take(SECOND, idOf(3), { clock: new FakeClock({ auto: true }) })
    its = await inode()
    renewals.advance(LEASE)
  })
  const first = take(FIRST, idOf(2), { clock: new FakeClock({ auto: true }), renewals })
  await t.throwsAsync(first, { code: 'ERR_LOCK_LOST' })
  t.is(its, await inode())
  t.deepEqual(journals(), [`/d/.sluice/${idOf(3)}.journal`])
  await second!.close()
})

test('to show that it lives does not make a journal younger than what its owner wrote', async (t) => {
  const { disk, take, journals, during } = await scene()
  const clock = new FakeClock({ auto: true })
  const { mtimeMs } = await disk.lstat(`/d/.sluice/${idOf(1)}.journal`)
  during('write', /sluice-tmp/, async () => {
    const [held] = journals()
    const before = await disk.lstat(held!)
    t.is(await take(SECOND, idOf(3), { clock }), undefined)
    const after = await disk.lstat(held!)
    t.not(after.ctimeMs, before.ctimeMs)
    t.true(Math.abs(after.mtimeMs - mtimeMs) < 1)
  })
  await (await take(FIRST, idOf(2), { clock, renewals: clock }))!.close()
})

test('as long as a living process collects what is left, those on other machines leave it alone', async (t) => {
  const { tree, take, journals, during } = await scene()
  const clock = new FakeClock({ auto: true })
  const wasRemoved = during('unlink', /a\.part$/, async () => {
    t.is(await take(SECOND, idOf(3), { clock }), undefined)
  })
  const found = await collectLeftovers(tree, { system: FIRST, wait: true, clock, renewals: clock })
  t.true(wasRemoved())
  t.deepEqual(
    found.map(({ state }) => state),
    ['part', 'journal'],
  )
  t.deepEqual(journals(), [])
})

test('nobody shows any more that it holds a journal that it let go of, or could not let go of', async (t) => {
  for (const fails of [false, true]) {
    const { disk, tree } = await scene()
    const renewals = new FakeClock()
    if (fails) disk.fail({ call: 'unlink', path: /journal$/, error: 'EIO' })
    await collectLeftovers(tree, { system: FIRST, force: true, renewals })
    t.is(renewals.pending, 0)
    disk.heal()
  }
})

test('until the name of a copy lasts, the journal that knew the part before does not forget it', async (t) => {
  const { disk, take, journals } = await scene()
  disk.fail({ call: 'fsync', path: /^\/d$/, error: 'EIO' })
  const journal = await take(FIRST, idOf(2), { clock: new FakeClock({ auto: true }) })
  t.truthy(journal, 'the part can be gone on with nevertheless')
  t.is(journals().length, 2)
  disk.heal()
  await journal!.close()
})
