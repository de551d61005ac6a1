import test from 'ava'
import { retryOpen } from '../../../lib/files/disk/retry.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'

const fault = (code: string) => Object.assign(new Error(code), { code })

/** Lets the promises of a try settle before the clock goes on. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(ms)
}

test('too many open files is a reason to wait, not to give up', async (t) => {
  const clock = new FakeClock()
  const faults = ['EMFILE', 'ENFILE', 'EMFILE']
  const done = retryOpen(
    async () => {
      const code = faults.shift()
      if (code) throw fault(code)
      return 'open'
    },
    { clock },
  )
  while (faults.length > 0) await pass(clock, 20)
  await pass(clock, 20)
  t.is(await done, 'open')
})

test('it gives up after ten seconds, or once it is told to stop', async (t) => {
  const clock = new FakeClock()
  let over = false
  const act = () => Promise.reject(fault('EMFILE'))
  const done = retryOpen(act, { clock }).finally(() => {
    over = true
  })
  const failed = t.throwsAsync(done, { code: 'EMFILE' })
  while (!over) await pass(clock, 20)
  await failed
  t.true(clock.now() >= 9_980)
  await t.throwsAsync(retryOpen(act, { clock, signal: AbortSignal.abort() }), { code: 'EMFILE' })
})

test('every other error is passed on at once', async (t) => {
  let tries = 0
  const act = () => {
    tries++
    return Promise.reject(fault('EIO'))
  }
  await t.throwsAsync(retryOpen(act), { code: 'EIO' })
  t.is(tries, 1)
})
