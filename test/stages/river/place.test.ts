// A pipeline with a stage missing or in the wrong place says which, on either side, and ends; or it is warned of.
import { PassThrough, Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test, { type ExecutionContext } from 'ava'
import {
  compression,
  deframer,
  demuxer,
  encrypt,
  encryption,
  fileSource,
  finalizer,
  framer,
  hashTap,
  manifestOfEntries,
  mapCuts,
  memoryParts,
  memorySources,
  partSink,
  throttle,
} from '../../../lib/index.js'
import { duplexPair } from '../../../lib/testing/faulty-duplex.js'
import { connection } from '../../helpers/sockets.js'

const SOURCES = memorySources(new Map([['a', 'hello']]))
const LARGE = memorySources(new Map([['a', Buffer.alloc(5 << 20)]]))
const source = (store = SOURCES) => fileSource(manifestOfEntries(store.entries, store, { name: 'test' }))
const sink = () => partSink({ store: memoryParts() })
const same = () => mapCuts((cut) => cut)

/** One way, as bytes. */
async function sent(): Promise<Buffer> {
  const chunks: Buffer[] = []
  await pipeline(source(), hashTap(), framer(), async (bytes: AsyncIterable<Buffer>) => {
    for await (const chunk of bytes) chunks.push(chunk)
  })
  return Buffer.concat(chunks)
}

type Stages = [NodeJS.ReadWriteStream, ...NodeJS.ReadWriteStream[]]

const RECEIVING: [what: string, stages: () => Stages, end: () => NodeJS.WritableStream, says: RegExp][] = [
  [
    'no deframer',
    () => [demuxer(), hashTap(), sink()],
    finalizer,
    /^demuxer\(\) .* given bytes.* deframer\(\)/,
  ],
  [
    'no demuxer',
    () => [deframer(), hashTap(), sink()],
    finalizer,
    /^hashTap\(\) .* given frames.* demuxer\(\)/,
  ],
  ['neither demuxer nor hashTap', () => [deframer(), sink()], finalizer, /^partSink\(\) .* given frames/],
  [
    'no partSink',
    () => [deframer(), demuxer(), hashTap()],
    finalizer,
    /^finalizer\(\) .* given items.* partSink\(\)/,
  ],
  ['a deframer alone', () => [deframer()], finalizer, /^finalizer\(\) .* given frames/],
  [
    'no finalizer',
    () => [deframer(), demuxer(), hashTap()],
    sink,
    /^nobody reads .* partSink\(\).* finalizer\(\)/,
  ],
  ['hashTap at the end', () => [deframer(), demuxer()], hashTap, /^nobody reads .* hashTap\(\)/],
  ['demuxer at the end', () => [deframer()], demuxer, /^nobody reads .* demuxer\(\)/],
  ['deframer at the end', () => [new PassThrough()], deframer, /^nobody reads .* deframer\(\)/],
  [
    'demuxer before deframer',
    () => [demuxer(), deframer(), hashTap(), sink()],
    finalizer,
    /^demuxer\(\) gives items.* bytes/,
  ],
  [
    'hashTap behind partSink',
    () => [deframer(), demuxer(), sink(), hashTap()],
    finalizer,
    /^hashTap\(\) .* given stored files/,
  ],
  [
    'a file stage behind partSink',
    () => [deframer(), demuxer(), sink(), same()],
    finalizer,
    /^mapCuts\(\) .* given stored files/,
  ],
  [
    'a file stage before demuxer',
    () => [deframer(), same(), demuxer(), sink()],
    finalizer,
    /^mapCuts\(\) .* given frames/,
  ],
  [
    'framer for deframer',
    () => [framer(), demuxer(), sink()],
    finalizer,
    /^(demuxer|framer)\(\) .* given bytes/,
  ],
  [
    'a stage of bytes between items',
    () => [deframer(), demuxer(), new PassThrough(), sink()],
    finalizer,
    /^demuxer\(\) gives items.* bytes/,
  ],
  [
    'a deframer too many',
    () => [deframer(), deframer(), demuxer(), sink()],
    finalizer,
    /^deframer\(\) gives frames.* bytes/,
  ],
  [
    'a stage that makes something else',
    () => [deframer(), demuxer(), objects(), sink()],
    finalizer,
    /^partSink\(\) .* no item/,
  ],
]

/** A stage of a user's that gives what is no item. */
function objects() {
  return new Transform({ objectMode: true, transform: (_item, _encoding, done) => done(null, { text: 'x' }) })
}

for (const [what, stages, end, says] of RECEIVING)
  test(`receiving with ${what}`, async (t) => {
    const bytes = Readable.from([await sent()])
    if (says.source.startsWith('^nobody reads'))
      await warns(t, [bytes, ...stages(), end()] as NodeJS.ReadWriteStream[], says)
    else await t.throwsAsync(pipeline([bytes, ...stages(), end()]), { code: 'ERR_STATE', message: says })
  })

/** A pipeline that waits for ever, and of which the process is warned: it goes on once somebody reads. */
async function warns(
  t: ExecutionContext<unknown>,
  streams: NodeJS.ReadWriteStream[],
  says: RegExp,
): Promise<void> {
  const stop = new AbortController()
  const running = pipeline(streams, { signal: stop.signal })
  running.catch(() => {})
  await new Promise<void>((resolve) => {
    const heard = (warning: Error & { code?: string }) => {
      if (warning.code !== 'SLUICE_UNREAD' || !says.test(warning.message)) return
      process.off('warning', heard)
      resolve()
    }
    process.on('warning', heard)
  })
  t.true(streams.at(-1)!.readable)
  stop.abort()
  await t.throwsAsync(running, { name: 'AbortError' })
}

const SENDING: [what: string, stages: () => Stages | [], says: RegExp][] = [
  ['neither hashTap nor framer', () => [], /^fileSource\(\) gives items.* framer\(\)/],
  ['no framer', () => [hashTap()], /^hashTap\(\) gives items.* framer\(\)/],
  ['no hashTap', () => [framer()], /put hashTap\(\) before framer\(\)/],
  [
    'a cipher before the framer',
    () => [hashTap(), encrypt({ key: Buffer.alloc(32) }), framer()],
    /^hashTap\(\) gives items/,
  ],
  [
    'hashTap behind the framer',
    () => [framer(), hashTap()],
    /put hashTap\(\) before|^hashTap\(\) gives items/,
  ],
]

for (const [what, stages, says] of SENDING)
  test(`sending with ${what}`, async (t) => {
    const [near, far] = await connection(t)
    far.resume()
    await t.throwsAsync(pipeline([source(), ...stages(), near]), { code: 'ERR_STATE', message: says })
  })

test('a sender without a connection', async (t) => {
  await warns(
    t,
    [source(LARGE), hashTap(), framer()] as NodeJS.ReadWriteStream[],
    /^nobody reads .* framer\(\).* connection/,
  )
})

test('what has taken all that there was may be read when its pipeline is over', async (t) => {
  const bytes = framer()
  await pipeline(source(), hashTap(), bytes)
  t.is(Buffer.concat(await bytes.toArray()).length, (await sent()).length)
})

test('a reader may come a little later', async (t) => {
  const [near, far] = duplexPair()
  const received = near.pipe(deframer()).pipe(demuxer())
  far.end(await sent())
  await new Promise(setImmediate)
  const kinds: string[] = []
  for await (const { kind } of received) kinds.push(kind)
  t.deepEqual(kinds, ['offer', 'run', 'digests', 'end'])
})

for (const [what, behind] of Object.entries({
  'before partSink()': () => sink(),
  twice: () => finalizer(),
}))
  test(`finalizer() ${what} says that it belongs at the end`, async (t) => {
    const stages = [Readable.from([await sent()]), deframer(), demuxer(), hashTap(), finalizer(), behind()]
    await t.throwsAsync(pipeline(stages as never[]), {
      code: 'ERR_STATE',
      message: /^finalizer\(\) gives nothing, .* belongs at the end, behind partSink\(\)$/,
    })
  })

for (const [stage, instead] of [
  [compression(), 'gzip() and gunzip()'],
  [throttle({ rate: 1e9 }), 'limitRate()'],
  [encryption({ key: Buffer.alloc(32) }), 'encrypt() and decrypt()'],
] as const)
  test(`a wire stage in a pipeline says what belongs there: ${instead}`, async (t) => {
    const error = await t.throwsAsync(async () => pipeline([source(), stage, new PassThrough()] as never[]))
    t.is((error as { code?: string }).code, 'ERR_USAGE')
    t.true(error.message.endsWith(`in a pipeline of your own use ${instead}`), error.message)
  })
