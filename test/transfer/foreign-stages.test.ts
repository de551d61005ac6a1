// Stages made with other libraries: what is written here without a cast compiles, and each of them moves a file.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { Duplex, PassThrough, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { Minipass } from 'minipass'
import { Duplex as StreamxDuplex, Transform as StreamxTransform } from 'streamx'
import through from 'through2'
import {
  type ByteDuplex,
  deframer,
  demuxer,
  type FileOutcome,
  fileSource,
  finalizer,
  framer,
  hashTap,
  type Item,
  isSluiceError,
  manifestOfEntries,
  memoryParts,
  memorySources,
  type Outcome,
  partSink,
  type ReceiveOptions,
  receive,
  SluiceError,
  type StageStream,
  send,
  type WireStage,
} from '../../lib/index.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'

type Done = (error: Error | null, chunk: unknown) => void

const KEY = Buffer.alloc(32, 1)
const IV = Buffer.alloc(16, 2)
const BODY = Buffer.alloc(300_000, 'body').toString()
const SOURCES = memorySources(new Map([['a', BODY]]))
const manifest = () => manifestOfEntries(SOURCES.entries, SOURCES, { name: 'test' })

const both = (make: () => StageStream): WireStage => ({ format: 'same', outgoing: make, incoming: make })
const WIRE: Record<string, WireStage> = {
  Transform: both(() => new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) })),
  cipher: {
    format: 'ctr',
    outgoing: () => createCipheriv('aes-256-ctr', KEY, IV),
    incoming: () => createDecipheriv('aes-256-ctr', KEY, IV),
  },
  PassThrough: both(() => new PassThrough()),
  'Duplex.from': both(() =>
    Duplex.from(async function* (chunks: AsyncIterable<Buffer>) {
      yield* chunks
    }),
  ),
  through2: both(() => through((chunk: Buffer, _encoding: string, done: Done) => done(null, chunk))),
  streamx: both(() => new StreamxTransform()),
  Minipass: both(() => new Minipass()),
}
for (const [what, stage] of Object.entries(WIRE))
  test(`a wire stage of another library needs no cast: ${what}`, async (t) => {
    const [near, far] = duplexPair()
    const store = memoryParts()
    const options = { stages: { wire: [stage] } }
    const receiving = receive(far, { store, accept: 'all', ...options })
    await Promise.all([send(near, manifest(), options).finished, receiving.finished])
    t.is(store.files.get('a')?.bytes.toString(), BODY)
  })

for (const [what, make] of Object.entries({
  streamx: () => new StreamxTransform({ transform: (_chunk, done) => done(null, 'a text') }),
  Minipass: () => new Minipass<string>({ encoding: 'latin1' }),
}))
  test(`a wire stage that gives texts is told as itself, not as the connection or the peer: ${what}`, async (t) => {
    const [near, far] = duplexPair()
    const stages = {
      wire: [
        { outgoing: () => new PassThrough() },
        { outgoing: make },
        { outgoing: () => new PassThrough() },
      ],
    }
    const receiving = receive(far, { store: memoryParts(), accept: 'all' })
    receiving.finished.catch(() => {})
    await t.throwsAsync(send(near, manifest(), { stages }).finished, {
      code: 'ERR_DESTROYED',
      message: /of stages\.wire\[1\]\.outgoing gives texts, not bytes$/,
    })
  })

const FILE: Record<string, () => StageStream> = {
  Transform: () =>
    new Transform({ objectMode: true, transform: (item: Item, _encoding, done) => done(null, item) }),
  PassThrough: () => new PassThrough({ objectMode: true }),
  'Duplex.from': () =>
    Duplex.from(async function* (items: AsyncIterable<Item>) {
      yield* items
    }),
  through2: () => through.obj((item: Item, _encoding: string, done: Done) => done(null, item)),
  streamx: () => new StreamxTransform(),
  Minipass: () => new Minipass<Item, Item>({ objectMode: true }),
}
for (const [what, make] of Object.entries(FILE))
  test(`a file stage of another library needs no cast: ${what}`, async (t) => {
    const [near, far] = duplexPair()
    const store = memoryParts()
    const receiving = receive(far, { store, accept: 'all', stages: { file: [make] } })
    await Promise.all([send(near, manifest()).finished, receiving.finished])
    t.is(store.files.get('a')?.bytes.toString(), BODY)
  })

