import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import {
  deferred,
  filterInSlices,
  inSlices,
  Limiter,
  LONGEST_HOLD,
  lazyIndex,
  TimeSlice,
} from '../lib/async.js'
import { FakeClock } from '../lib/testing/fake-clock.js'

/** Work that counts how much of it runs at once. */
function counted() {
  const seen = { running: 0, most: 0, begun: [] as number[] }
  const work = async (item: number) => {
    seen.begun.push(item)
    seen.most = Math.max(seen.most, ++seen.running)
    await setImmediate()
    seen.running--
    if (item < 0) throw new Error(`item ${item}`)
  }
  return { seen, work }
}

const items = Array.from({ length: 20 }, (_, i) => i)

test('a list is filtered in slices, and is itself what is given where all of it passes', async (t) => {
  const many = Array.from({ length: 2500 }, (_, i) => i)
  t.is(await filterInSlices(many, () => true), many)
  for (const least of [1, 1000, 2499, 2500])
    t.deepEqual(await filterInSlices(many, (i) => i >= least), many.slice(least))
  t.deepEqual(await filterInSlices(many, (i) => i !== 1200), many.toSpliced(1200, 1))

  let looked = 0
  const filtering = filterInSlices(many, () => ++looked > 0)
  t.true(looked > 0 && looked < 2500)
  await filtering
  t.is(looked, 2500)
})

test('an index of items is made when somebody asks, once, and in slices', async (t) => {
  let made = 0
  const keyOf = (i: number) => {
    made++
    return `${i}`
  }
  const many = Array.from({ length: 2500 }, (_, i) => i)
  const find = lazyIndex(many, keyOf)
  t.is(made, 0)
  const asking = Promise.all([find('2499'), find('0'), find('no')])
  t.true(made > 0 && made < 2500)
  t.deepEqual(await asking, [2499, 0, undefined])
  t.is(made, 2500)
})

test('what takes several places of a limiter waits for as many, and nobody overtakes it', async (t) => {
  const limiter = new Limiter(4)
  const order: string[] = []
  let taken = 0
  const run = (name: string, size: number) =>
    limiter.run(async () => {
      order.push(name)
      taken += size
      t.true(taken <= 4, `${taken}`)
      await setImmediate()
      taken -= size
    }, size)
  await Promise.all([run('a', 3), run('b', 2), run('c', 1), run('d', 4), run('e', 1)])
  t.deepEqual(order, ['a', 'b', 'c', 'd', 'e'])
  // one that is larger than all places has all of them
  let isAlone = true
  const large = limiter.run(async () => {
    await setImmediate()
    t.true(isAlone)
  }, 9)
  const other = limiter.run(async () => {
    isAlone = false
  })
  await Promise.all([large, other])
})

test('a limiter runs at most so many at once, in order, over all that use it', async (t) => {
  const { seen, work } = counted()
  const limiter = new Limiter(3)
  await Promise.all([limiter.each(items, work), limiter.each([20, 21], work), limiter.run(() => work(22))])
  t.is(seen.most, 3)
  t.is(seen.begun.length, 23)
  t.deepEqual(
    seen.begun.filter((item) => item < 20),
    items,
  )
  t.is(seen.running, 0)
})

test('a limiter gives what the work gave, and throws what it threw, and serves the next one after it', async (t) => {
  const limiter = new Limiter(1)
  const failing = limiter.run(() => Promise.reject(new Error('no')))
  const next = limiter.run(async () => 5)
  await t.throwsAsync(failing, { message: 'no' })
  t.is(await next, 5)
})

test('each acts on all in spite of a failure, or on no more after it', async (t) => {
  const all = counted()
  await t.throwsAsync(new Limiter(2).each([0, -1, 2, -3, 4], all.work), { message: 'item -1' })
  t.deepEqual(all.seen.begun, [0, -1, 2, -3, 4])

  const fast = counted()
  await t.throwsAsync(new Limiter(2).each([0, -1, 2, -3, 4, 5], fast.work, { failFast: true }), {
    message: 'item -1',
  })
  t.true(fast.seen.begun.length <= 3)
  t.is(fast.seen.running, 0)
})

test('each throws even what is no error, and begins nothing once it is stopped', async (t) => {
  const thrown = await new Limiter(2)
    .each([1], () => Promise.reject(undefined))
    .then(
      () => 'nothing',
      (error) => error,
    )
  t.is(thrown, undefined)

  const { seen, work } = counted()
  await new Limiter(2).each(items, work, { isStopped: () => seen.begun.length >= 5 })
  t.is(seen.begun.length, 5)
})

test('a long list is gone through in slices, between which others have their turn', async (t) => {
  let count = 0
  let seen = 0
  const going = inSlices(
    Array.from({ length: 3000 }, () => 1),
    (one) => {
      count += one
    },
  )
  await setImmediate()
  seen = count
  await going
  t.true(seen > 0 && seen < 3000, `${seen}`)
  t.is(count, 3000)
})

test('a time slice lets the event loop turn only when it was held for long', async (t) => {
  const clock = new FakeClock()
  const slice = new TimeSlice(clock)
  let turned = false
  setImmediate().then(() => {
    turned = true
  })
  clock.advance(LONGEST_HOLD)
  await slice.yield()
  t.false(turned)
  clock.advance(1)
  await slice.yield()
  t.true(turned)
})

test('a deferred promise is settled from outside', async (t) => {
  const good = deferred<number>()
  good.resolve(1)
  t.is(await good.promise, 1)
  const bad = deferred<number>()
  bad.reject(new Error('no'))
  await t.throwsAsync(bad.promise, { message: 'no' })
})
