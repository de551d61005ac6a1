import { Duplex, PassThrough, Readable } from 'node:stream'
import test from 'ava'
import { type ReceiveOptions, receive } from '../../lib/receive.js'
import { type SendOptions, send } from '../../lib/send.js'
import { manifestOfEntries } from '../../lib/stages/manifest/manifest-from.js'
import { memoryParts } from '../../lib/stores/memory-parts.js'
import { memorySources } from '../../lib/stores/memory-sources.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'

const SOCKETS: Record<string, unknown> = {
  nothing: undefined,
  'a Readable': Readable.from([]),
  'a stream of objects': new PassThrough({ objectMode: true }),
}
for (const [what, socket] of Object.entries(SOCKETS)) {
  test(`${what} is refused in place of a socket, by either side`, (t) => {
    const duplex = socket as PassThrough
    for (const start of [() => send(duplex, ['x']), () => receive(duplex, { dir: 'x', accept: 'all' })])
      t.throws(start, { code: 'ERR_USAGE', message: /^socket must be a duplex/ })
  })
}

test('a duplex that Duplex.from made of functions is refused with the way out: it is in object mode', (t) => {
  const message =
    /without objectMode: for Duplex\.from, Readable\.from\(source\(\), \{ objectMode: false \}\) .*, not an object of the class Dupl/
  async function* source() {
    yield Buffer.from('x')
  }
  const sink = async (chunks: AsyncIterable<Buffer>) => {
    for await (const _chunk of chunks);
  }
  const plain = new PassThrough()
  for (const given of [
    { readable: source(), writable: plain },
    { readable: plain, writable: sink },
  ]) {
    const duplex = Duplex.from(given as never)
    t.throws(() => send(duplex, ['x']), { code: 'ERR_USAGE', message })
    t.throws(() => receive(duplex, { dir: 'x', accept: 'all' }), { code: 'ERR_USAGE', message })
  }
})

const BOTH: Record<string, [options: object, message: RegExp]> = {
  'a signal that is none': [{ signal: 'now' }, /^signal must/],
  'a head that is no Buffer': [{ head: 'GET' }, /^head must/],
  'keepOpen that is neither true nor false': [{ keepOpen: 'no' }, /^keepOpen must/],
  'keepOpen beside wire stages': [
    { keepOpen: true, stages: { wire: [{ incoming: () => new PassThrough() }] } },
    /^keepOpen must/,
  ],
  'a series beside wire stages': [
    { series: true, stages: { wire: [{ incoming: () => new PassThrough() }] } },
    /^series must/,
  ],
  'wire stages that are no list': [{ stages: { wire: {} } }, /^stages.wire must/],
  'null for the stages': [{ stages: null }, /^stages must be an object, not null$/],
  'null for the wire stages': [{ stages: { wire: null } }, /^stages.wire must be a list.* not null$/],
  'a wire stage that is none': [{ stages: { wire: [null] } }, /^stages.wire\[0\] must/],
  'a format that no preface can list': [
    { stages: { wire: [{ format: 'chiffr\u00e9', outgoing: () => new PassThrough() }] } },
    /^stages.wire\[0\].format must be a name of 1 to 64 .* not "chiffr\u00e9"$/,
  ],
  'more formats than a preface can list': [
    {
      stages: {
        wire: new Array(17).fill({
          format: 'x',
          outgoing: () => new PassThrough(),
          incoming: () => new PassThrough(),
        }),
      },
    },
    /^the number of formats in stages.wire must be at most 16, not 17$/,
  ],
  'a maker that is no function': [
    { stages: { wire: [{ outgoing: new PassThrough() }] } },
    /^stages.wire\[0\].outgoing must/,
  ],
  'a limit that is none': [
    { limits: { patience: 1 } },
    /^unknown name "patience" in limits; it may be one of/,
  ],
  'a time that no timer can wait': [
    { limits: { idleTimeout: 2 ** 31 } },
    /^limits.idleTimeout .* to 2147483647/,
  ],
}
const RECEIVER: Record<string, [options: object, message: RegExp]> = {
  'no accept': [{ accept: undefined }, /^accept must/],
  'no folder': [{ dir: undefined }, /^dir must/],
  'a policy that is none': [{ conflict: 'whatever' }, /^conflict must/],
  'file stages in place of their makers': [
    { stages: { file: [new PassThrough()] } },
    /^stages.file\[0\] must be a function/,
  ],
  'file stages that are no list': [{ stages: { file: () => new PassThrough() } }, /^stages.file/],
  'null for the file stages': [{ stages: { file: null } }, /^stages.file must be a list.* not null$/],
  'a misspelt feature of a store': [
    { dir: undefined, store: { begin: () => {}, features: { ordr: 'ascending' } } },
    /^unknown name "ordr" in store.features; did you mean order\?$/,
  ],
  'features of a store that are no object': [
    { dir: undefined, store: { begin: () => {}, features: 'ascending' } },
    /^store.features must be an object, not "ascending"$/,
  ],
  'a folder and a store': [{ store: memoryParts() }, /^dir must be left out where store is given/],
}
for (const [what, [options, message]] of Object.entries({ ...BOTH, ...RECEIVER })) {
  test(`${what} is refused at once, and nothing is said`, (t) => {
    const starts = [
      (end: PassThrough) => receive(end, { dir: 'x', accept: 'all', ...options } as ReceiveOptions),
    ]
    if (what in BOTH) starts.push((end) => send(end, ['x'], options as SendOptions))
    for (const start of starts) {
      const [near] = duplexPair()
      t.throws(() => start(near as PassThrough), { code: 'ERR_USAGE', message })
      t.is(near.eventNames().length, duplexPair()[0].eventNames().length)
      t.is(near.writableLength, 0)
      // nor does it count as busy
      t.notThrows(() => receive(near, { store: memoryParts(), accept: 'all' }).cancel())
    }
  })
}

