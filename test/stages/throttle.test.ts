import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import fc from 'fast-check'
import { limitRate, Rate, systemClock, throttle } from '../../lib/index.js'
import { makeWireStages } from '../../lib/stages/bytes/wire-stage.js'
import { FakeClock, transformConformance, wireStageConformance } from '../../lib/testing/index.js'
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js'
import { conforms } from '../helpers/conforms.js'

const clock = new FakeClock({ auto: true })
const bad = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number]
conforms(
  'throttle',
  wireStageConformance(() => throttle({ rate: 10_000_000, clock }), {
    open: () => clock.pending,
    badOptions: [
      ...bad.map((rate) => () => throttle({ rate })),
      ...bad.map((rate) => () => limitRate({ rate })),
    ],
  }),
)
conforms(
  'throttle without a limit',
  wireStageConformance(() => throttle({ rate: new Rate(), clock }), { open: () => clock.pending }),
)
const crawl = () => [Buffer.alloc(30, 1), Buffer.alloc(3, 2)]
conforms(
  'one byte per second',
  transformConformance<Buffer, Buffer>(() => limitRate({ rate: 1, clock }), {
    input: crawl,
    expected: crawl,
    many: () => Array.from({ length: 30 }, () => Buffer.alloc(100)),
    bound: 102,
    open: () => clock.pending,
  }),
)

for (const rate of [1, 100, 12_345, 1_000_000, 500_000_000]) {
  test(`at ${rate} bytes per second the time is that of the rate, and no second has more`, async (t) => {
    const time = new FakeClock({ auto: true })
    const size = Math.min(rate * 3, 20_000_000)
    const moments: { at: number; bytes: number }[] = []
    const stage = limitRate({ rate, clock: time }).on('data', (chunk: Buffer) => {
      moments.push({ at: time.now(), bytes: chunk.length })
    })
    await pipeline(Readable.from([Buffer.alloc(size)]), stage)
    const expected = (size / rate) * 1000
    const took = moments.at(-1)!.at
    t.true(took >= expected * 0.999 && took <= expected * 1.05 + 5, `${took} ms instead of ${expected}`)
    // Smooth: a twentieth of a second at a time.
    const most = Math.min(64 * 1024, Math.max(1, Math.ceil(rate / 20)))
    t.true(moments.every(({ bytes }) => bytes <= most))
  })
}

test('rest does not save up for a burst', async (t) => {
  const time = new FakeClock()
  const stage = limitRate({ rate: 1000, clock: time })
  let came = 0
  stage.on('data', (chunk: Buffer) => {
    came += chunk.length
  })
  time.advance(60_000)
  stage.write(Buffer.alloc(1000))
  t.true(came <= 50, `${came} at once`)
  time.advance(500)
  t.true(came <= 550 && came >= 500, `${came} after half a second`)
  stage.destroy()
  t.is(time.pending, 0)
})

test('a large chunk leaves as views, and waits while nobody reads', async (t) => {
  const time = new FakeClock()
  const stage = limitRate({ rate: 1000, clock: time })
  const chunk = Buffer.alloc(10_000)
  stage.write(chunk)
  time.advance(60_000)
  t.true(stage.readableLength <= 100)
  t.is(time.pending, 0)
  const piece = stage.read(10) as Buffer
  t.is(piece.buffer, chunk.buffer)
  stage.destroy()
  await once(stage, 'close')
})

test('with the clock of the process it keeps its rate too', async (t) => {
  const start = systemClock.now()
  await pipeline(Readable.from([Buffer.alloc(2000)]), limitRate({ rate: 20_000 }).resume())
  t.true(systemClock.now() - start >= 99)
  // A timer that is cancelled does not ring.
  systemClock.after(1, () => t.fail())()
})

test('it limits both ways, each for itself, and tells the session its rate', (t) => {
  const stage = throttle({ rate: 1000 })
  t.is(stage.rate, 1000)
  t.is(stage.format, undefined)
  t.not(stage.outgoing!(), stage.incoming!())
})

/** What came out of a throttle whose rate can be changed. */
function changeable(limit: number | null) {
  const time = new FakeClock()
  const rate = new Rate(limit)
  const came = { bytes: 0 }
  const stage = limitRate({ rate, clock: time }).on('data', (chunk: Buffer) => {
    came.bytes += chunk.length
  })
  return { time, rate, came, stage }
}