test('a wire stage may have nothing but both sides together', async (t) => {
  const paired = () => ({ format: 'same', outgoing: new PassThrough(), incoming: new PassThrough() })
  const options = { stages: { wire: [{ paired }] } }
  const [near, far] = duplexPair()
  const store = memoryParts()
  const receiving = receive(far, { store, accept: 'all', ...options })
  await Promise.all([send(near, manifest(), options).finished, receiving.finished])
  t.is(store.files.get('a')?.bytes.toString(), BODY)
})

const NO_PAIRS: Record<string, [paired: () => unknown, message: RegExp]> = {
  nothing: [
    () => undefined,
    /what stages\.wire\[0\]\.paired gives must be an object with outgoing, .*undefined$/,
  ],
  'one side': [
    () => ({ outgoing: new PassThrough() }),
    /paired gives must be an object with outgoing, incoming/,
  ],
  'a misspelt format': [
    () => ({ fromat: 'x', outgoing: new PassThrough(), incoming: new PassThrough() }),
    /unknown name "fromat" in what stages\.wire\[0\]\.paired gives; did you mean format\?$/,
  ],
  'a format that is no name': [
    () => ({ format: 'a b', outgoing: new PassThrough(), incoming: new PassThrough() }),
    /the format that stages\.wire\[0\]\.paired gives must be a name/,
  ],
}
for (const [what, [paired, message]] of Object.entries(NO_PAIRS))
  test(`where paired gives ${what}, the transfer says so`, async (t) => {
    const stages = { wire: [{ paired } as unknown as WireStage] }
    const { finished } = send(duplexPair()[0], manifest(), { stages })
    await t.throwsAsync(finished, { code: 'ERR_DESTROYED', message })
  })

test('a generator is a stage in a pipeline made by hand', async (t) => {
  const store = memoryParts()
  const [near, far] = duplexPair()
  const copied = async function* (items: AsyncIterable<Item>) {
    yield* items
  }
  await Promise.all([
    pipeline(fileSource(manifest()), copied, hashTap(), framer(), near),
    pipeline(far, deframer(), demuxer(), copied, partSink({ store }), finalizer()),
  ])
  t.is(store.files.get('a')?.bytes.toString(), BODY)
})

test('a duplex of streamx is a connection, by type as well', (t) => {
  const socket: ByteDuplex = new StreamxDuplex()
  const transfer = receive(socket, { store: memoryParts(), accept: 'all' } satisfies ReceiveOptions)
  t.is(transfer.direction, 'receive')
  transfer.finished.catch(() => {})
  return transfer.cancel()
})

test('what is no wire stage does not compile', (t) => {
  const cipher = () => createCipheriv('aes-256-ctr', KEY, IV)
  const stages: NonNullable<ReceiveOptions['stages']>[] = [
    // @ts-expect-error a function
    { wire: [cipher] },
    // @ts-expect-error a Transform
    { wire: [cipher()] },
    // @ts-expect-error a list of stages for the stages
    [{ outgoing: cipher }],
    // @ts-expect-error a misspelt list
    { wires: [{ outgoing: cipher }] },
    // @ts-expect-error a misspelt direction
    { wire: [{ format: 'ctr', outgoin: cipher }] },
  ]
  for (const one of stages)
    t.throws(() => receive(duplexPair()[0], { store: memoryParts(), accept: 'all', stages: one }), {
      code: 'ERR_USAGE',
    })
})

