import { once } from 'node:events'
import stream, { Duplex, PassThrough, Transform, type TransformOptions } from 'node:stream'
import test from 'ava'
import type { Owed } from '../../../lib/async.js'
import { type Code, isSluiceError } from '../../../lib/errors.js'
import { makeForeignStage, owedBy } from '../../../lib/stages/bytes/foreign-stage.js'
import { mapCuts } from '../../../lib/stages/map-cuts.js'
import { progressTap } from '../../../lib/stages/progress-tap.js'
import { itemsOf, SMALL } from '../../helpers/items.js'

const boom = () => {
  throw new RangeError('boom')
}

const MAKERS: Record<string, [make: () => unknown, message: RegExp]> = {
  'that throws': [boom, /^there could not be made: boom$/],
  'that gives nothing': [() => undefined, /what there makes must be a Transform, not undefined/],
  'that gives one that was used before': [
    () => new PassThrough().destroy(),
    /must be a fresh Transform each time/,
  ],
  'that gives what has less than is used': [
    () => ({ write: () => true, pipe: () => {}, on: () => {} }),
    /must be a Transform, which has end, pause, resume, once, removeListener, emit, destroy, not an object$/,
  ],
  'that promises one': [
    async () => new PassThrough(),
    /must be a Transform, not a promise, which was not awaited$/,
  ],
}
for (const [what, [make, message]] of Object.entries(MAKERS)) {
  test(`of a maker ${what} comes a stage that fails, since without one the bytes would go as they are`, async (t) => {
    const stage = makeForeignStage('there', make as () => Transform)
    const [error] = await once(stage, 'error')
    t.is(error.code, 'ERR_DESTROYED')
    t.regex(error.message, message)
  })
}

test('a stage of bytes where items flow fails', async (t) => {
  const [error] = await once(
    makeForeignStage('there', () => new PassThrough(), { ofItems: true }),
    'error',
  )
  t.regex(error.message, /must be a Transform with objectMode: true/)
})

test('a stream that is given a second time is refused: two who use it would get what is for the other', async (t) => {
  const shared = new PassThrough()
  makeForeignStage('there', () => shared)
  const [error] = await once(
    makeForeignStage('here', () => shared),
    'error',
  )
  t.regex(error.message, /what here makes must be a fresh Transform each time, which nobody has used/)
})

const each = (transform: (this: Transform, done: () => void) => void): TransformOptions => ({
  transform(_chunk, _encoding, done) {
    transform.call(this, done)
  },
})
/** What a stage must not do, whether of bytes or of items. */
const WRONGS: Record<string, [options: TransformOptions, message: string]> = {
  'is destroyed without an error': [
    each(function () {
      this.destroy()
    }),
    'was destroyed before its end',
  ],
  'ends early': [
    each(function (done) {
      this.push(null)
      done()
    }),
    'ended before its input did',
  ],
  "emits 'error'": [
    each(function () {
      this.emit('error', 'boom')
    }),
    'failed: boom',
  ],
}
const OF_BYTES: typeof WRONGS = {
  'gives objects': [
    {
      ...each(function (done) {
        this.push({})
        done()
      }),
      readableObjectMode: true,
    },
    'gives objects, not bytes',
  ],
  'gives texts': [
    {
      ...each(function (done) {
        this.push('x')
        done()
      }),
      encoding: 'latin1',
    },
    'gives texts, not bytes',
  ],
}
for (const ofItems of [false, true])
  for (const [what, [options, message]] of Object.entries({ ...WRONGS, ...(!ofItems && OF_BYTES) }))
    test(`a stage of ${ofItems ? 'items' : 'bytes'} that ${what} has an error that names it, and nothing is taken for its end`, async (t) => {
      class Scanner extends Transform {}
      const stage = makeForeignStage(
        'there',
        () => new Scanner({ ...(ofItems && { objectMode: true }), ...options }),
        {
          ofItems,
        },
      )
      stage.on('end', () => t.fail()).on('data', () => t.fail())
      const failed = once(stage, 'error')
      stage.write('x')
      const [error] = await failed
      t.is(error.message, `Scanner of there ${message}`)
      t.true(isSluiceError(error))
    })

test('a stage of another library that closes without an end has an error, too', async (t) => {
  const stage = makeForeignStage('there', () => new PassThrough())
  const failed = once(stage, 'error')
  stage.emit('close')
  t.is((await failed)[0].message, 'PassThrough of there was destroyed before its end')
})

test('a stage whose destroy throws ends nothing else', (t) => {
  const stage = makeForeignStage('there', () => Object.assign(new PassThrough(), { destroy: boom }))
  t.notThrows(() => stage.destroy())
})

