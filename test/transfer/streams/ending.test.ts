import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import test from 'ava'
import { Ending } from '../../../lib/transfer/streams/ending.js'

/** A stream of which nobody can ask whether it has told that it is closed, as streams of other libraries are. */
function unasked(): PassThrough {
  return Object.defineProperty(new PassThrough(), 'closed', { value: undefined })
}

test('of a stream that was destroyed before, and cannot be asked, nothing more is waited for', (t) => {
  t.true(new Ending(unasked().destroy()).isGone)
})

test('one that is destroyed later is gone when it says so', async (t) => {
  const stream = unasked()
  const ending = new Ending(stream).listen()
  stream.destroy()
  t.false(ending.isGone)
  await once(stream, 'close')
  t.true(ending.isGone)
})
