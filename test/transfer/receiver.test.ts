import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { deferred } from '../../lib/async.js'
import { memoryParts, type Part, type PartStore } from '../../lib/index.js'
import { type ReceiveOptions, receive } from '../../lib/receive.js'
import { mapCuts } from '../../lib/stages/map-cuts.js'
import { type DuplexPairOptions, duplexPair } from '../../lib/testing/faulty-duplex.js'
import type { TransferState } from '../../lib/transfer/lifecycle.js'
import type { Transfer } from '../../lib/transfer/transfer.js'
import { encodeMessage, type Message, type PlanRecord } from '../../lib/wire/messages.js'
import { type Outcome, told } from '../../lib/wire/outcome.js'
import { type Contents, manifestOfContents } from '../helpers/contents.js'
import { offerMessages } from '../helpers/offer-messages.js'
import { data, digests, HELLO, Peer, type Said } from '../helpers/peer.js'
import { growth } from '../helpers/turns.js'

const END: Message = { type: 'end' }

/** A receiver into memory, whose sender is played by the test. */
/** For a peer that never ends, or somebody who never answers: it is not waited for as long as by default. */
const IMPATIENT = { limits: { closeTimeout: 500 } }

function receiving(options: Partial<ReceiveOptions> = {}, pair?: DuplexPairOptions) {
  const [near, far] = duplexPair(pair)
  const store = memoryParts()
  const transfer = receive(near, { store, accept: 'all', ...options })
  return { transfer, store, near, peer: new Peer(far) }
}

const offering = (contents: Contents) => [...offerMessages(manifestOfContents(contents).offer)]
const codeOf = (transfer: Transfer) =>
  transfer.finished.then(
    () => 'none',
    ({ code }) => code,
  )

async function reached(transfer: Transfer, state: TransferState): Promise<void> {
  while (transfer.state !== state) await once(transfer, 'state')
}

/** All pages of the plan of so many entries: which of them are wanted. Checks that they follow each other. */
async function planOf(peer: Peer, entries: number): Promise<{ wanted: boolean[]; pages: Message[] }> {
  const wanted: boolean[] = []
  const pages: Message[] = []
  while (wanted.length < entries) {
    const page = await peer.hears('plan')
    if (page.first !== wanted.length) throw new Error(`a page from ${page.first} on, after ${wanted.length}`)
    pages.push(page)
    for (const { count, kind } of page.plan) for (let i = 0; i < count; i++) wanted.push(kind === 'all')
  }
  return { wanted, pages }
}

const SPLITS: Record<string, DuplexPairOptions> = {
  'as they are written': {},
  'byte by byte': { forth: { pieces: 1 }, back: { pieces: 1 } },
}
for (const [how, pair] of Object.entries(SPLITS)) {
  test(`a receiver goes on until END was heard and every entry has its outcome: messages ${how}`, async (t) => {
    const { transfer, store, peer } = receiving({}, pair)
    peer.say(HELLO, ...offering({ folder: null, 'folder/a': 'first', b: 'second' }))
    t.like(await peer.hears('answer'), { accept: true })
    t.deepEqual(await peer.hears('plan'), { type: 'plan', first: 0, plan: [{ count: 3, kind: 'all' }] })
    await reached(transfer, 'receiving')
    peer.say(data(0, 'firstsec'), data(8, 'ond'), digests(1, 'first', 'second'))
    t.like(await peer.hears('outcomes'), { first: 1, count: 2, status: 'published' })
    t.like(transfer.progress, {
      files: 2,
      totalFiles: 3,
      others: 0,
      totalOthers: 1,
      bytes: 11,
      totalBytes: 11,
    })
    // both files have theirs; more could be offered until END
    peer.say({ type: 'ping' })
    t.is(
      await Promise.race([transfer.finished, new Promise((resolve) => setImmediate(resolve, 'runs'))]),
      'runs',
    )
    t.deepEqual(peer.rest, [])
    peer.say(END)
    t.like(await peer.hears('outcomes'), { first: 0, count: 1, status: 'published' })
    t.like(await peer.hears('result'), {
      status: 'completed',
      published: 3,
      skipped: 0,
      failed: 0,
      bytes: 11,
    })
    t.is(transfer.state, 'receiving')
    peer.close({ type: 'result', status: 'completed', published: 3, skipped: 0, failed: 0, bytes: 11 })
    t.is((await transfer.finished).published, 3)
    t.deepEqual([...store.files.keys()], ['folder/a', 'b'])
  })
}

