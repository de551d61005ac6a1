import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { deferred } from '../../lib/async.js'
import {
  type Limits,
  memoryParts,
  type Outcome,
  type Part,
  type PartStore,
  type ReceiveOptions,
  receive,
  SluiceError,
  send,
  type Transfer,
} from '../../lib/index.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { manifestOfContents } from '../helpers/contents.js'
import { connection } from '../helpers/sockets.js'

const CONTENTS = { a: 'first', bad: 'second', c: 'third' }

/** Both ends of a transfer into a store that fails with one file, where `part` and `store` say. */
async function transfer(t: ExecutionContext, part: Partial<Part>, store: Partial<PartStore> = {}) {
  const memory = memoryParts()
  let closed = 0
  const failing: PartStore = {
    begin: async (entry) => {
      const whole = await memory.begin(entry)
      const own = entry.path === 'bad' ? part : {}
      return {
        write: (...args) => whole.write(...args),
        publish: (policy) => whole.publish(policy),
        discard: (failure) => whole.discard(failure),
        ...own,
      }
    },
    close: () => void closed++,
    ...store,
  }
  const [near, far] = await connection(t)
  const warnings: string[] = []
  const received = receive(far, {
    store: failing,
    accept: 'all',
    warn: (warning) => warnings.push(warning.message),
  })
  const sent = send(near, manifestOfContents(CONTENTS))
  const errors = (await Promise.allSettled([received.finished, sent.finished])).map((one) =>
    one.status === 'rejected' ? (one.reason as SluiceError) : undefined,
  )
  t.is(closed, 1)
  return { memory, errors, warnings }
}

const boom = () => {
  throw new Error('boom')
}
const later = () => Promise.reject(new Error('boom'))

for (const [what, part, store] of [
  ['a write that throws', { write: boom }],
  ['a write that rejects', { write: later }],
  ['a publish that throws', { publish: boom }],
  ['a publish that rejects', { publish: later }],
  [
    'a begin that throws',
    {},
    (memory: PartStore): PartStore => ({
      begin: (entry) => (entry.path === 'bad' ? boom() : memory.begin(entry)),
    }),
  ],
] as [string, Partial<Part>, ((memory: PartStore) => PartStore)?][]) {
  test(`${what} fails its file alone, with the error as the cause`, async (t) => {
    let discarded = 0
    const { errors } = await transfer(t, { discard: () => void discarded++, ...part }, store?.(memoryParts()))
    t.is(discarded, store ? 0 : 1)
    for (const error of errors) t.is(error?.code, 'ERR_FILES_FAILED')
    const outcomes = errors[0]!.outcomes as Outcome[]
    t.deepEqual(
      outcomes.map(({ path, status, code }) => [path, status, code]),
      [
        ['a', 'published', undefined],
        ['bad', 'failed', 'ERR_WRITE'],
        ['c', 'published', undefined],
      ],
    )
    t.is((outcomes[1]!.error!.cause as Error).message, 'boom')
    t.regex(outcomes[1]!.error!.message, /bad.*boom/)
  })
}

for (const [what, shown] of [
  [undefined, 'undefined'],
  [null, 'null'],
  [{}, 'an object'],
  [Object.assign(new (class Half {})(), { write: boom, publish: boom }), 'an object of the class Half'],
  [new Map(), 'an object of the class Map'],
  ['a path', '"a path"'],
] as const)
  for (const method of ['begin', 'beginAll'] as const)
    test(`what is no part fails its file with what a part must have: ${shown}, by ${method}`, async (t) => {
      const give = (memory: PartStore): PartStore => ({
        begin: (entry) => (entry.path === 'bad' ? (what as never) : memory.begin(entry)),
        ...(method === 'beginAll' && {
          beginAll: async (all) =>
            new Map(
              await Promise.all(
                all.map(
                  async (entry) =>
                    [
                      entry.index,
                      entry.path === 'bad' ? (what as never) : await memory.begin(entry),
                    ] as const,
                ),
              ),
            ),
        }),
      })
      const { errors } = await transfer(t, {}, give(memoryParts()))
      const outcomes = errors[0]!.outcomes as Outcome[]
      t.deepEqual(
        outcomes.map(({ status }) => status),
        ['published', 'failed', 'published'],
      )
      t.is(
        outcomes[1]!.error!.message,
        `cannot begin bad: it failed (what begin() of the store gives must be a part, with write(), publish() and discard(), not ${shown})`,
      )
    })

