// Each property of the suites, and a stage that lacks just that: the suite must say so.
import { AssertionError } from 'node:assert'
import { Duplex, PassThrough, Readable, Transform, type TransformCallback, Writable } from 'node:stream'
import test from 'ava'
import { isSluiceError, SluiceError } from '../../lib/index.js'
import {
  type ConformanceCase,
  piecesOf,
  type ReadableConformance,
  randomContent,
  readableConformance,
  type TransformConformance,
  transformConformance,
  type WireStageConformance,
  type WritableConformance,
  wireStageConformance,
  writableConformance,
} from '../../lib/testing/index.js'
import { within } from '../../lib/testing/probe.js'

const patience = 300
const small = () => piecesOf(Buffer.from('a small input that is cut and split'), 9)
const large = () => piecesOf(randomContent(3 * 1024 * 1024), 64 * 1024)

/** Exactly this case of the suite fails, with an AssertionError that matches. */
function refuted(what: string, cases: () => ConformanceCase[], name: string, message: RegExp): void {
  test(`${what} is found out`, async (t) => {
    const found = cases().filter((one) => one.name.includes(name))
    t.is(found.length, 1, `one case '${name}'`)
    const error = await t.throwsAsync(found[0]!.run)
    t.regex(String(error), message)
  })
}

type Transforming = (this: Transform, chunk: Buffer, callback: TransformCallback) => void
const pass: Transforming = (chunk, callback) => callback(null, chunk)
function transforming(transform: Transforming, rest: Partial<Transform> = {}): Transform {
  const stage = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      transform.call(this, chunk, callback)
    },
  })
  return Object.assign(stage, rest)
}

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
  transforms(() => transforming(pass, { cork: undefined as unknown as () => void })),
  'by its interface',
  /no method cork/,
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
  /after 1 chunks.*not within 300 ms/,
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

function readables(make: () => Readable, more: Partial<ReadableConformance<Buffer>> = {}) {
  return () =>
    readableConformance<Buffer>(make, {
      expected: small,
      many: () => Readable.from(large()),
      patience,
      ...more,
    })
}
const giving = () => Readable.from(small())
refuted(
  'a wrong Readable',
  readables(() => Readable.from(['x'])),
  'to one who listens',
  /differ|Expected/,
)
refuted(
  'a Readable that loses what comes in a pause',
  readables(() => {
    const left = small()
    const stream: Readable = new Readable({
      read() {
        const chunk = left.shift() ?? null
        this.push(chunk && stream.isPaused() ? chunk.subarray(1) : chunk)
      },
    })
    return stream
  }),
  'who pauses',
  /expected/,
)
refuted(
  'a Readable that fails one who asks',
  readables(
    () =>
      new Readable({
        read() {
          this.destroy(new Error('boom'))
        },
      }),
  ),
  'to one who asks',
  /boom/,
)
refuted(
  'a Readable that stays open when its loop is left',
  readables(() => Object.assign(giving(), { _destroy: () => {} })),
  'left early',
  /not within/,
)
refuted(
  'a Readable that reads ahead',
  readables(giving, {
    many: () => {
      const stream: Readable = new Readable({ read() {} })
      for (const chunk of large()) stream.push(chunk)
      stream.push(null)
      return stream
    },
  }),
  'no further ahead',
  /has read 3145728 ahead/,
)
refuted(
  'a Readable that reads ahead while it is read slowly',
  readables(giving, {
    many: () => {
      const left = large()
      return new Readable({
        read() {
          if (left.length === 48) this.push(left.shift())
          else for (const chunk of [...left.splice(0), null]) this.push(chunk)
        },
      })
    },
    bound: 100_000,
  }),
  'no further ahead',
  /ahead/,
)
refuted(
  'a large Readable that is none',
  readables(giving, { many: giving }),
  'no further ahead',
  /must be larger/,
)

function writables(make: () => Writable, more: Partial<WritableConformance<Buffer>> = {}) {
  return () => writableConformance<Buffer>(make, { input: small, many: large, patience, ...more })
}
const taking = () => new Writable({ write: (_chunk, _encoding, callback) => void setImmediate(callback) })
refuted(
  'a Writable with the wrong effect',
  writables(taking, {
    check: () => {
      throw new Error('nothing was written')
    },
  }),
  'it makes of the input what it should',
  /nothing was written/,
)
refuted(
  'a Writable that never asks to wait',
  writables(
    () =>
      new Writable({
        highWaterMark: 1e9,
        write: (_chunk, _encoding, callback) => void setImmediate(callback),
      }),
  ),
  'makes the source wait',
  /wait in it, and it asks for more/,
)
refuted(
  'a Writable that never goes on',
  writables(() => new Writable({ write: () => {} })),
  'makes the source wait',
  /'drain': not within/,
)
refuted(
  'a Writable that fails with much input',
  writables(() => new Writable({ write: (_chunk, _encoding, callback) => callback(new Error('boom')) })),
  'makes the source wait',
  /it failed: Error: boom/,
)
refuted(
  'a large input that is none for a Writable',
  writables(taking, { many: small }),
  'makes the source wait',
  /must be larger/,
)
refuted(
  'truncation that a Writable does not notice',
  writables(taking, { truncated: { codes: ['ERR_TRUNCATED'], whole: [0] } }),
  'cut anywhere',
  /cut at 1/,
)

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

test('what takes too long is named', async (t) => {
  await t.throwsAsync(within(5, 'the answer', new Promise(() => {})), {
    message: 'the answer: not within 5 ms',
  })
})