/** Inverts all bits, with what a stage of a user's has of its own: fields, a getter, a method. */
class Inverting implements WireStage {
  protected readonly _format = 'inverted'
  protected date = new Date(0)
  paused = false
  constructor(private readonly mask = 255) {}
  get format(): string {
    return this._format
  }
  outgoing(): Transform {
    return this.inverting()
  }
  incoming(): Transform {
    return this.inverting()
  }
  private inverting(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) =>
        done(
          null,
          chunk.map((byte) => byte ^ this.mask),
        ),
    })
  }
}
class Inherited extends Inverting {
  key = KEY
}
class Together implements WireStage {
  made = 0
  paired() {
    this.made += 1
    return new Both()
  }
}
class Both {
  shared = KEY
  format = 'same'
  outgoing = new PassThrough()
  incoming = new PassThrough()
}
for (const make of [() => new Inverting(), () => new Inherited(), () => new Together()])
  test(`a class may be a wire stage, with fields and methods of its own: ${make().constructor.name}`, async (t) => {
    const [near, far] = duplexPair()
    const store = memoryParts()
    const receiving = receive(far, { store, accept: 'all', stages: { wire: [make()] } })
    await Promise.all([send(near, manifest(), { stages: { wire: [make()] } }).finished, receiving.finished])
    t.is(store.files.get('a')?.bytes.toString(), BODY)
  })

const pass = () => new PassThrough()
const NO_STAGES: Record<string, [stage: WireStage, message: RegExp]> = {
  'nothing of one': [{}, /must be a wire stage, .* not an object$/],
  'a format without a side': [{ format: 'ctr' }, /must be a wire stage/],
  'a class with nothing of one': [
    new (class Settings {
      key = KEY
      format = 'ctr'
    })(),
    /must be a wire stage, .* not an object of the class Settings$/,
  ],
  'a class that misspells a method': [
    new (class {
      outgoin = undefined
      incoming = pass
      outgong() {
        return pass()
      }
    })(),
    /^unknown name "outgoin" in stages\.wire\[0\]; did you mean outgoing\?$/,
  ],
  'a class that inherits a misspelt method': [
    new (class extends class {
      incomming = pass()
      ougtoing() {
        return pass()
      }
    } {
      incoming = pass
    })(),
    /^unknown name "ougtoing" in stages\.wire\[0\]; did you mean outgoing\?$/,
  ],
  'a class that misspells its format': [
    new (class {
      fromat = 'ctr'
      outgoing = pass
    })(),
    /^unknown name "fromat" in stages\.wire\[0\]; did you mean format\?$/,
  ],
  'a list': [[{ outgoing: pass }] as WireStage, /must be a wire stage, .* not a list$/],
}
for (const [what, [stage, message]] of Object.entries(NO_STAGES))
  test(`what is no wire stage is refused at once: ${what}`, (t) => {
    const options = { stages: { wire: [stage] } }
    t.throws(() => send(duplexPair()[0], manifest(), options), { code: 'ERR_USAGE', message })
  })

test('outcomes have one type, whether they come from a result or from an error', async (t) => {
  const [near, far] = duplexPair()
  const refuse = () =>
    new Transform({ objectMode: true, transform: (_item: Item, _encoding, done) => done() })
  const receiving = receive(far, { store: memoryParts(), accept: 'all', stages: { file: [refuse] } })
  send(near, manifest()).finished.catch(() => {})
  await t.throwsAsync(receiving.finished)
  const outcomes: readonly FileOutcome[] = [] satisfies Outcome[]
  const error: unknown = new SluiceError('ERR_FILES_FAILED', '', { outcomes })
  if (isSluiceError(error, 'ERR_FILES_FAILED')) {
    const told: readonly FileOutcome[] | undefined = error.outcomes
    t.deepEqual(told, [])
  }
})

test('a stage is flushed once, and may give something then', async (t) => {
  const [near, far] = duplexPair()
  const flushed: string[] = []
  const flushing = (name: string, objectMode = false) =>
    new Transform({
      objectMode,
      transform: (chunk, _encoding, done) => done(null, chunk),
      flush(done) {
        flushed.push(name)
        // the end once more, or no bytes
        done(null, objectMode ? { kind: 'end' } : Buffer.alloc(0))
      },
    })
  const store = memoryParts()
  const wire = [
    { format: 'same', outgoing: () => flushing('outgoing'), incoming: () => flushing('incoming') },
  ]
  const stages = { wire, file: [() => flushing('file', true)] }
  const receiving = receive(far, { store, accept: 'all', stages })
  await Promise.all([send(near, manifest(), { stages: { wire } }).finished, receiving.finished])
  // a stage in which more would have come is not flushed, since the transfer ended before
  t.deepEqual(flushed.filter((name) => name !== 'incoming').sort(), ['file', 'outgoing', 'outgoing'])
})