const FOREIGN = 'cannot open /home/me/secret.db'
for (const [what, thrown] of Object.entries({
  'an error': new Error(FOREIGN),
  'a text': FOREIGN,
  'an error with a number for a code': Object.assign(new Error(FOREIGN), { code: 14 }),
  'an error with an empty code': Object.assign(new Error(FOREIGN), { code: '' }),
  'an error with a code of its own kind': Object.assign(new Error('boom'), { code: FOREIGN }),
  'an error of ours that says it in other words': new SluiceError('ERR_WRITE', FOREIGN, {
    cause: new Error('boom'),
  }),
  'an error of the system': Object.assign(new Error(FOREIGN), { code: 'EACCES' }),
  'an error of ours around all of it': new SluiceError('ERR_WRITE', FOREIGN, { cause: new Error(FOREIGN) }),
  'an error of ours that quotes one of the system': new SluiceError('ERR_WRITE', `no: ${FOREIGN}`, {
    cause: Object.assign(new Error(FOREIGN), { code: 'EACCES' }),
  }),
  'an error of ours around another': new SluiceError('ERR_WRITE', FOREIGN, {
    cause: new SluiceError('ERR_WRITE', FOREIGN, { cause: FOREIGN }),
  }),
} satisfies Record<string, unknown>))
  test(`the sender does not hear the words of what a store throws: ${what}`, async (t) => {
    const { errors } = await transfer(t, { write: () => Promise.reject(thrown) })
    const [here, there] = errors.map((error) => (error!.outcomes as Outcome[])[1]!)
    t.is(here!.status, 'failed')
    t.is(there!.code, here!.code)
    t.notRegex(`${errors[1]!.message} ${there!.error?.message}`, /secret/)
  })

test('a SluiceError of a store stays what it is', async (t) => {
  const error = new SluiceError('ERR_PERMISSION', 'not for you')
  const { errors } = await transfer(t, { write: () => Promise.reject(error) })
  t.is((errors[0]!.outcomes as Outcome[])[1]!.error, error)
})

for (const [what, error, code] of [
  ['no room', Object.assign(new Error('no room'), { code: 'ENOSPC' }), 'ERR_DISK_FULL'],
  ['a store that can go no further', new SluiceError('ERR_READ_ONLY', 'locked'), 'ERR_READ_ONLY'],
] as const)
  test(`${what} ends the transfer`, async (t) => {
    const { errors } = await transfer(t, { write: () => Promise.reject(error) })
    for (const one of errors) t.is(one?.code, code)
  })

for (const method of ['expect', 'beginAll', 'writeRun'] as const)
  test(`${method}() is for no single file: what it throws ends the transfer`, async (t) => {
    const { errors } = await transfer(t, {}, { [method]: boom })
    for (const error of errors) t.is(error?.code, 'ERR_WRITE')
    t.is((errors[0]!.cause as Error).message, 'boom')
  })

test('what discard() and finish() throw is a warning', async (t) => {
  const { errors, warnings } = await transfer(t, { publish: boom, discard: boom }, { finish: boom })
  t.is(errors[0]?.code, 'ERR_FILES_FAILED')
  t.is(warnings.length, 2)
  for (const warning of warnings) t.regex(warning, /boom/)
})

test('a store that cannot be closed fails the transfer', async (t) => {
  const [near, far] = await connection(t)
  const memory = memoryParts()
  const store: PartStore = { begin: (entry) => memory.begin(entry), close: boom }
  const received = receive(far, { store, accept: 'all' })
  const sent = send(near, manifestOfContents(CONTENTS))
  await Promise.allSettled([sent.finished])
  await t.throwsAsync(received.finished, { code: 'ERR_WRITE', message: /close.*boom/ })
  t.is(memory.files.size, 3)
})

test('a file that is under way when the transfer is cancelled is discarded', async (t) => {
  const [near, far] = await connection(t)
  const memory = memoryParts()
  let discarded = 0
  const store: PartStore = {
    async begin(entry) {
      const part = await memory.begin(entry)
      return {
        write(...args) {
          void received.cancel()
          return part.write(...args)
        },
        publish: (policy) => part.publish(policy),
        discard: () => void discarded++,
      }
    },
  }
  const received = receive(far, { store, accept: 'all' })
  const sent = send(near, manifestOfContents({ large: Buffer.alloc(3_000_000, 'l') }))
  await t.throwsAsync(received.finished, { code: 'ERR_CANCELLED' })
  await t.throwsAsync(sent.finished, { code: 'ERR_CANCELLED' })
  t.is(discarded, 1)
  t.is(memory.files.size, 0)
})

