// What a store of a user's gives that is not what it should be: the transfer says so, and whose fault it is.
import test from 'ava'
import { memoryParts, type PartStore, receive, type SluiceError, send } from '../../lib/index.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { randomContent } from '../../lib/testing/splits.js'
import { manifestOfContents } from '../helpers/contents.js'

const BIG = randomContent(2_000_000)
const PART = { write() {}, publish() {}, discard() {} }
const SOURCE = {
  open: async () => ({ read: async () => {}, verify: async () => {}, close: async () => {} }),
}

/** What has a store say something wrong, and what the receiver then says of it. */
type Wrong = [store: Partial<Record<keyof PartStore, unknown>>, message: RegExp]

const WRONG: Record<string, Wrong[]> = {
  claims: [
    ...[undefined, null, {}, [], 'x'].map(
      (given): Wrong => [
        { claims: () => given },
        /what claims\(\) of the store gives must be a Map of claims by the index of the entry, not /,
      ],
    ),
    [
      { claims: () => new Map([[7, { part: PART, ranges: [] }]]) },
      /claims of files that it was asked about, not 7/,
    ],
    [
      { claims: () => new Map([['0', { part: PART, ranges: [] }]]) },
      /claims of files that it was asked about, not "0"/,
    ],
    [
      { claims: () => new Map([[0, undefined]]) },
      /a part, with write\(\), publish\(\) and discard\(\), not undefined/,
    ],
    [
      { claims: () => new Map([[0, { ranges: [] }]]) },
      /a part, with write\(\), publish\(\) and discard\(\), not undefined/,
    ],
    ...[
      undefined,
      'x',
      [undefined],
      [[0, 1]],
      [{ start: 0 }],
      [{ start: -1, end: 1 }],
      [{ start: 2, end: 1 }],
      [{ start: 0, end: 2_000_001 }],
      [{ start: 0, end: Number.NaN }],
      [
        { start: 5, end: 9 },
        { start: 0, end: 2 },
      ],
      [
        { start: 0, end: 2 },
        { start: 1, end: 3 },
      ],
    ].map(
      (ranges): Wrong => [
        { claims: () => new Map([[0, { part: PART, ranges }]]) },
        /for entry 0 the ranges that are there, .* within its 2000000 bytes, not /,
      ],
    ),
  ],
  lookup: [
    ...[null, [], 'x', {}, { indices: 'x' }, { indices: [0] }].map(
      (given): Wrong => [
        { lookup: () => given },
        /what lookup\(\) of the store gives must be an object with indices, a list, and source/,
      ],
    ),
    [{ lookup: () => ({ indices: [9], source: SOURCE }) }, /lookup\(\).* a list of indices of entries/],
    [{ lookup: () => ({ indices: [0], names: {}, source: SOURCE }) }, /what lookup\(\) of the store gives/],
  ],
  beginAll: [undefined, {}, []].map(
    (given): Wrong => [{ beginAll: () => given }, /what beginAll\(\) of the store gives must be a Map/],
  ),
  writeRun: [undefined, {}, { publish() {}, part() {} }, { publish() {}, part() {}, failures: {} }].map(
    (given): Wrong => [
      { writeRun: () => given },
      /what writeRun\(\) of the store gives must be an object with publish/,
    ],
  ),
  publish: [undefined, {}, ['x'], [99]].map(
    (given): Wrong => [
      { writeRun: () => ({ failures: new Map(), part: () => PART, publish: () => given }) },
      /what publish\(\) of the store gives must be a list of indices/,
    ],
  ),
  publishAll: [undefined, {}, 'x'].map(
    (given): Wrong => [
      { features: { publish: 'together' }, publishAll: () => given },
      /what publishAll\(\) of the store gives must be a function/,
    ],
  ),
}

async function transferInto(store: PartStore, publish?: 'together') {
  const [near, far] = duplexPair()
  const received = receive(far, { store, accept: 'all', ...(publish && { publish }) })
  const warnings: string[] = []
  received.on('warning', ({ message }) => warnings.push(message))
  const sent = send(near, manifestOfContents({ big: BIG, s1: 'one', s2: 'two' }))
  const ends = await Promise.allSettled([received.finished, sent.finished])
  return { ends, warnings }
}

for (const [method, all] of Object.entries(WRONG))
  for (const [n, [wrong, message]] of all.entries())
    test(`what ${method}() of a store gives and is none ends the transfer with what it should have been: ${n}`, async (t) => {
      const memory = memoryParts()
      const store = { begin: memory.begin.bind(memory), ...wrong } as PartStore
      const { ends } = await transferInto(store, method === 'publishAll' ? 'together' : undefined)
      for (const end of ends) t.is(end.status, 'rejected')
      const { reason } = ends[0] as PromiseRejectedResult
      const error = reason as SluiceError
      t.is(error.code, 'ERR_WRITE')
      t.regex(error.message, message)
      t.true(error.cause instanceof TypeError)
      // the words of a store are nothing for a stranger
      t.notRegex(String((ends[1] as PromiseRejectedResult).reason.message), /of the store gives/)
    })

test('what basis() of a store gives and is none is a warning, and all of the file comes', async (t) => {
  for (const given of [null, {}, { size: '7', open() {} }, { size: 7 }]) {
    const memory = memoryParts()
    const { ends, warnings } = await transferInto({
      begin: memory.begin.bind(memory),
      basis: () => given as never,
    })
    for (const end of ends) t.is(end.status, 'fulfilled')
    t.regex(warnings.join(), /what basis\(\) of the store gives must be nothing, or an object with size/)
    t.true(memory.files.get('big')!.bytes.equals(BIG))
  }
})

test('what publishAll() of a store says of a name and is none is a warning: it has its name', async (t) => {
  for (const placed of [
    () => 'x',
    () => ({ nmae: 'x' }),
    () => Promise.reject(new Error('late')).catch(() => 5),
    () => 5,
    () => {
      throw new Error('boom')
    },
  ]) {
    const memory = memoryParts()
    const { ends } = await transferInto(
      {
        features: { publish: 'together' },
        begin: memory.begin.bind(memory),
        publishAll: () => placed as never,
      },
      'together',
    )
    for (const end of ends) t.is(end.status, 'fulfilled')
    const { files } = (ends[0] as PromiseFulfilledResult<{ files: { status: string; error?: Error }[] }>)
      .value
    for (const { status, error } of files) {
      t.is(status, 'published')
      t.regex(error!.message, /publishAll\(\) of the store gives|boom/)
    }
  }
})

test('what fails when a store looks ahead is told as what fails when it looks, and by nobody else', async (t) => {
  const failure = new Error('no look')
  const ways: PartStore['lookAhead'][] = [
    () => {
      throw failure
    },
    () => Promise.reject(failure),
  ]
  for (const lookAhead of ways) {
    const memory = memoryParts()
    const { ends } = await transferInto({
      begin: memory.begin.bind(memory),
      lookup: memory.lookup,
      lookAhead,
    })
    const { reason } = ends[0] as PromiseRejectedResult
    t.like(reason, { code: 'ERR_WRITE', cause: failure })
    t.regex(reason.message, /cannot look for/)
  }
})
