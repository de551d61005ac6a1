import test from 'ava'
import type { Owed } from '../../../lib/async.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Stalls } from '../../../lib/transfer/watch/stalls.js'

/** Looks every 5 seconds for so long. */
function watched() {
  const clock = new FakeClock()
  const told: string[] = []
  const stalls = new Stalls(clock, (text) => told.push(`${clock.now() / 1000}: ${text}`))
  const pass = (seconds: number, owed: () => Owed[]) => {
    for (let i = 0; i < seconds; i += 5) {
      stalls.look(owed())
      clock.advance(5000)
    }
  }
  return { told, pass }
}

test('what is owed for long is told, and again after twice the time', (t) => {
  const { told, pass } = watched()
  pass(60, () => [{ text: 'the store has not answered', what: 1 }])
  t.deepEqual(told, [
    '10: the store has not answered for 10 s',
    '20: the store has not answered for 20 s',
    '40: the store has not answered for 40 s',
  ])
})

test('who does something now and then is slow, and nothing is told', (t) => {
  const { told, pass } = watched()
  let times = 0
  pass(600, () => [{ text: 'a stage has given nothing', what: Math.floor(times++ / 2) }])
  t.deepEqual(told, [])
})

test('of a transfer that stands still in many places only so much is told', (t) => {
  const { told, pass } = watched()
  pass(600, () => Array.from({ length: 100 }, (_, i) => ({ text: `${i}`, what: i })))
  t.is(told.length, 8)
})
