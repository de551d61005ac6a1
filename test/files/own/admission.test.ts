import test from 'ava'
import { Admission, handlesIn } from '../../../lib/files/own/admission.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'

/** A room for so many, beside what is left for others. */
const roomFor = (handles: number) => new Admission(128 + handles)

/** Lets those enter that can, and says who did. */
function guests(room: Admission, clock: FakeClock) {
  const inside: string[] = []
  const leave = new Map<string, () => void>()
  const come = (name: string, handles: number, signal?: AbortSignal) =>
    room.enter(handles, clock, signal).then((left) => {
      inside.push(name)
      leave.set(name, left)
    })
  return { inside, leave, come }
}

const settled = () => new Promise(setImmediate)

test('who finds no room waits until others have ended, in the order in which they came', async (t) => {
  const { inside, leave, come } = guests(roomFor(4), new FakeClock())
  for (const [name, handles] of [
    ['a', 2],
    ['b', 2],
    ['c', 3],
    ['d', 1],
  ] as const)
    void come(name, handles)
  await settled()
  t.deepEqual(inside, ['a', 'b'])
  leave.get('a')!()
  // the second time it gives nothing back
  leave.get('a')!()
  await settled()
  // there is room for d, but c came before it
  t.deepEqual(inside, ['a', 'b'])
  leave.get('b')!()
  await settled()
  t.deepEqual(inside, ['a', 'b', 'c', 'd'])
})

test('one gets in, however few handles there are', async (t) => {
  const { inside, leave, come } = guests(new Admission(10), new FakeClock())
  void come('a', 16)
  void come('b', 16)
  await settled()
  t.deepEqual(inside, ['a'])
  leave.get('a')!()
  await settled()
  t.deepEqual(inside, ['a', 'b'])
})

test('nobody waits for ever: one may hold all of them, and want another one first', async (t) => {
  const clock = new FakeClock()
  const { inside, leave, come } = guests(roomFor(2), clock)
  for (const name of ['a', 'b', 'c', 'd']) void come(name, 1)
  await settled()
  clock.advance(9_000)
  leave.get('a')!()
  await settled()
  t.deepEqual(inside, ['a', 'b', 'c'])
  // somebody ended meanwhile
  clock.advance(9_000)
  await settled()
  t.deepEqual(inside, ['a', 'b', 'c'])
  clock.advance(10_000)
  await settled()
  t.deepEqual(inside, ['a', 'b', 'c', 'd'])
})

test('who is cancelled waits no longer, and nobody waits for it', async (t) => {
  const { inside, leave, come } = guests(roomFor(1), new FakeClock())
  const controller = new AbortController()
  void come('a', 1)
  void come('b', 1, controller.signal)
  void come('c', 1)
  await settled()
  controller.abort()
  await settled()
  t.deepEqual(inside, ['a', 'b'])
  leave.get('b')!()
  leave.get('a')!()
  await settled()
  t.deepEqual(inside, ['a', 'b', 'c'])
})

test('the limit is the one that counts, and none where the system does not say it', (t) => {
  const limits = 'Max core file size        0  unlimited  bytes\nMax open files            200  4096  files\n'
  t.is(handlesIn(limits), 200)
  t.is(handlesIn('Max open files            unlimited  unlimited  files\n'), Number.POSITIVE_INFINITY)
  t.is(handlesIn(undefined), Number.POSITIVE_INFINITY)
})
