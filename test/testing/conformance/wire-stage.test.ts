// Each property of the suite, and a wire stage that lacks just that: the suite must say so.
import { PassThrough, type Transform } from 'node:stream'
import { createBrotliCompress, createBrotliDecompress } from 'node:zlib'
import test from 'ava'
import { flushing, isSluiceError } from '../../../lib/index.js'
import { type WireStageConformance, wireStageConformance } from '../../../lib/testing/index.js'
import { patience, refuted } from '../../helpers/refuted.js'
import { pass, transforming } from '../../helpers/transforming.js'

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
  wires(() => transforming(pass, { _flush: (callback) => callback(null, 'x') })),
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
