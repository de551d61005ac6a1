// Each property of the suite, and a wire stage that lacks just that: the suite must say so.
import { PassThrough, type Transform } from 'node:stream'
import { createBrotliCompress, createBrotliDecompress } from 'node:zlib'
import test from 'ava'
import { flushing, isSluiceError, type PairedSides, type WireStage } from '../../../lib/index.js'
import { type WireStageConformance, wireStageConformance } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'
import { patience, refuted } from '../../helpers/refuted.js'
import { pass as passOn, transforming } from '../../helpers/transforming.js'

const pass = () => new PassThrough()

function wires(outgoing: () => Transform, more: WireStageConformance = {}) {
  return () =>
    wireStageConformance(() => ({ outgoing, incoming: () => new PassThrough() }), { patience, ...more })
}
refuted(
  'a wire stage that is not undone',
  wires(() => transforming((chunk, callback) => callback(null, Buffer.from(chunk).reverse()))),
  'outgoing: it makes of the input',
  /differ/,
)
refuted(
  'a wire stage that sends something of nothing',
  wires(() => transforming(passOn, { _flush: (callback) => callback(null, 'x') })),
  'with nothing to send',
  /deep|1 bytes came/,
)
refuted(
  'a wire stage that does not notice truncation',
  wires(() => new PassThrough(), { truncated: ['ERR_TRUNCATED'] }),
  'cut anywhere',
  /cut at 0/,
)

test('a wire stage with one side cannot be tested against itself', (t) => {
  const error = t.throws(() => wireStageConformance(() => ({ outgoing: () => new PassThrough() })))
  t.true(isSluiceError(error, 'ERR_USAGE'))
})

const WRONG: Record<string, [stage: object, message: RegExp]> = {
  'its format is no name': [
    { format: 'x y', outgoing: pass, incoming: pass },
    /^what make gives\.format must be a name/,
  ],
  'a member is misspelt': [
    { outgoing: pass, incoming: pass, fromat: 'x' },
    /^unknown name "fromat" in what make gives; did you mean format\?$/,
  ],
  'it has none of the sides': [{ format: 'x' }, /^what make gives must be a wire stage/],
  'it is nothing': [null as never, /^what make gives must be a wire stage, .* not null$/],
}
for (const [what, [stage, message]] of Object.entries(WRONG))
  test(`the suite refuses what send and receive refuse: ${what}`, (t) => {
    t.throws(() => wireStageConformance(() => stage as WireStage), { code: 'ERR_USAGE', message })
  })

const same = (): PairedSides => ({ format: 'same', outgoing: new PassThrough(), incoming: new PassThrough() })
/** A wire stage of which only the conversation is tested. */
const pairs =
  (paired: () => PairedSides, more: WireStageConformance = {}) =>
  () =>
    wireStageConformance(() => ({ paired }), { patience, ...more })
conforms('a stage with nothing but paired', pairs(same)())
class Own {
  secret = 1
  outgoing = () => new PassThrough()
  incoming = () => new PassThrough()
  paired = same
}
conforms(
  'an instance of a class with a field of its own',
  wireStageConformance(() => new Own()),
)
let count = 0
refuted(
  'a format that differs at each end',
  pairs(() => ({ ...same(), format: `${++count}` })),
  'paired: it gives both sides',
  /one end has the format \d+, the other one \d+/,
)
refuted(
  'paired that gives one side',
  pairs(() => ({ outgoing: new PassThrough() }) as never),
  'paired: it gives both sides',
  /what paired gives must be an object with outgoing, incoming/,
)
refuted(
  'a conversation that is not undone',
  pairs(() => ({
    ...same(),
    incoming: transforming((chunk, callback) => callback(null, Buffer.from(chunk).reverse())),
  })),
  'paired: it makes of the input what it should',
  /differ/,
)
refuted(
  'a conversation that waits for more',
  pairs(() => {
    let held = Buffer.alloc(0)
    const outgoing = transforming((chunk, callback) => {
      const before = held
      held = Buffer.from(chunk)
      callback(null, before)
    })
    return { ...same(), outgoing }
  }),
  'paired: it gives out all',
  /after 1 chunks.*not within/,
)
refuted(
  'a conversation that has no end',
  pairs(() => ({ ...same(), outgoing: transforming(passOn, { _flush: () => {} }) })),
  'paired: both sides end where nothing is to be sent',
  /the end of both pipelines: not within/,
)
refuted(
  'a conversation that hoards',
  pairs(() => ({ ...same(), incoming: new PassThrough({ highWaterMark: 2 ** 30 }) }), { bound: 2 ** 19 }),
  'paired: slow readers',
  /hold \d+ bytes that were not read; they may hold 1179648/,
)
for (const side of ['outgoing', 'incoming'])
  refuted(
    `a side of a conversation that never closes: ${side}`,
    pairs(() => ({ ...same(), [side]: transforming(passOn, { _destroy: () => {} }) })),
    `paired: ${side}: it may be destroyed before it is used`,
    /'close' after destroy: not within/,
  )
refuted(
  'a bad option that is taken by a stage with nothing but paired',
  pairs(same, { badOptions: [same] }),
  'bad options',
  /bad options were taken/,
)

test('a stage that is slow, and goes on, is not late', async (t) => {
  const make = () => ({
    format: 'brotli',
    outgoing: () => flushing(createBrotliCompress()),
    incoming: () => createBrotliDecompress(),
  })
  const cases = wireStageConformance(make, { patience: 3000, many: 4 * 1024 * 1024 })
  const slow = cases.find(
    ({ name }) => name === 'outgoing: a slow reader never makes it hold more than its bound',
  )
  await t.notThrowsAsync(slow!.run)
})

for (const side of ['outgoing', 'incoming'])
  test(`a stage that throws at once fails cases with what it threw, and nothing else: ${side}`, async (t) => {
    const throwing = () =>
      transforming(() => {
        throw new Error('mine')
      })
    const make = () => ({
      outgoing: () => new PassThrough(),
      incoming: () => new PassThrough(),
      [side]: throwing,
    })
    const failures: string[] = []
    // an exception that nobody catches would fail this test
    for (const { run } of wireStageConformance(make, { patience }))
      await run().catch((error) => failures.push(String(error)))
    t.true(failures.length > 10, `${failures.length}`)
    for (const failure of failures) t.regex(failure, /mine/)
  })