test('an offer of nothing, or of which nothing is wanted, needs an END as well', async (t) => {
  for (const [contents, options] of [
    [{}, {}],
    [{ a: 'a', b: null }, { accept: () => ({ accept: true, select: () => false }) }],
  ] as [Contents, Partial<ReceiveOptions>][]) {
    const { transfer, peer } = receiving(options)
    peer.say(HELLO, ...offering(contents))
    await peer.hears('answer')
    const count = Object.keys(contents).length
    if (count > 0) {
      t.deepEqual((await peer.hears('plan')).plan, [{ count, kind: 'skip' }])
      t.like(await peer.hears('outcomes'), { first: 0, count, status: 'skipped' })
    }
    peer.say({ type: 'ping' })
    await new Promise((resolve) => setImmediate(resolve))
    t.deepEqual(peer.rest, [])
    peer.say(END)
    t.like(await peer.hears('result'), { published: 0, skipped: count })
    peer.close()
    await transfer.finished
  }
})

/** A store in which the file `big` cannot be begun. */
function withoutBig(): PartStore {
  const store = memoryParts()
  return {
    begin(entry) {
      if (entry.path === 'big') throw new Error('no room for it')
      return store.begin(entry)
    },
  }
}

/** A receiver that has said the outcome of `big`, of which the sender goes on to send. */
async function late() {
  const { transfer, peer } = receiving({ store: withoutBig() })
  peer.say(HELLO, ...offering({ big: BIG, next: 'next', last: 'last' }))
  await peer.hears('plan')
  peer.say(data(0, BIG.slice(0, 100_000)))
  const outcomes = await peer.hears('outcomes')
  return { transfer, peer, outcomes }
}
const BIG = 'x'.repeat(300_000)

test('what still comes of an entry that has its outcome is thrown away, until its record', async (t) => {
  const { transfer, peer, outcomes } = await late()
  t.like(outcomes, { first: 0, count: 1, except: [{ index: 0, status: 'failed' }] })
  const { bytes } = transfer.progress
  // also what came already, and a digest of another content
  peer.say(data(100_000, BIG.slice(100_000)), data(0, 'again'), data(299_990, `${BIG.slice(-10)}nextlast`))
  peer.say(digests(0, 'another', 'next', 'last'), END)
  t.like(await peer.hears('result'), { published: 2, failed: 1, bytes: bytes + 8 })
  peer.close()
  const error = await t.throwsAsync<Error & { outcomes: Outcome[] }>(transfer.finished, {
    code: 'ERR_FILES_FAILED',
  })
  t.deepEqual(error!.outcomes.map(told), [
    { path: 'big', status: 'failed', code: 'ERR_WRITE' },
    { path: 'next', status: 'published' },
    { path: 'last', status: 'published' },
  ])
})

const REFUSED_LATE: Record<string, Said[]> = {
  'data of it after its record': [digests(0, 'another'), data(0, 'x')],
  'a digest of the next file before its data': [digests(0, 'another', 'next')],
  'data beyond the next file’s': [data(299_999, 'xnextlast!')],
}
for (const [what, said] of Object.entries(REFUSED_LATE)) {
  test(`an entry that has its outcome is no excuse: ${what} is refused`, async (t) => {
    const { transfer, peer } = await late()
    peer.say(...said)
    t.is((await peer.hears('error')).code, 'ERR_PROTOCOL')
    peer.close()
    t.is(await codeOf(transfer), 'ERR_PROTOCOL')
  })
}

test('a sender that goes on where an outcome came early is owed nothing: END may follow at once', async (t) => {
  const { transfer, peer } = await late()
  peer.say(data(300_000, 'nextlast'), digests(1, 'next', 'last'), END)
  t.like(await peer.hears('result'), { published: 2, failed: 1 })
  peer.close()
  t.is(await codeOf(transfer), 'ERR_FILES_FAILED')
})

