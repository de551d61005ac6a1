import { once } from 'node:events'
import stream, { Duplex, PassThrough, Transform, type TransformOptions } from 'node:stream'
import test from 'ava'
import { makeGuest } from '../../../lib/stages/bytes/guest.js'

const boom = () => {
  throw new RangeError('boom')
}

const MAKERS: Record<string, [make: () => unknown, message: RegExp]> = {
  'that throws': [boom, /^a stage of there could not be made: boom$/],
  'that gives nothing': [() => undefined, /what there makes must be a Transform, not undefined/],
  'that gives one that was used before': [
    () => new PassThrough().destroy(),
    /must be a fresh Transform each time/,
  ],
  'that promises one': [
    async () => new PassThrough(),
    /must be a Transform, not a promise, which was not awaited$/,
  ],
}
for (const [what, [make, message]] of Object.entries(MAKERS)) {
  test(`of a maker ${what} comes a stage that fails, since without one the bytes would go as they are`, async (t) => {
    const stage = makeGuest('there', make as () => Transform)
    const [error] = await once(stage, 'error')
    t.is(error.code, 'ERR_DESTROYED')
    t.regex(error.message, message)
  })
}

test('a stage of bytes where items flow fails', async (t) => {
  const [error] = await once(
    makeGuest('there', () => new PassThrough(), { ofItems: true }),
    'error',
  )
  t.regex(error.message, /must be a Transform with objectMode: true/)
})

const FAULTS: Record<string, TransformOptions> = {
  'transform throws': { transform: boom },
  'transform rejects': { transform: (async () => boom()) as never },
  'flush throws': { transform: (_chunk, _encoding, done) => done(), flush: boom },
  'flush rejects': { transform: (_chunk, _encoding, done) => done(), flush: (async () => boom()) as never },
}
for (const [what, options] of Object.entries(FAULTS)) {
  test(`a stage whose ${what} has an error that names it, and ends nothing else`, async (t) => {
    class Scanner extends Transform {}
    const stage = makeGuest('stages.file[0]', () => new Scanner(options))
    const failed = once(stage, 'error')
    stage.end('x')
    const [error] = await failed
    t.is(error.code, 'ERR_DESTROYED')
    t.is(error.message, 'Scanner of stages.file[0] threw: boom')
    t.true(error.cause instanceof RangeError)
  })
}

const { compose } = stream as unknown as { compose(...stages: Duplex[]): Duplex }
const fails: TransformOptions = { transform: (_chunk, _encoding, done) => done(new RangeError('boom')) }
class Scanner extends Transform {}
const FAILING: Record<string, (options: TransformOptions) => unknown> = {
  Scanner: (options) => new Scanner({ ...options, ...fails }),
  'Duplexify|Duplex': () =>
    // biome-ignore lint/correctness/useYield: it fails before it gives anything
    Duplex.from(async function* (source: AsyncIterable<unknown>) {
      for await (const _ of source) boom()
    }),
  'ComposeDuplex|Duplex': (options) =>
    compose(new PassThrough(options), new Transform({ ...options, ...fails })),
}
for (const [name, make] of Object.entries(FAILING))
  for (const [ofItems, code] of [
    [false, 'ERR_CORRUPT'],
    [true, 'ERR_DESTROYED'],
  ] as const)
    test(`what a stage fails with names it, and is ${code}: ${name}`, async (t) => {
      const stage = makeGuest('there', () => make({ objectMode: ofItems }) as Transform, { ofItems })
      const failed = once(stage, 'error')
      stage.end('x')
      stage.resume()
      const [error] = await failed
      t.is(error.code, code)
      t.regex(error.message, new RegExp(`^(${name}) of there failed: boom$`))
      t.true(error.cause instanceof RangeError)
    })

test('what a write refuses by throwing is an error of the stage', async (t) => {
  const stage = makeGuest('there', () => new PassThrough())
  const failed = once(stage, 'error')
  t.false(stage.write({} as never))
  t.regex((await failed)[0].message, /PassThrough of there threw: .*must be of type string/)
})

test('a stage that does nothing wrong is as it was', async (t) => {
  const stage = makeGuest('there', () => new PassThrough())
  stage.end('all of it')
  t.is(String(Buffer.concat(await stage.toArray())), 'all of it')
})