test('a store that lacks something is refused at once', async (t) => {
  const [, far] = await connection(t)
  const begin = () => memoryParts().begin(undefined!)
  for (const [options, message] of [
    [{ store: {} }, /begin/],
    [{ store: null }, /begin/],
    [{ store: { begin, close: 1 } }, /store\.close/],
    [{ store: { begin, durability: 'some' } }, /durability/],
    [{ store: { begin, features: { order: 'random' } } }, /order/],
    [{ store: { begin, features: { conflicts: [] } } }, /conflicts/],
    [
      { store: { begin, features: { conflicts: ['rename'] } }, conflict: 'skip' },
      /conflict must be one of 'rename'/,
    ],
    [{ store: { begin }, dir: 'x' }, /dir must be left out/],
  ] as const)
    t.throws(() => receive(far, { accept: 'all', ...options } as unknown as ReceiveOptions), {
      code: 'ERR_USAGE',
      message,
    })
})

for (const [what, given, message] of [
  [
    'is no object',
    7,
    /what publish\(\) of the store gives must be nothing, or an object with name .*, not 7\)?$/,
  ],
  [
    'has a misspelt name',
    { nam: 'x' },
    /unknown name "nam" in what publish\(\) of the store gives; did you mean name\?\)?$/,
  ],
  ['has a name that is no text', { name: 7 }, /what publish\(\) of the store gives must be nothing, or/],
  ['has a reason that is none', { skipped: 'because' }, /skipped \(one of 'identical', .* not an object\)?$/],
] as const)
  test(`where what publish gives ${what}, its file fails, the error names store and method, and what it published stays`, async (t) => {
    const gone = () => t.fail('what has its name was removed')
    const { errors } = await transfer(t, { publish: () => given as never, discard: gone, keep: gone })
    const outcomes = errors[0]!.outcomes as Outcome[]
    t.is(outcomes[1]!.code, 'ERR_WRITE')
    t.regex(outcomes[1]!.error!.message, message)
  })

const hanging: PartStore = {
  begin: () => ({ write: () => new Promise<void>(() => {}), publish() {}, discard() {} }),
}
for (const [what, end] of Object.entries({
  'a cancellation': ({ received }: Hung): unknown => received.cancel('enough'),
  'the end of the connection': ({ near }: Hung) => near.destroy(),
}))
  test(`a store that does not answer is waited for no longer than closeTimeout after ${what}`, async (t) => {
    // that a connection is gone is noticed at the next ping, where nothing is read
    const hung = await hang(t, hanging, { pingInterval: 100 })
    end(hung)
    const error = await t.throwsAsync(hung.received.finished, {
      message:
        /the store, which is to write a, has not answered; it was waited for, and may still be at work$/,
    })
    t.regex((error as SluiceError).code, /ERR_CANCELLED|ERR_INTERRUPTED/)
  })

test('what a store answers after it was waited for long enough is no success', async (t) => {
  const answer = deferred<void>()
  const asked = deferred<void>()
  const late: PartStore = {
    begin: () => ({
      write() {},
      publish: () => {
        asked.resolve()
        return answer.promise
      },
      discard() {},
    }),
    close: () => closed.resolve(),
  }
  const closed = deferred<void>()
  const { received } = await hang(t, late)
  await asked.promise
  received.cancel()
  await t.throwsAsync(received.finished, { code: 'ERR_CANCELLED', message: /which is to publish a,/ })
  received.on('file', () => t.fail())
  const { files } = received.progress
  answer.resolve()
  await closed.promise
  t.is(received.progress.files, files)
  t.is(received.state, 'cancelled')
})

test('that a store does not answer is told while it runs', async (t) => {
  const clock = new FakeClock()
  const { received } = await hang(t, hanging, { pingInterval: 1000 }, clock)
  const warnings: SluiceError[] = []
  received.on('warning', (warning) => warnings.push(warning))
  for (; warnings.length === 0; await setImmediate()) clock.advance(1000)
  t.is(warnings[0]!.code, 'ERR_TIMEOUT')
  // it is looked at once an interval
  t.regex(warnings[0]!.message, /^the store, which is to write a, has not answered for 1[01] s$/)
})

interface Hung {
  near: Duplex
  received: Transfer
}

/** A transfer into a store that does not answer; resolves when that was asked. */
async function hang(
  t: ExecutionContext,
  store: PartStore,
  limits: Partial<Limits> = {},
  clock?: FakeClock,
): Promise<Hung> {
  const [near, far] = duplexPair()
  const begun = deferred<void>()
  const begin: PartStore['begin'] = (entry) => {
    begun.resolve()
    return store.begin(entry)
  }
  const options = { limits: { closeTimeout: 100, idleTimeout: 1e9, ...limits }, ...(clock && { clock }) }
  const received = receive(far, { store: { ...store, begin }, accept: 'all', ...options })
  const sent = send(near, manifestOfContents({ a: 'first' }), { limits: options.limits })
  sent.finished.catch(() => {})
  t.teardown(() => sent.cancel())
  await begun.promise
  return { near, received }
}
