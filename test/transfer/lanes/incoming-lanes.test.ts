import test from 'ava'
import { FakeClock } from '../../../lib/testing/index.js'
import { IncomingLanes } from '../../../lib/transfer/lanes/incoming-lanes.js'
import type { LaneMessage } from '../../../lib/wire/messages.js'

function scene() {
  const said: LaneMessage[] = []
  const clock = new FakeClock()
  let took = (_bytes: number) => {}
  const inlet = (told: (bytes: number) => void) => {
    took = told
    return { close: () => 77 }
  }
  const lanes = new IncomingLanes(inlet, (message) => said.push(message), clock)
  const left: number[] = []
  const join = (number: number) => lanes.join(number, { divert() {}, leave: () => left.push(number) })
  return { lanes, join, said, left, clock, took: (bytes: number) => took(bytes) }
}

test('a lane is refused whose number is in use, that is one too many, or that comes when all is over', (t) => {
  const { lanes, join, left } = scene()
  for (let number = 1; number <= 15; number++) t.is(join(number), undefined)
  t.regex(join(3)!, /of this number/)
  t.regex(join(16)!, /16 connections already/)
  lanes.left(3)
  t.is(join(16), undefined)
  lanes.leave()
  t.is(left.length, 15)
  t.regex(join(17)!, /does not go on/)
  lanes.left(17)
})

test('what came is told for each mebibyte, after a while, and at the end', (t) => {
  const { lanes, join, said, clock, took } = scene()
  join(5)
  took(1000)
  t.deepEqual(said, [])
  clock.advance(50)
  took(2 ** 20 + 1000)
  took(2 ** 20 + 2000)
  lanes.left(5)
  clock.advance(1000)
  t.deepEqual(said, [
    { lane: 5, bytes: 1000 },
    { lane: 5, bytes: 2 ** 20 + 1000 },
    { lane: 5, bytes: 77, over: true },
  ])
})
