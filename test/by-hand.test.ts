// Rivers that somebody else's means put together, and take apart.
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import pump from 'pump'
import {
  deframer,
  demuxer,
  fileSource,
  finalizer,
  framer,
  hashTap,
  manifestOfEntries,
  memoryParts,
  memorySources,
  partSink,
} from '../lib/index.js'
import { duplexPair } from '../lib/testing/faulty-duplex.js'

const CONTENTS = new Map([
  ['a', 'the first'],
  ['b', 'x'.repeat(300_000)],
])

/** The stages of both sides, over a pair in memory. */
function sides() {
  const [near, far] = duplexPair()
  const sources = memorySources(CONTENTS)
  const store = memoryParts()
  const last = finalizer()
  const sending = [
    fileSource(manifestOfEntries(sources.entries, sources, { name: 'x' })),
    hashTap(),
    framer(),
  ]
  const receiving = [deframer(), demuxer(), hashTap(), partSink({ store })]
  const arrived = () => new Map(Array.from(store.files, ([path, { bytes }]) => [path, String(bytes)]))
  return { near, far, sending, receiving, last, arrived }
}

/** By `pump`, whose callback tells how it ended. */
const pumped = (...stages: pump.Stream[]) =>
  new Promise<Error | undefined>((resolve) => void pump(stages, (error) => resolve(error)))

test('by hand with pump', async (t) => {
  const { near, far, sending, receiving, last, arrived } = sides()
  t.deepEqual(await Promise.all([pumped(...sending, near), pumped(far, ...receiving, last)]), [
    undefined,
    undefined,
  ])
  t.deepEqual(arrived(), CONTENTS)
})

test('by hand with .pipe(), where the outcomes tell the end', async (t) => {
  const { near, far, sending, receiving, last, arrived } = sides()
  for (const [at, stage] of [...sending, near].entries()) sending[at - 1]?.pipe(stage as Transform)
  for (const [at, stage] of [...receiving, last].entries())
    (receiving[at - 1] ?? far).pipe(stage as Transform)
  t.is((await last.outcomes).length, 2)
  t.deepEqual(arrived(), CONTENTS)
})

/** Lets the beginning pass, and then tells and waits. */
function stopping(reached: () => void): Transform {
  return new Transform({
    transform(chunk, _encoding, done) {
      this.push(chunk)
      reached()
      void done
    },
  })
}

test('by hand with pump, over a connection that is destroyed, both sides fail', async (t) => {
  const { near, far, sending, receiving, last, arrived } = sides()
  const held = stopping(() => near.destroy())
  const ended = await Promise.all([pumped(...sending, held, near), pumped(far, ...receiving, last)])
  for (const error of ended) t.true(error instanceof Error)
  t.is(arrived().size, 0)
})

test('by hand, stopped by a signal, both sides fail with it, and so do the outcomes', async (t) => {
  const { near, far, sending, receiving, last, arrived } = sides()
  const stop = new AbortController()
  const { signal } = stop
  const held = stopping(() => stop.abort())
  const sent = pipeline([...sending, held, near], { signal })
  const received = pipeline([far, ...receiving, last], { signal })
  for (const { status, reason } of (await Promise.allSettled([sent, received])) as PromiseRejectedResult[])
    t.deepEqual([status, (reason as Error).name], ['rejected', 'AbortError'])
  await t.throwsAsync(last.outcomes)
  t.is(arrived().size, 0)
})
