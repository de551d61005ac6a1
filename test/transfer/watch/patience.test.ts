import test from 'ava'
import { deferred } from '../../../lib/async.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Patience } from '../../../lib/transfer/watch/patience.js'

test('work is waited for as long as it takes, and then no time runs', async (t) => {
  const clock = new FakeClock()
  const patience = new Patience(clock, 100)
  const work = deferred<void>()
  const came = patience.for(work.promise)
  clock.advance(1e6)
  work.resolve()
  t.true(await came)
  patience.runOut()
  t.is(clock.pending, 0)
})

test('from the moment on in which patience runs out it is waited for so long', async (t) => {
  const clock = new FakeClock()
  const patience = new Patience(clock, 100)
  patience.runOut()
  clock.advance(60)
  patience.runOut()
  const came = patience.for(new Promise(() => {}))
  clock.advance(40)
  t.false(await came)
  t.is(clock.pending, 0)
})

test('what fails while it is waited for is heard of', async (t) => {
  const patience = new Patience(new FakeClock(), 100)
  await t.throwsAsync(patience.for(Promise.reject(new Error('boom'))), { message: 'boom' })
})
