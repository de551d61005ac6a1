// Each property of the suite, and a wire stage that lacks just that: the suite must say so.
import { PassThrough, type Transform } from 'node:stream'
import test from 'ava'
import { isSluiceError } from '../../../lib/index.js'
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