test('a limit that is raised, or taken away, counts at once, also for a write that waits', (t) => {
  const { time, rate, came, stage } = changeable(10)
  stage.write(Buffer.alloc(10_000))
  time.advance(1000)
  t.is(came.bytes, 10)
  rate.limit = 100_000
  time.advance(50)
  t.true(came.bytes >= 5000 && came.bytes <= 5011, `${came.bytes}`)
  rate.limit = null
  t.is(came.bytes, 10_000)
  t.is(time.pending, 0)
})

test('a limit that is lowered, or set where there was none, counts at once, and nothing was saved up before', (t) => {
  const { time, rate, came, stage } = changeable(null)
  stage.write(Buffer.alloc(5000))
  t.is(came.bytes, 5000)
  time.advance(60_000)
  rate.limit = 1000
  stage.write(Buffer.alloc(5000))
  t.is(came.bytes, 5000)
  time.advance(1000)
  t.true(came.bytes > 5900 && came.bytes <= 6000, `${came.bytes}`)
  rate.limit = 10
  time.advance(1000)
  t.true(came.bytes <= 6011, `${came.bytes}`)
  stage.destroy()
})

test('however the limit changes, no more passes than each lets pass in its time, and a twentieth of a second', async (t) => {
  const LIMIT = fc.integer({ min: 1, max: 100_000 })
  const change = fc.record({ limit: LIMIT, milliseconds: fc.integer({ min: 0, max: 2000 }) })
  await fc.assert(
    fc.property(LIMIT, fc.array(change, { maxLength: 20 }), (first, changes) => {
      const { time, rate, came, stage } = changeable(first)
      // more than can pass
      stage.write(Buffer.alloc(5_000_000))
      let most = 0
      let [least, burst] = [0, 0]
      for (const { limit, milliseconds } of changes) {
        rate.limit = limit
        time.advance(milliseconds)
        const earned = (limit * milliseconds) / 1000
        most += earned
        burst = Math.max(burst, limit / 20 + 1)
        // what is worth less than a piece and a timer that rings late may still be there
        least += Math.max(0, earned - limit / 20 - limit / 1000 - 1)
        t.true(came.bytes <= most + burst, `${came.bytes} instead of ${most}`)
      }
      t.true(came.bytes >= least - burst, `${came.bytes} instead of ${least}`)
      stage.destroy()
      t.is(time.pending, 0)
    }),
  )
})

test('one rate is heeded by all that were given it, each for itself, until they are destroyed', (t) => {
  const time = new FakeClock()
  const rate = new Rate(1000)
  const came = [0, 0]
  const stages = [0, 1].map((n) =>
    limitRate({ rate, clock: time }).on('data', (chunk: Buffer) => {
      came[n]! += chunk.length
    }),
  )
  for (const stage of stages) stage.write(Buffer.alloc(10_000))
  time.advance(1000)
  t.true(came.every((bytes) => bytes > 900 && bytes <= 1000))
  stages[0]!.destroy()
  rate.limit = null
  t.true(came[0]! <= 1000)
  t.is(came[1], 10_000)
})

test('a rate is a number from 1, or none; it says so, and stays what it was', (t) => {
  const rate = new Rate(5)
  for (const limit of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5' as never, undefined as never]) {
    t.throws(() => (rate.limit = limit), { code: 'ERR_USAGE', message: /rate must be/ })
    t.is(rate.limit, 5)
  }
  t.is(new Rate().limit, null)
})

test('the session makes frames that follow the rate', (t) => {
  const rate = new Rate()
  const stage = throttle({ rate })
  t.is(stage.rate, rate)
  const { maxFrame } = makeWireStages([stage], undefined, DEFAULT_LIMITS)
  const now = maxFrame as () => number
  t.is(now(), DEFAULT_LIMITS.frame)
  rate.limit = 80_000
  t.is(now(), 10_000)
  t.is(makeWireStages([throttle({ rate: 80_000 })], undefined, DEFAULT_LIMITS).maxFrame, 10_000)
})
