import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { deferred } from '../../lib/async.js'
import {
  manifestOfEntries,
  memorySources,
  type PartStore,
  type SluiceError,
  send,
  type Transfer,
  Transfers,
} from '../../lib/index.js'
import { duplexPair, FakeClock, randomContent } from '../../lib/testing/index.js'

// A store of the user's may answer late, or never: the connection before is closed then, and its river is still at
// work.

const CONTENTS = new Map(['a', 'b', 'c'].map((path, n) => [path, randomContent(50_000, n)]))

/** A transfer whose first connection broke while the store of the receiver published the first file. */
async function brokenWhilePublishing(t: ExecutionContext, attempts = 3) {
  const clock = new FakeClock()
  const [began, answer] = [deferred<void>(), deferred<void>()]
  /** What the stores were asked to do, each with the number of its connection. */
  const calls: string[] = []
  let isFirst = true
  const storeOf = (connection: number): PartStore => ({
    begin: ({ path }) => ({
      async write() {},
      async publish() {
        calls.push(`${connection} publishes ${path}`)
        if (!isFirst) return
        isFirst = false
        began.resolve()
        await answer.promise
        calls.push(`${connection} published ${path}`)
      },
      discard() {},
    }),
  })
  const ends: Duplex[] = []
  const receive = () => ({
    store: storeOf(ends.length),
    accept: 'all' as const,
    limits: { closeTimeout: 100 },
    clock,
    concurrency: 1,
  })
  const transfers = new Transfers({ receive, clock })
  const sources = memorySources(CONTENTS)
  const entries = sources.entries.map((entry) => ({ ...entry, mtime: 0 }))
  const manifest = manifestOfEntries(entries, sources, { name: 'test', algorithm: 'sha256' })
  const connect = () => {
    const [near, far] = duplexPair()
    ends.push(far)
    transfers.handle(far).catch(() => {})
    return near
  }
  const offered = once(transfers, 'transfer')
  const sent = send(connect, manifest, { retry: { attempts, pause: 0 } })
  const [received] = (await offered) as [Transfer]
  t.teardown(async () => {
    answer.resolve()
    await Promise.all([sent.cancel(), received.cancel()])
  })
  await began.promise
  let isInterrupted = false
  received.on('state', (state) => {
    if (state === 'interrupted') isInterrupted = true
  })
  ends[0]!.destroy()
  // the store is waited for until its time is up
  while (!isInterrupted) {
    clock.advance(10)
    await setImmediate()
  }
  // the sender has made the next connection
  while (ends.length < 2) await setImmediate()
  for (let turn = 0; turn < 50; turn++) await setImmediate()
  return { clock, answer, calls, ends, sent, received }
}

/** Each file, and how often the stores were asked to publish it. */
const published = (calls: readonly string[]) =>
  [...CONTENTS.keys()].map((path) => calls.filter((call) => call.endsWith(`publishes ${path}`)).length)

test('what a store still does for the connection before is waited for, and counts: no file is published twice', async (t) => {
  const { answer, calls, ends, sent, received } = await brokenWhilePublishing(t)
  t.is(calls.length, 1, 'nothing is done for the next connection before')
  const warnings: SluiceError[] = []
  received.on('warning', (warning) => warnings.push(warning))
  answer.resolve()
  const [here, there] = await Promise.all([sent.finished, received.finished])
  t.deepEqual(published(calls), [1, 1, 1])
  t.deepEqual([here.published, there.published], [3, 3])
  t.is(ends.length, 2)
  t.deepEqual(warnings, [])
})

test('where a store works for very long, both sides are told, and the sender tries again', async (t) => {
  const { clock, answer, calls, ends, sent, received } = await brokenWhilePublishing(t)
  const [warned, told] = [once(received, 'warning'), once(sent, 'reconnecting')]
  clock.advance(20_000)
  const [warning] = (await warned) as [SluiceError]
  t.is(warning.code, 'ERR_TIMEOUT')
  t.regex(warning.message, /still being stored/)
  const [{ error }] = (await told) as [{ error: SluiceError }]
  t.is(error.code, 'ERR_TIMEOUT')
  t.regex(error.message, /the peer says: .* still being stored/)
  t.is(received.state, 'interrupted')
  while (ends.length < 3) await setImmediate()
  answer.resolve()
  await Promise.all([sent.finished, received.finished])
  t.deepEqual(published(calls), [1, 1, 1])
})

test('a store that never answers does not hold the sender up for ever: it gives up, and says why', async (t) => {
  const { clock, calls, sent, received } = await brokenWhilePublishing(t, 2)
  const ending = t.throwsAsync(sent.finished, { code: 'ERR_INTERRUPTED', message: /still being stored/ })
  while (!sent.isOver) {
    clock.advance(1000)
    await setImmediate()
  }
  await ending
  t.is(calls.length, 1)
  // another run of the sender would be another transfer: this one is waited for as long as any
  t.is(received.state, 'interrupted')
  clock.advance(600_000)
  await t.throwsAsync(received.finished, { code: 'ERR_TIMEOUT', message: /still being stored/ })
})

test('what is cancelled while the next connection waits for the one before stays cancelled', async (t) => {
  const { answer, calls, sent, received } = await brokenWhilePublishing(t)
  await received.cancel('enough')
  t.is(received.state, 'cancelled')
  answer.resolve()
  await t.throwsAsync(sent.finished, { code: 'ERR_CANCELLED' })
  t.deepEqual(published(calls), [1, 0, 0])
})
