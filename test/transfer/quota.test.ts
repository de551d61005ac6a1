import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { deferred } from '../../lib/async.js'
import { type Amount, memoryParts, type Quota, SluiceError, Transfers } from '../../lib/index.js'
import { duplexPair, FakeClock, MemoryDisk } from '../../lib/testing/index.js'
import { UNCONNECTED } from '../../lib/transfer/lifecycle.js'
import { Plan } from '../../lib/transfer/plan.js'
import { QuotaUse } from '../../lib/transfer/quota.js'
import { Transfer } from '../../lib/transfer/transfer.js'
import type { Run } from '../../lib/wire/run.js'
import { itemsOf, offerOf } from '../helpers/items.js'

/** A quota that takes everything, and what it knows: of all transfers together. */
class Counts implements Quota {
  readonly used: Amount = { bytes: 0, files: 0 }
  readonly reserved: Amount = { bytes: 0, files: 0 }
  /** How often it fails to count. */
  failures = 0

  async reserve(_use: string, offered: Amount): Promise<Amount> {
    add(this.reserved, offered)
    return offered
  }

  async count(_use: string, came: Amount, isOver: boolean): Promise<void> {
    if (this.failures-- > 0) throw new SluiceError('ERR_DISK_FULL', 'no room to count')
    add(this.used, came)
    add(this.reserved, came, -1)
    if (isOver) Object.assign(this.reserved, { bytes: 0, files: 0 })
  }

  async release(_use: string, some: Amount): Promise<void> {
    add(this.reserved, some, -1)
  }
}

function add(sum: Amount, { bytes, files }: Amount, times = 1): void {
  sum.bytes += times * bytes
  sum.files += times * files
}

/** What a transfer takes of a quota; `told` resolves when the quota was told of all. */
function scene() {
  const quota = new Counts()
  const clock = new FakeClock()
  const control = Transfer.create('receive', UNCONNECTED, new Plan(), clock)
  const warnings: SluiceError[] = []
  control.transfer.on('warning', (warning) => warnings.push(warning))
  control.transfer.finished.catch(() => {})
  return {
    quota,
    clock,
    control,
    warnings,
    use: new QuotaUse(quota, control, clock),
    told: () => setImmediate(),
  }
}

const CONTENT = { a: 'a'.repeat(10), b: 'b'.repeat(20) }
const OFFER = offerOf(CONTENT)
const ATTACHED = { ...OFFER, first: 2, position: 30 }
const ALL = { bytes: 30, files: 2 }
const NOTHING = { bytes: 0, files: 0 }
const NEVER = new AbortController().signal
const yes = async () => ({ accept: true })
const RUNS = itemsOf(CONTENT).filter((item): item is Run => item.kind === 'run')

test('room for what is attached is free again when the connection breaks during the question, whatever the answer is', async (t) => {
  for (const answer of [undefined, true, false]) {
    const { quota, use, told } = scene()
    await use.ask(OFFER, NEVER, yes)
    const connection = new AbortController()
    const answered = deferred<{ accept: boolean }>()
    const asking = use.ask(ATTACHED, connection.signal, () => answered.promise)
    await told()
    t.deepEqual(quota.reserved, { bytes: 60, files: 4 })
    connection.abort()
    await told()
    t.deepEqual(quota.reserved, ALL)
    if (answer === undefined) continue
    answered.resolve({ accept: answer })
    await asking
    await told()
    t.deepEqual(quota.reserved, ALL)
  }
})

test('so it is where the question fails, and where nobody waits for it any more when there is room', async (t) => {
  const { quota, use, told } = scene()
  const fails = async () => {
    throw new Error('no answer')
  }
  await t.throwsAsync(use.ask(OFFER, NEVER, fails), { message: 'no answer' })
  await t.throwsAsync(use.ask(OFFER, AbortSignal.abort(new Error('gone')), yes), { message: 'gone' })
  await told()
  t.deepEqual(quota.reserved, NOTHING)
})

test('room for what the sender has not heard to be accepted is free, and what came of it all the same is counted', async (t) => {
  const { quota, use, told } = scene()
  await use.ask(OFFER, NEVER, yes)
  await use.ask(ATTACHED, NEVER, yes)
  for (const run of RUNS) use.passed(run)
  use.forgetFrom(2)
  await told()
  t.deepEqual([quota.used, quota.reserved], [ALL, NOTHING])
  // it is offered again
  await use.ask(ATTACHED, NEVER, yes)
  await told()
  t.deepEqual(quota.reserved, ALL)
})

test('what could not be counted is told, and counted the next time', async (t) => {
  const { quota, clock, control, warnings, use, told } = scene()
  await use.ask(OFFER, NEVER, yes)
  quota.failures = 1
  clock.advance(5_000)
  for (const run of RUNS) use.passed(run)
  await told()
  t.deepEqual(
    warnings.map(({ code }) => code),
    ['ERR_DISK_FULL'],
  )
  t.deepEqual(quota.used, NOTHING)
  control.fail(new SluiceError('ERR_CANCELLED', 'over'))
  await told()
  t.deepEqual([quota.used, quota.reserved], [ALL, NOTHING])
})

test('a sender that comes back after a break during a question is given room for what it attaches again, once', async (t) => {
  const disk = new MemoryDisk()
  for (const name of ['a', 'b']) disk.put(`/from/${name}`, name)
  const quota = new Counts()
  const asked = deferred<void>()
  const ends: Duplex[] = []
  let times = 0
  const store = memoryParts()
  const inbox = new Transfers({
    receive: () => ({
      store,
      quota,
      accept: ({ first }) => {
        if (first === 0 || ++times > 1) return true
        asked.resolve()
        return new Promise(() => {})
      },
    }),
  })
  const connect = () => {
    const [near, far] = duplexPair()
    ends.push(far)
    inbox.handle(far).catch(() => {})
    return near
  }
  const outbox = new Transfers({ receive: () => ({ dir: '/nowhere', accept: () => false }), connect })
  t.teardown(() => Promise.all([inbox.cancelAll(), outbox.cancelAll()]))
  const sending = (path: string) => outbox.send('anna', [path], { fs: disk, open: true, retry: { pause: 0 } })
  const transfer = await sending('/from/a')
  const waiting = sending('/from/b')
  await asked.promise
  t.is(quota.reserved.bytes + quota.used.bytes, 2)
  ends[0]!.destroy()
  t.is(await waiting, transfer)
  t.is(quota.reserved.bytes + quota.used.bytes, 2)
  transfer.end()
  await transfer.finished
  t.deepEqual([...store.files.keys()].sort(), ['a', 'b'])
})