test('what throws while a session begins leaves the socket to others, and no timer', async (t) => {
  const clock = new FakeClock({ auto: true })
  const { signal } = new AbortController()
  const broken = () => {
    throw new Error('no more listeners')
  }
  const odd = Object.defineProperty(signal, 'addEventListener', { value: broken })
  const [near] = duplexPair()
  const before = near.eventNames().map((name) => [name, near.listenerCount(name)])
  const options = { store: memoryParts(), accept: 'all', clock } as const
  t.throws(() => receive(near, { ...options, signal: odd }), { message: 'no more listeners' })
  t.deepEqual(
    near.eventNames().map((name) => [name, near.listenerCount(name)]),
    before,
  )
  t.is(clock.pending, 0)
  const transfer = receive(near, options)
  transfer.finished.catch(() => {})
  await transfer.cancel()
})

test('a wrong option makes no file stage, which nobody would close', (t) => {
  let made = 0
  const file = () => {
    made++
    return new PassThrough({ objectMode: true })
  }
  const [near] = duplexPair()
  const options = {
    accept: 'all',
    conflict: 'whatever',
    stages: { file: [file] },
  } as unknown as ReceiveOptions
  t.throws(() => receive(near, { dir: 'x', ...options }), { code: 'ERR_USAGE' })
  t.is(made, 0)
})

for (const source of ['photos', undefined, {}, { offer: { entries: [] }, sources: [] }]) {
  test(`${JSON.stringify(source)} is no source to send`, (t) => {
    const [near] = duplexPair()
    t.throws(() => send(near, source as string[]), { code: 'ERR_USAGE', message: /^source must/ })
  })
}

test('a socket carries one transfer at a time: a second one is refused at once, and the first goes on', async (t) => {
  const sources = memorySources(new Map([['a', 'hello']]))
  const manifest = () => manifestOfEntries(sources.entries, sources, { name: 'test' })
  const [near, far] = duplexPair()
  const busy = { code: 'ERR_STATE', message: /^socket carries a transfer already/ }
  const into = () => ({ store: memoryParts(), accept: 'all', keepOpen: true }) as const
  for (let round = 0; round < 2; round++) {
    const sending = send(near, manifest(), { keepOpen: true })
    const receiving = receive(far, into())
    for (const end of [near, far]) {
      t.throws(() => send(end, manifest()), busy)
      t.throws(() => receive(end, into()), busy)
    }
    await Promise.all([sending.finished, receiving.finished])
  }
  near.destroy()
  await t.throwsAsync(send(near, manifest()).finished, { code: 'ERR_INTERRUPTED' })
  await t.throwsAsync(send(near, manifest()).finished, { code: 'ERR_INTERRUPTED' })
})

test('what a function makes that is no connection is closed, and the transfer says what was wrong', async (t) => {
  const made = new PassThrough({ objectMode: true })
  const { finished } = send(() => made, ['x'])
  await t.throwsAsync(finished, { code: 'ERR_USAGE', message: /^socket must be a duplex stream of bytes/ })
  t.true(made.destroyed)
})

test('the head comes before what the socket holds already, from whatever callback the transfer begins', async (t) => {
  const sources = memorySources(new Map([['a', 'hello']]))
  const [near, far] = duplexPair()
  const sending = send(near, manifestOfEntries(sources.entries, sources, { name: 'test' }))
  while (far.readableLength < 20) await new Promise((resolve) => far.once('readable', resolve))
  const said: Buffer = far.read()
  far.unshift(said.subarray(10))
  const begin = () => receive(far, { store: memoryParts(), accept: 'all', head: said.subarray(0, 10) })
  // in a timer, as behind a question to somebody
  const receiving = await new Promise<ReturnType<typeof receive>>((resolve) =>
    setTimeout(() => resolve(begin()), 1),
  )
  const [, { published }] = await Promise.all([sending.finished, receiving.finished])
  t.is(published, 1)
})
