import test from 'ava'
import { deferred } from '../../../lib/async.js'
import type { SluiceError } from '../../../lib/errors.js'
import { FakeClock } from '../../../lib/testing/index.js'
import { OutgoingLanes, type Spread } from '../../../lib/transfer/lanes/outgoing-lanes.js'

function scene(states: Record<number, { underway: number; came: number }>) {
  const clock = new FakeClock()
  const closed: number[] = []
  const spread: Spread = {
    open() {},
    close() {},
    came() {},
    over: () => [],
    *lanes() {
      for (const [number, state] of Object.entries(states)) yield [Number(number), state]
    },
  }
  const lanes = new OutgoingLanes({ plan: { takeBack() {} }, spread, lost() {}, clock })
  for (const number of Object.keys(states).map(Number)) {
    const { promise, resolve } = deferred<SluiceError | undefined>()
    const close = async () => {
      closed.push(number)
      resolve(undefined)
      await promise
    }
    void lanes.join(number, () => ({ framer: undefined as never, closed: promise, close }))
  }
  return { lanes, clock, closed }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('of the lanes that are too slow the slowest is closed, and then the next one that still is', async (t) => {
  const states = {
    1: { underway: 600, came: 0 },
    2: { underway: 900, came: 0 },
    3: { underway: 500, came: 0 },
    4: { underway: 0, came: 9 },
  }
  const { lanes, clock, closed } = scene(states)
  lanes.lookForSlow()
  states[1] = { underway: 500, came: 100 }
  states[3] = { underway: 100, came: 400 }
  clock.advance(2000)
  await turn()
  t.deepEqual(closed, [2])
  // the closed one is not known to be over yet
  clock.advance(2000)
  await turn()
  t.deepEqual(closed, [2, 1])
  for (const state of Object.values(states)) state.underway = 0
  clock.advance(2000)
  clock.advance(2000)
  await turn()
  t.deepEqual(closed, [2, 1])
})