test('what a stage was given and does not pass on is owed, but for what nobody takes from it', async (t) => {
  const lazy = makeForeignStage('there', () => new Transform({ transform() {} }))
  const owed = () => [...owedBy(lazy)].map(({ text }) => text)
  t.deepEqual(owed(), [])
  lazy.write('x')
  t.deepEqual(owed(), ['Transform of there has given nothing'])
  const [{ what }] = [...owedBy(lazy)] as [Owed]
  lazy.write('y')
  t.not([...owedBy(lazy)][0]!.what, what)
  const full = makeForeignStage('there', () => new PassThrough({ readableHighWaterMark: 1 }))
  for (let i = 0; i < 3; i++) full.write('xx')
  t.true(full.writableLength > 0)
  t.deepEqual([...owedBy(full)], [])
  const endless = makeForeignStage('there', () => new Transform({ flush() {} }))
  endless.resume().end()
  t.is([...owedBy(endless)].length, 1)
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
    const stage = makeForeignStage('stages.file[0]', () => new Scanner(options))
    const failed = once(stage, 'error')
    stage.end('x')
    const [error] = await failed
    t.is(error.code, 'ERR_DESTROYED')
    t.is(error.message, 'Scanner of stages.file[0] threw: boom')
    t.true(error.cause instanceof RangeError)
  })
}

const { compose } = stream as unknown as { compose(...stages: Duplex[]): Duplex }
const failing = (cause: unknown): TransformOptions => ({
  transform: (_chunk, _encoding, done) => done(cause as Error),
})
class Scanner extends Transform {}
const FAILING: Record<string, (cause: unknown, options: TransformOptions) => unknown> = {
  Scanner: (cause, options) => new Scanner({ ...options, ...failing(cause) }),
  'Duplexify|Duplex': (cause) =>
    // biome-ignore lint/correctness/useYield: it fails before it gives anything
    Duplex.from(async function* (source: AsyncIterable<unknown>) {
      for await (const _ of source) throw cause
    }),
  'ComposeDuplex|Duplex': (cause, options) =>
    compose(new PassThrough(options), new Transform({ ...options, ...failing(cause) })),
  Duplex: (cause, { objectMode }) =>
    Duplex.fromWeb(
      new TransformStream({
        transform() {
          throw cause
        },
      }),
      { objectMode },
    ),
}
const coded = (error: Error, code: string) => Object.assign(error, { code })
/** What a stage may fail with, and the code of a stage of bytes for it; that of items is always `ERR_DESTROYED`. */
const CAUSES: Record<string, [cause: Error, code: Code]> = {
  'an error': [new Error('boom'), 'ERR_CORRUPT'],
  'a code for data': [coded(new TypeError('boom'), 'ERR_ENCODING_INVALID_ENCODED_DATA'), 'ERR_CORRUPT'],
  'data that ends': [coded(new RangeError('boom'), 'ERR_OUT_OF_RANGE'), 'ERR_CORRUPT'],
  'a mistake with types': [new TypeError('boom'), 'ERR_DESTROYED'],
  'a mistake with names': [new ReferenceError('boom'), 'ERR_DESTROYED'],
  'a mistake with ranges': [new RangeError('boom'), 'ERR_DESTROYED'],
  'a mistake in a call': [coded(new TypeError('boom'), 'ERR_INVALID_ARG_TYPE'), 'ERR_DESTROYED'],
  'a mistake with a stream': [coded(new Error('boom'), 'ERR_MULTIPLE_CALLBACK'), 'ERR_DESTROYED'],
}
for (const [name, make] of Object.entries(FAILING))
  for (const [what, [cause, ofBytes]] of Object.entries(CAUSES))
    test(`what a stage fails with names it, and only bytes that cannot be read are corrupt: ${name}, ${what}`, async (t) => {
      for (const ofItems of [false, true]) {
        const made = () => make(cause, { objectMode: ofItems }) as Transform
        const stage = makeForeignStage('there', made, { ofItems })
        const failed = once(stage, 'error')
        stage.end(Buffer.from('x'))
        stage.resume()
        const [error] = await failed
        t.is(error.code, ofItems ? 'ERR_DESTROYED' : ofBytes)
        t.regex(error.message, new RegExp(`^(${name}) of there failed: boom$`))
        t.is(error.cause, cause)
      }
    })

const RUN = itemsOf(SMALL).find(({ kind }) => kind === 'run')

for (const thrown of ['a text', undefined, null, 0])
  test(`a stage of ours whose function throws what is no error is named: ${thrown}`, async (t) => {
    const fails = () => {
      throw thrown
    }
    for (const [ofItems, make] of [
      [true, () => mapCuts(fails)],
      [true, () => progressTap(fails)],
      [false, () => progressTap(fails)],
    ] as const) {
      const stage = makeForeignStage('there', make, { ofItems })
      const failed = once(stage, 'error')
      stage.write(ofItems ? RUN : Buffer.from('x'))
      const [error] = await failed
      t.regex(error.message, new RegExp(`^\\w+ of there failed: what was thrown is no error: ${thrown}$`))
      t.is(error.code, 'ERR_DESTROYED')
    }
  })

test('what a write refuses by throwing is an error of the stage', async (t) => {
  const stage = makeForeignStage('there', () => new PassThrough())
  const failed = once(stage, 'error')
  t.false(stage.write({} as never))
  t.regex((await failed)[0].message, /PassThrough of there threw: .*must be of type string/)
})

test('a stage that does nothing wrong is as it was', async (t) => {
  const stage = makeForeignStage('there', () => new PassThrough())
  stage.end('all of it')
  t.is(String(Buffer.concat(await stage.toArray())), 'all of it')
})
