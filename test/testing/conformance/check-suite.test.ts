// A suite that is called wrongly says so at the call, and not in each of its cases.
import { PassThrough, Readable, Writable } from 'node:stream'
import test from 'ava'
import { compression } from '../../../lib/index.js'
import {
  connectorConformance,
  duplexConformance,
  duplexPair,
  partStoreConformance,
  readableConformance,
  sourceStoreConformance,
  transformConformance,
  wireStageConformance,
  writableConformance,
} from '../../../lib/testing/index.js'
import { large, small } from '../../helpers/refuted.js'

type Suite = (make?: unknown, options?: unknown) => unknown[]
type Called = [suite: unknown, make: () => unknown, options?: Record<string, unknown>]

/** Each suite with what it takes. */
const SUITES: Record<string, Called> = {
  connectorConformance: [connectorConformance, () => ({})],
  duplexConformance: [duplexConformance, () => duplexPair()],
  partStoreConformance: [partStoreConformance, () => ({ open() {}, read() {} })],
  readableConformance: [
    readableConformance,
    () => Readable.from(small()),
    { expected: small, many: () => Readable.from(large()) },
  ],
  sourceStoreConformance: [sourceStoreConformance, () => ({})],
  transformConformance: [
    transformConformance,
    () => new PassThrough(),
    { input: small, expected: small, many: large },
  ],
  wireStageConformance: [wireStageConformance, () => compression()],
  writableConformance: [
    writableConformance,
    () => new Writable({ write: (_chunk, _encoding, done) => done() }),
    { input: small, many: large },
  ],
}

for (const [name, [suite, make, options]] of Object.entries(SUITES)) {
  const call = suite as Suite
  const refuses = (wrong: () => unknown, message: RegExp) => ({ wrong, message })
  test(`${name} that is called wrongly says so at once`, (t) => {
    t.true(call(make, options).length > 0)
    const calls = [
      refuses(() => call(), /^(factory|make|connect) must be a function, not undefined/),
      refuses(() => call({}, options), /^(factory|make|connect) must be a function, not an object/),
      refuses(() => call(make, null), /^options must be an object/),
      refuses(() => call(make, { ...options, after: 'now' }), /^after must be a function/),
      refuses(() => call(make, { ...options, open: 1 }), /^open must be a function/),
      refuses(() => call(make, { ...options, badOptions: [{}] }), /^badOptions must be a list of functions/),
      refuses(() => call(make, { ...options, patience: 'long' }), /^patience must be a number/),
      // values in the place of functions that give them
      ...Object.keys(options ?? {}).map((key) =>
        refuses(() => call(make, { ...options, [key]: [] }), new RegExp(`^${key} must be a function`)),
      ),
    ]
    for (const { wrong, message } of calls) t.throws(wrong, { code: 'ERR_USAGE', message })
  })
}

test('the suite of a wire stage says so if there is none', (t) => {
  const none = () => undefined as never
  const message = /^what make gives must be a wire stage, .* not undefined$/
  t.throws(() => wireStageConformance(none), { code: 'ERR_USAGE', message })
})

test('a suite that needs options says so if there are none', (t) => {
  for (const name of ['readableConformance', 'transformConformance', 'writableConformance']) {
    const [suite, make] = SUITES[name]!
    t.throws(() => (suite as Suite)(make), { code: 'ERR_USAGE', message: /^options must be an object/ })
  }
})

test('the suite of a Transform needs to know what the stage makes of its input', (t) => {
  const make = () => new PassThrough()
  const some = { input: small, many: large }
  const message = 'expected must be a function, unless inverse is given, not undefined'
  t.throws(() => transformConformance(make, some), { code: 'ERR_USAGE', message })
  t.notThrows(() => transformConformance(make, { ...some, inverse: make }))
  for (const more of [{ same: 1 }, { prompt: true }, { inverse: new PassThrough() }]) {
    const wrong = { ...some, expected: small, ...more } as never
    t.throws(() => transformConformance(make, wrong), { code: 'ERR_USAGE', message: /must be a function/ })
  }
})