test('what was on its way when the last entry had its outcome is thrown away, behind END, too', async (t) => {
  const ended = deferred<void>()
  const { transfer, peer } = receiving({
    store: Object.assign(memoryParts(), { finish: () => ended.promise }),
  })
  peer.say(HELLO, ...offering({ big: BIG }))
  await peer.hears('plan')
  peer.say(data(0, BIG), digests(0, BIG), END)
  await peer.hears('outcomes')
  await new Promise((resolve) => setImmediate(resolve))
  // as of a connection among several that was lost: what it had goes over another one, with what is said of it
  peer.say({ type: 'blocks', index: 0, first: 0, digests: Buffer.alloc(32) })
  await new Promise((resolve) => setImmediate(resolve))
  ended.resolve()
  const { published, skipped, failed, bytes } = await peer.hears('result')
  t.deepEqual({ published, skipped, failed }, { published: 1, skipped: 0, failed: 0 })
  peer.close({ type: 'result', status: 'completed', published, skipped, failed, bytes })
  t.is((await transfer.finished).published, 1)
})

const folders = (count: number): Contents =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`folder ${i}`, null]))
const SELECTIONS: Record<string, (index: number) => boolean> = {
  'every second entry': (index) => index % 2 === 1,
  'rows of three': (index) => index % 6 < 3,
  'all but one': (index) => index !== 1234,
  nothing: () => false,
}
for (const [what, isWanted] of Object.entries(SELECTIONS)) {
  test(`a selection comes in pages that the sender takes, in order, and is what was selected: ${what}`, async (t) => {
    const count = 2000
    const { transfer, peer } = receiving({
      accept: () => ({ accept: true, select: ({ index }) => isWanted(index) }),
    })
    peer.say({ ...HELLO, limits: { message: 4096 } } as Message, ...offering(folders(count)))
    const { wanted, pages } = await planOf(peer, count)
    t.deepEqual(
      wanted,
      Array.from({ length: count }, (_, index) => isWanted(index)),
    )
    for (const page of pages) t.true(encodeMessage(page).length - 5 <= 4096)
    t.is(pages.length > 1, what === 'every second entry' || what === 'rows of three')
    const kinds = pages.flatMap((page) => (page as { plan: PlanRecord[] }).plan.map(({ kind }) => kind))
    t.true(
      kinds.every((kind, i) => kind !== kinds[i - 1]),
      'no two records where one would do',
    )
    peer.say(END)
    const published = wanted.filter(Boolean).length
    t.like(await peer.hears('result'), { published, skipped: count - published })
    peer.close()
    await transfer.finished
  })
}

test('of very many entries each is selected in its slice, between which others have their turn', async (t) => {
  const count = 6000
  let asked = 0
  const { transfer, peer } = receiving({
    accept: () => ({
      accept: true,
      select() {
        asked++
        return true
      },
    }),
  })
  const turns = growth(() => asked)
  peer.say(HELLO, ...offering(folders(count)))
  await planOf(peer, count)
  t.is(asked, count)
  t.true(turns.stop() <= 1000)
  peer.say(END)
  await peer.hears('result')
  peer.close()
  await transfer.finished
})

test('each outcome that says more than its status is told once, however many messages it takes', async (t) => {
  const count = 3000
  const links = Object.fromEntries(Array.from({ length: count }, (_, i) => [`link ${i}`, { target: 'x' }]))
  const { transfer, peer } = receiving()
  const told: number[] = []
  let ranges = 0
  transfer.on('settled', ({ first, last, except }) => {
    ranges++
    for (const index of except!.keys()) if (index >= first && index <= last) told.push(index)
    t.true(except!.size <= last - first + 1)
  })
  peer.say(HELLO, ...offering(links))
  await planOf(peer, count)
  peer.say(END)
  t.like(await peer.hears('result'), { published: 0, skipped: count })
  t.true(ranges > 1)
  t.deepEqual(
    told,
    Array.from({ length: count }, (_, i) => i),
  )
  peer.close()
  await transfer.finished
})

