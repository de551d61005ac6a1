// Each property of the suite, and a stage that lacks just that: the suite must say so.
import { AssertionError } from 'node:assert'
import { Duplex, PassThrough, Transform } from 'node:stream'
import test from 'ava'
import { Minipass } from 'minipass'
import { SluiceError } from '../../../lib/index.js'
import { within } from '../../../lib/testing/conformance/harness/probe.js'
import { type TransformConformance, transformConformance } from '../../../lib/testing/index.js'
import { large, patience, refuted, small } from '../../helpers/refuted.js'
import { pass, transforming } from '../../helpers/transforming.js'

function transforms(make: () => Transform, more: Partial<TransformConformance<Buffer, Buffer>> = {}) {
  return () =>
    transformConformance<Buffer, Buffer>(make, {
      input: small,
      expected: small,
      inverse: () => new PassThrough(),
      many: large,
      patience,
      ...more,
    })
}

const hoarder = () => {
  const held: Buffer[] = []
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      held.push(chunk)
      callback()
    },
    flush(callback) {
      callback(null, Buffer.concat(held))
    },
  })
}
const deafToReaders = () => {
  const stage: Duplex = new Duplex({
    read() {},
    write(chunk, _encoding, callback) {
      stage.push(chunk)
      callback()
    },
    final(callback) {
      stage.push(null)
      callback()
    },
  })
  return stage as Transform
}
const neverClosing = () => transforming(pass, { _destroy: () => {} })

refuted(
  'a stage that is not a stream',
  transforms(() => transforming(pass, { pause: undefined as unknown as () => Transform })),
  'by its interface',
  /no method pause/,
)
refuted(
  'a stage that closes before it is used',
  transforms(() => new PassThrough().destroy() as Transform),
  'by its interface',
  /destroyed/,
)
refuted(
  'a wrong result',
  transforms(() => transforming((chunk, callback) => callback(null, Buffer.from(chunk).reverse()))),
  'it makes of the input what it should',
  /differ from byte 0/,
)
refuted(
  'a lost end',
  transforms(() => transforming((chunk, callback) => callback(null, chunk.subarray(0, -1)))),
  'in one piece',
  /34 bytes came, 35 were expected/,
)
refuted(
  'a stage that needs two bytes at once',
  transforms(() =>
    transforming((chunk, callback) => callback(null, chunk.length > 1 ? chunk : Buffer.alloc(0))),
  ),
  'single bytes',
  /differ|expected/,
)
refuted(
  'a stage that loses every second byte of a pair',
  transforms(() =>
    transforming((chunk, callback) => callback(null, chunk.length === 2 ? chunk.subarray(1) : chunk)),
  ),
  'in pairs',
  /differ/,
)
refuted(
  'a stage that fails at an empty chunk',
  transforms(() =>
    transforming((chunk, callback) =>
      chunk.length > 0 ? callback(null, chunk) : callback(new Error('empty')),
    ),
  ),
  'random sizes',
  /empty/,
)
refuted(
  'an inverse that does not undo it',
  transforms(() => new PassThrough(), {
    inverse: () => transforming((_chunk, callback) => callback(null, 'x')),
  }),
  'it makes of the input what it should',
  /differ/,
)
refuted(
  'a stage that waits for more input',
  transforms(hoarder),
  'without waiting for more',
  /after 1 chunks.*not within \d+ ms/,
)
refuted(
  'a stage that fails while it is probed',
  transforms(() => transforming((_chunk, callback) => callback(new Error('boom')))),
  'without waiting for more',
  /boom/,
)
refuted('a stage that hoards', transforms(hoarder), 'never reads', /nobody reads, and it has taken/)
refuted('a stage that does not hear its reader', transforms(deafToReaders), 'never reads', /nobody reads/)
refuted('unbounded output', transforms(deafToReaders), 'a slow reader', /it holds/)
refuted(
  'a stage that never goes on',
  transforms(() =>
    transforming(function (chunk, callback) {
      this.push(chunk)
      if (this.readableLength < 1) callback()
    }),
  ),
  'never reads',
  /not within/,
)
refuted(
  'a stage that fails with much input',
  transforms(() =>
    transforming((chunk, callback) =>
      chunk.length > 100 ? callback(new Error('boom')) : callback(null, chunk),
    ),
  ),
  'never reads',
  /it failed: Error: boom/,
)
refuted(
  'a large input that is none',
  transforms(() => new PassThrough(), { many: small }),
  'a slow reader',
  /must be larger/,
)
refuted(
  'truncation that is not noticed',
  transforms(() => new PassThrough(), { truncated: { codes: ['ERR_TRUNCATED'] } }),
  'cut anywhere',
  /cut at 0, it ended with undefined, not with ERR_TRUNCATED/,
)
refuted(
  'truncation under a wrong code',
  transforms(
    () => transforming(pass, { _flush: (callback) => callback(new SluiceError('ERR_CORRUPT', 'x')) }),
    {
      truncated: { codes: ['ERR_TRUNCATED'], whole: [0] },
    },
  ),
  'cut anywhere',
  /cut at 1, it ended with SluiceError/,
)
refuted(
  'a stage that never closes',
  transforms(neverClosing),
  'destroyed before',
  /'close' after destroy: not within/,
)
refuted('a stage that never closes unread', transforms(neverClosing), 'while nobody reads', /not within/)
refuted(
  'an error although none was given',
  transforms(() => transforming(pass, { _destroy: (_error, callback) => callback(new Error('surprise')) })),
  'destroyed before',
  /raised Error: surprise/,
)
refuted(
  'an error that was swallowed',
  transforms(() => transforming(pass, { _destroy: (_error, callback) => callback() })),
  'with an error while it works',
  /destroyed with Error: boom, but raised nothing/,
)
refuted(
  'an event after the close',
  transforms(() =>
    transforming(pass, {
      _destroy(this: Transform, error, callback) {
        callback(error)
        setImmediate(() => setImmediate(() => this.emit('data', Buffer.from('late'))))
      },
    }),
  ),
  'destroyed while it works',
  /events after 'close': data/,
)
refuted(
  'a stage that stays open after its end',
  transforms(() => new PassThrough({ autoDestroy: false })),
  'closes by itself',
  /'close' after the end/,
)
refuted(
  'a stage that refuses the whole input',
  transforms(() => transforming(pass, { _flush: (callback) => callback(new Error('boom')) })),
  'closes by itself',
  /the whole input was refused/,
)
refuted('a stage that stays open after an abort', transforms(neverClosing), 'aborted', /not within/)
const blaming = () => transforming((_chunk, callback) => callback(new Error('premature close')))
refuted('a lost cause from the source', transforms(blaming), 'error of the source', /the cause was lost/)
refuted('a lost cause from the sink', transforms(blaming), 'error of the sink', /the cause was lost/)
refuted(
  'a bad option that is taken',
  transforms(() => new PassThrough(), { badOptions: [() => new PassThrough()] }),
  'bad options',
  /bad options were taken/,
)
refuted(
  'a bad option that is refused in another way',
  transforms(() => new PassThrough(), { badOptions: [() => new PassThrough({ highWaterMark: -1 })] }),
  'bad options',
  /not an ERR_USAGE/,
)
/** A stage of objects, of which `many` are given. */
const ofObjects = (make: () => Duplex) => () =>
  transformConformance<number, number>(make, {
    input: () => [1, 2, 3],
    expected: () => [1, 2, 3],
    many: () => Array.from({ length: 100 }, (_, n) => n + 1),
    patience,
  })
