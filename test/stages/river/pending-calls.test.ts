import test from 'ava'
import { deferred } from '../../../lib/async.js'
import { PendingCalls } from '../../../lib/stages/river/pending-calls.js'

test('a call is owed until it has answered, or has failed', async (t) => {
  const calls = new PendingCalls()
  const owed = () => [...calls.owed()].map(({ text }) => text)
  const [slow, bad] = [deferred<number>(), deferred<void>()]
  const answer = calls.of('write', 'a\nb', () => slow.promise)
  const failure = calls.of('close', 'photos', () => bad.promise)
  t.deepEqual(owed(), [
    'the store, which is to write a\\nb, has not answered',
    'the store, which is to close photos, has not answered',
  ])
  t.deepEqual(
    [...calls.owed()].map(({ what }) => what),
    [...calls.owed()].map(({ what }) => what),
  )
  slow.resolve(7)
  t.is(await answer, 7)
  bad.reject(new Error('boom'))
  await t.throwsAsync(failure, { message: 'boom' })
  t.deepEqual(owed(), [])
})