test('very many entries are pages, so that nobody is held up by one', async (t) => {
  const count = 5000
  const { transfer, peer } = receiving(IMPATIENT)
  peer.say(HELLO, ...offering(folders(count)))
  const { wanted, pages } = await planOf(peer, count)
  t.true(wanted.every(Boolean))
  t.is(pages.length, 3)
  await transfer.cancel()
  t.is(await codeOf(transfer), 'ERR_CANCELLED')
})

test('a receiver whose sender goes away while somebody is asked says so at once, and asks no more', async (t) => {
  for (const leave of [(peer: Peer) => peer.close(), (peer: Peer) => peer.leave()]) {
    let over = false
    const asked = deferred<void>()
    const { transfer, peer } = receiving({
      ...IMPATIENT,
      accept: (_offer, signal) => {
        signal.addEventListener('abort', () => {
          over = true
        })
        asked.resolve()
        return new Promise(() => {})
      },
    })
    peer.say(HELLO, ...offering({ a: 'a' }))
    await asked.promise
    leave(peer)
    const code = await codeOf(transfer)
    t.true(['ERR_TRUNCATED', 'ERR_INTERRUPTED'].includes(code), code)
    t.true(over)
    t.is(transfer.state, 'interrupted')
  }
})

test('nobody is asked about an offer of a transfer that a listener has cancelled', async (t) => {
  let asked = 0
  const { transfer, peer } = receiving({ ...IMPATIENT, accept: () => ++asked > 0 })
  transfer.on('state', (state) => state === 'offered' && transfer.cancel())
  peer.say(HELLO, ...offering({ a: 'a' }))
  await peer.hears('cancel')
  t.is(await codeOf(transfer), 'ERR_CANCELLED')
  t.is(asked, 0)
  t.deepEqual(peer.rest, [])
})

test('nothing is said after the last word: no outcomes, no pages', async (t) => {
  const { transfer, peer } = receiving({ onOutcome: () => void transfer.cancel('enough') })
  peer.say(HELLO, ...offering({ a: 'a', b: 'b' }))
  await peer.hears('plan')
  peer.say(data(0, 'ab'), digests(0, 'a', 'b'))
  t.is((await peer.hears('cancel')).reason, 'enough')
  peer.close()
  await peer.closed
  t.deepEqual(peer.rest, [])
  t.is(await codeOf(transfer), 'ERR_CANCELLED')

  const many = receiving({
    accept: () => {
      queueMicrotask(() => queueMicrotask(() => many.transfer.cancel()))
      return { accept: true, select: ({ index }) => index % 2 === 0 }
    },
  })
  many.peer.say(HELLO, ...offering(folders(5000)))
  await many.peer.hears('cancel')
  many.peer.close()
  await many.peer.closed
  t.deepEqual(many.peer.rest, [])
  t.is(await codeOf(many.transfer), 'ERR_CANCELLED')
})

test('a last word arrives, also where much waits to be said before and behind it', async (t) => {
  let told = 0
  const { transfer, peer } = receiving({
    // each folder is told of by itself
    stages: { file: [() => mapCuts(() => undefined)] },
    limits: { frame: 4096, closeTimeout: 10_000 },
  })
  transfer.on('file', () => told++)
  peer.say(HELLO, ...offering(folders(20_000)), END)
  peer.pause()
  // until it stands still
  for (let before = -1; told === 0 || told !== before; await setTimeout(100)) before = told
  t.true(told < 20_000)
  const cancelling = transfer.cancel('enough')
  peer.resume()
  t.is((await peer.hears('cancel')).reason, 'enough')
  peer.close()
  await cancelling
  t.deepEqual(peer.rest, [])
})

test('cancelling after the result was said changes nothing, and waits until all is closed', async (t) => {
  const { transfer, near, peer } = receiving(IMPATIENT)
  peer.say(HELLO, ...offering({ a: 'a' }))
  await peer.hears('plan')
  peer.say(data(0, 'a'), digests(0, 'a'), END)
  await peer.hears('result')
  await transfer.cancel('too late')
  t.true(near.destroyed)
  t.is(transfer.state, 'completed')
  t.deepEqual(peer.rest, [])
})