const objects = (options: object) => new PassThrough({ objectMode: true, highWaterMark: 1, ...options })
refuted(
  'a stage that holds an object back until the next one comes',
  ofObjects(() => {
    let held: number | undefined
    return objects({
      transform(item: number, _encoding: unknown, callback: (error: null, item?: number) => void) {
        const before = held
        held = item
        callback(null, before)
      },
      flush(callback: (error: null, item?: number) => void) {
        callback(null, held)
      },
    })
  }),
  'without waiting for more',
  /after 1 chunks.*not within/,
)
refuted(
  'a stage with the highWaterMark of Node, with a hint',
  ofObjects(() => objects({ highWaterMark: undefined })),
  'never reads',
  /it has taken 18; it may hold 16; its highWaterMark is 16 and 16: .* a smaller highWaterMark/,
)

/** What streams of other libraries do not have. */
function withLess(stage: Duplex): Duplex {
  for (const name of ['closed', 'writableNeedDrain', 'writableLength', 'readableLength', 'cork'])
    Object.defineProperty(stage, name, { value: undefined })
  for (const name of ['writableObjectMode', 'readableObjectMode', 'writableHighWaterMark'])
    Object.defineProperty(stage, name, { value: undefined })
  return stage
}
for (const [kind, cases] of Object.entries({
  bytes: transforms(() => withLess(new PassThrough()) as Transform),
  objects: ofObjects(() => withLess(objects({}))),
}))
  for (const { name, run } of cases())
    test(`a stage of ${kind} that can be asked next to nothing lacks nothing: ${name}`, (t) =>
      t.notThrowsAsync(run))

refuted(
  'a stage of a library without close that is not stopped',
  transforms(() => Object.assign(new Minipass(), { destroy() {} }) as never),
  'destroyed before',
  /'close' after destroy: not within/,
)

let leaked = 0
refuted(
  'a leak',
  transforms(
    () => {
      leaked++
      return new PassThrough()
    },
    { open: () => leaked },
  ),
  'destroyed before',
  /2 things are open afterwards, 0 were before/,
)

test('what a case leaves behind is removed after it, also when it fails', async (t) => {
  let removed = 0
  const cases = transforms(neverClosing, { after: async () => void removed++, patience: 20 })()
  await t.throwsAsync(cases[0]!.run, { instanceOf: AssertionError })
  t.is(removed, 1)
})

test('a stage that gathers may take in what it does not give out', async (t) => {
  const gathering = () => transforming((_chunk, callback) => callback())
  const cases = transformConformance<Buffer, Buffer>(gathering, {
    input: small,
    expected: () => [],
    many: large,
    gathers: true,
  })
  for (const { name, run } of cases) await t.notThrowsAsync(run, name)
})

test('what takes too long is named', async (t) => {
  await t.throwsAsync(within(5, 'the answer', new Promise(() => {})), {
    message: 'the answer: not within 5 ms',
  })
})