test('a sender that hangs up after END without a word has its result all the same', async (t) => {
  for (const leave of [(peer: Peer) => peer.close(), (peer: Peer) => peer.leave()]) {
    const { transfer, peer, store } = receiving(IMPATIENT)
    peer.say(HELLO, ...offering({ a: 'a' }))
    await peer.hears('plan')
    peer.say(data(0, 'a'), digests(0, 'a'), END)
    await peer.hears('result')
    leave(peer)
    t.is((await transfer.finished).published, 1)
    t.is(store.files.size, 1)
  }
})

/** Where a receiver can be, and how it gets there from its beginning. */
const STATES: Record<string, (peer: Peer) => Promise<unknown>> = {
  connecting: async () => {},
  'asked nothing yet': async (peer) => peer.say(HELLO).hears('hello'),
  'receiving, before any data': async (peer) =>
    peer.say(HELLO, ...offering({ a: 'aa', b: 'b' })).hears('plan'),
  'receiving, within a file': async (peer) => {
    await peer.say(HELLO, ...offering({ a: 'a', b: 'bb' })).hears('plan')
    await peer.say(data(0, 'ab'), digests(0, 'a')).hears('outcomes')
  },
}
const ENDS: Record<string, [end: (peer: Peer, transfer: Transfer) => unknown, codes: string[]]> = {
  'is cancelled': [
    async (peer, transfer) => {
      const cancelling = transfer.cancel('enough')
      if ((await peer.hears('cancel')).reason !== 'enough') throw new Error('another reason')
      peer.close()
      await cancelling
      if (transfer.state !== 'cancelled') throw new Error(`resolved while ${transfer.state}`)
    },
    ['ERR_CANCELLED'],
  ],
  'is cancelled by the peer': [(peer) => peer.close({ type: 'cancel' }), ['ERR_CANCELLED']],
  'hears an error': [
    (peer) => peer.close({ type: 'error', code: 'ERR_SOURCE_READ', text: 'gone' }),
    ['ERR_SOURCE_READ'],
  ],
  'hears nothing more': [(peer) => peer.close(), ['ERR_TRUNCATED']],
  'loses its peer': [(peer) => peer.leave(), ['ERR_INTERRUPTED', 'ERR_TRUNCATED']],
}
for (const [where, go] of Object.entries(STATES)) {
  for (const [what, [end, codes]] of Object.entries(ENDS)) {
    test(`a receiver that ${what} while ${where} ends, and has closed all when it has`, async (t) => {
      const memory = memoryParts()
      let closed = 0
      const store: PartStore = {
        begin: (entry) => memory.begin(entry),
        close: async () => {
          await new Promise((resolve) => setImmediate(resolve))
          closed++
        },
      }
      // nothing of it waits for somebody who does not answer
      const { transfer, near, peer } = receiving({ store, limits: { closeTimeout: 600_000 } })
      await go(peer)
      await end(peer, transfer)
      const code = await codeOf(transfer)
      t.true(codes.includes(code), code)
      t.is(closed, 1)
      t.true(near.destroyed)
    })
  }
}

test('what comes at once on the plan is stored, also when the connection breaks behind it', async (t) => {
  const content = 'x'.repeat(300_000)
  const memory = memoryParts()
  let stored = 0
  const store: PartStore = {
    begin: async (entry) => {
      const part = await memory.begin(entry)
      return Object.assign(Object.create(part) as Part, {
        write: async (...given: Parameters<Part['write']>) => {
          await part.write(...given)
          stored += given[1].reduce((sum, { length }) => sum + length, 0)
        },
      })
    },
  }
  const { transfer, near, peer } = receiving({ store })
  const ended = codeOf(transfer)
  peer.say(HELLO, ...offering({ a: content }))
  await peer.hears('plan')
  near.on('data', () => near.destroy(new Error('broken')))
  peer.say(data(0, content.slice(0, 200_000)))
  t.is(await ended, 'ERR_INTERRUPTED')
  t.is(stored, 200_000)
})
