import { once } from 'node:events'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { SluiceError } from '../../lib/errors.js'
import { type ReceiveOptions, receive } from '../../lib/receive.js'
import { send } from '../../lib/send.js'
import { mapCuts } from '../../lib/stages/map-cuts.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import type { Transfer } from '../../lib/transfer/transfer.js'
import type { Limits } from '../../lib/wire/limits.js'
import { encodeMessage, type Message, type OutcomeRecord } from '../../lib/wire/messages.js'
import { type Outcome, told } from '../../lib/wire/outcome.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { plant, temporary } from '../helpers/folders.js'
import { offerOf } from '../helpers/items.js'
import { closed, offerMessages } from '../helpers/offer-messages.js'
import { data, digests, HELLO } from '../helpers/peer.js'

const LIMITS = { closeTimeout: 50 }

/** What a peer says, byte for byte; what it hears is thrown away. */
function say(end: Duplex, ...said: (Message | Buffer)[]): void {
  end.on('error', () => {}).resume()
  for (const one of said) end.write(Buffer.isBuffer(one) ? one : encodeMessage(one))
}

async function errorOf(finished: Promise<unknown>): Promise<SluiceError> {
  return finished.then(
    () => {
      throw new Error('it succeeded')
    },
    (error) => error,
  )
}

/** A sender with one file of five bytes, whose peer says these things after its preface. */
async function toSender(t: ExecutionContext<unknown>, ...said: (Message | Buffer)[]): Promise<SluiceError> {
  const source = await plant(await temporary(t), { file: 'hello' })
  const [near, far] = duplexPair()
  const transfer = send(near, [join(source, 'file')], { limits: LIMITS })
  if (transfer.state !== 'offered') {
    say(far, encodePreface([]), HELLO)
    await new Promise<void>((resolve) => {
      transfer.on('state', (state) => (state === 'offered' || state === 'failed') && resolve())
    })
  }
  say(far, ...said)
  return errorOf(transfer.finished)
}

async function toReceiver(t: ExecutionContext<unknown>, ...said: (Message | Buffer)[]): Promise<SluiceError> {
  const [near, far] = duplexPair()
  const transfer = receive(near, { dir: await temporary(t), accept: 'all', limits: LIMITS })
  say(far, encodePreface([]), ...said)
  return errorOf(transfer.finished)
}

/** A sender of two empty folders, which are accepted, with these limits. */
async function sendFolders(t: ExecutionContext<unknown>, limits: Partial<Limits>) {
  const source = await plant(await temporary(t), { some: null, other: null })
  const [near, far] = duplexPair()
  const paths = [join(source, 'some'), join(source, 'other')]
  const transfer = send(near, paths, { limits: { ...LIMITS, ...limits } })
  say(far, encodePreface([]), HELLO)
  await new Promise<void>((resolve) => transfer.on('state', (state) => state === 'offered' && resolve()))
  say(far, ACCEPT, planOf(2))
  return { transfer, far }
}

const ACCEPT: Message = { type: 'answer', offer: 0, accept: true }
const RESULT: Message = { type: 'result', status: 'completed', published: 1, skipped: 0, failed: 0, bytes: 5 }
/** A page of the plan that wants all of so many entries. */
const planOf = (count: number, first = 0): Message => ({
  type: 'plan',
  first,
  plan: [{ count, kind: 'all' }],
})
const PLAN = planOf(1)
const outcomes = (first: number, count = 1, ...except: OutcomeRecord[]): Message => ({
  type: 'outcomes',
  first,
  count,
  status: 'published',
  except,
})
const OUTCOME = outcomes(0)
const END: Message = { type: 'end' }

const SENDER: Record<string, (Message | Buffer)[]> = {
  'a second hello': [HELLO],
  'an answer to an offer that was not made': [{ ...ACCEPT, offer: 1 } as Message],
  'two answers': [ACCEPT, ACCEPT],
  'a page of the plan before the answer': [PLAN],
  'a page of more entries than were offered': [ACCEPT, planOf(2)],
  'a page that leaves entries out': [ACCEPT, planOf(1, 1)],
  'a page again': [ACCEPT, PLAN, PLAN],
  'an answer again': [ACCEPT, ACCEPT],
  'an answer to an offer that was not attached': [ACCEPT, { ...ACCEPT, offer: 1 } as Message],
  'a page too many': [ACCEPT, PLAN, planOf(1, 1)],
  'a plan of thousands of entries, of which one was offered': [ACCEPT, planOf(4096)],
  'a page that skips more than was offered': [
    ACCEPT,
    { type: 'plan', first: 0, plan: [{ count: 4096, kind: 'skip' }] },
  ],
  'outcomes before the answer': [OUTCOME],
  'an outcome of an entry that is not there, before the plan': [ACCEPT, outcomes(1)],
  'an outcome of an entry that is not there': [ACCEPT, PLAN, outcomes(1)],
  'an outcome of an entry and one that is not there': [ACCEPT, PLAN, outcomes(0, 2)],
  'outcomes up to the largest number there is': [ACCEPT, PLAN, outcomes(Number.MAX_SAFE_INTEGER - 1)],
  'an outcome twice': [ACCEPT, PLAN, OUTCOME, OUTCOME],
  'success before it was asked': [RESULT],
  'success before END was said': [ACCEPT, OUTCOME, RESULT],
  'KNOWN-FAILURES 16: success without an outcome for every file': [ACCEPT, PLAN, RESULT],
  'END, which is the sender’s': [ACCEPT, PLAN, END],
  'digests, which are the sender’s': [ACCEPT, PLAN, digests(0, 'hello')],
  'files of its own': [...offerMessages(offerOf({ a: Buffer.alloc(1) }))],
  'a frame of an unknown type': [Buffer.from([0x7f, 0, 0, 0, 1, 0x80])],
}
for (const [name, said] of Object.entries(SENDER)) {
  test(`a sender ends with a protocol error when the receiver says ${name}`, async (t) => {
    t.is((await toSender(t, ...said)).code, 'ERR_PROTOCOL')
  })
}

const OFFER = [...offerMessages(offerOf({ a: Buffer.from('hello') }))]
const OPEN = closed({ ...OFFER[0], open: true } as Message, OFFER[1]!)
const RECEIVER: Record<string, (Message | Buffer)[]> = {
  'an offer before hello': OFFER,
  'an answer': [HELLO, ACCEPT],
  'a plan': [HELLO, ...OFFER, PLAN],
  'END before the digest of a file that was asked for': [HELLO, ...OFFER, data(0, 'hello'), END],
  'END before the last byte of a file': [HELLO, ...OFFER, data(0, 'hell'), END],
  'END before a file began': [HELLO, ...OFFER, END],
  'END before the offer is complete': [HELLO, OFFER[0]!, END],
  'END twice': [HELLO, ...OFFER, data(0, 'hello'), digests(0, 'hello'), END, END],
  'an offer after END': [HELLO, ...OFFER, data(0, 'hello'), digests(0, 'hello'), END, ...OFFER],
  'bytes again': [HELLO, ...OFFER, data(0, 'hello'), data(0, 'hello')],
  'a digest twice': [HELLO, ...OFFER, data(0, 'hello'), digests(0, 'hello'), digests(0, 'hello')],
  'a digest before the last byte': [HELLO, ...OFFER, data(0, 'hell'), digests(0, 'hello')],
  'a result before there is one': [HELLO, RESULT],
  outcomes: [HELLO, OUTCOME],
  'a second offer behind one that is not open': [HELLO, ...OFFER, ...OFFER],
  'an attached offer with the same path': [HELLO, ...OPEN, ...OFFER],
  'data before an offer': [HELLO, data(0, 'hello')],
  'HOSTILE-INPUT 48: bytes beyond the offer': [HELLO, ...OFFER, data(0, 'hello!')],
}
for (const [name, said] of Object.entries(RECEIVER)) {
  test(`a receiver ends with a protocol error when the sender says ${name}`, async (t) => {
    t.is((await toReceiver(t, ...said)).code, 'ERR_PROTOCOL')
  })
}

test('KNOWN-FAILURES 23: the end of the stream during the handshake is not an acceptance', async (t) => {
  const source = await plant(await temporary(t), { file: 'hello' })
  for (const said of [[], [encodePreface([])], [encodePreface([]), HELLO]]) {
    const [near, far] = duplexPair()
    const transfer = send(near, [join(source, 'file')], { limits: LIMITS })
    say(far, ...said)
    far.end()
    const { code } = await errorOf(transfer.finished)
    t.is(code, 'ERR_TRUNCATED')
    t.is(transfer.state, 'interrupted')
  }
})

test('an error of the peer keeps its code, and its text comes escaped', async (t) => {
  const error = await toReceiver(t, HELLO, { type: 'error', code: 'ERR_DISK_FULL', text: 'full\u001b[31m\n' })
  t.is(error.code, 'ERR_DISK_FULL')
  t.false(/\p{Cc}/u.test(error.message))
  t.is((await toReceiver(t, HELLO, { type: 'error', code: 'ERR_OF_THE_FUTURE', text: '' })).code, 'ERR_PEER')
})

test('an error of the peer with a code that means no harm is its own failure all the same', async (t) => {
  for (const code of ['ERR_SKIPPED', 'ERR_UNSENDABLE'])
    t.is((await toSender(t, { type: 'error', code, text: 'no' })).code, 'ERR_PEER')
})

test('a file that failed with a code that means no failure counts as one of the peer', async (t) => {
  const [near, far] = duplexPair()
  const transfer = receive(near, { dir: await temporary(t), accept: 'all', limits: LIMITS })
  const failures = new Map([[0, 'ERR_SKIPPED']])
  const failed: Message = { type: 'digests', first: 0, count: 1, bytes: Buffer.alloc(32), failures }
  say(far, encodePreface([]), HELLO, ...OFFER, failed, END)
  far.end()
  const error = await errorOf(transfer.finished)
  t.is(error.code, 'ERR_FILES_FAILED')
  t.like(error.outcomes?.[0], { status: 'failed', code: 'ERR_PEER' })
})

test('a receiver that makes up long names does not make the memory of a sender grow', async (t) => {
  const { transfer, far } = await sendFolders(t, { names: 1000 })
  const [first, second] = [{ name: `some${'x'.repeat(16 + 1000)}` }, { name: `other${'x'.repeat(17)}` }]
  const heard = once(transfer, 'file')
  say(far, outcomes(0, 1, { index: 0, status: 'published', ...first }))
  await heard
  say(far, outcomes(1, 1, { index: 1, status: 'published', ...second }))
  t.is((await errorOf(transfer.finished)).code, 'ERR_LIMIT')
})

test('a receiver that makes up long reasons does not make the memory of a sender grow: they are left out', async (t) => {
  const { transfer, far } = await sendFolders(t, { names: 2000 })
  const files: Outcome[] = []
  transfer.on('file', (outcome) => files.push(outcome))
  const failure = { status: 'failed', code: 'APP_NO', text: 'x'.repeat(600) } as const
  say(far, outcomes(0, 2, { index: 0, ...failure }, { index: 1, ...failure }))
  far.end()
  t.is((await errorOf(transfer.finished)).code, 'ERR_TRUNCATED')
  t.deepEqual(
    files.map(({ code, error }) => [code, error?.message.length]),
    [
      ['APP_NO', 'the receiver says: '.length + 600],
      ['APP_NO', undefined],
    ],
  )
})

test('names with suffixes are none too many, and codes that nobody knows are those of the peer', async (t) => {
  const { transfer, far } = await sendFolders(t, { names: 1 })
  const files: Outcome[] = []
  transfer.on('file', (outcome) => files.push(outcome))
  say(
    far,
    outcomes(
      0,
      2,
      { index: 0, status: 'published', name: 'some_1' },
      { index: 1, status: 'skipped', name: 'other_123', code: 'ERR_OF_THE_FUTURE' },
    ),
  )
  far.end()
  t.is((await errorOf(transfer.finished)).code, 'ERR_TRUNCATED')
  t.deepEqual(files.map(told), [
    { path: 'some', status: 'published', name: 'some_1' },
    { path: 'other', status: 'skipped', name: 'other_123', code: 'ERR_PEER' },
  ])
})

test('HOSTILE-INPUT 44: a flood of pings ends the transfer, before an offer as well', async (t) => {
  const pings = Array.from({ length: 1001 }, (): Message => ({ type: 'ping' }))
  t.is((await toReceiver(t, HELLO, ...pings)).code, 'ERR_LIMIT')
  t.is((await toSender(t, ...pings)).code, 'ERR_LIMIT')
  const pauses = pings.map((_, i): Message => ({ type: i % 2 === 0 ? 'pause' : 'resume' }))
  t.is((await toReceiver(t, HELLO, ...pauses)).code, 'ERR_LIMIT')
  t.is((await toSender(t, ...pauses)).code, 'ERR_LIMIT')
  t.is((await toReceiver(t, HELLO, ...pings.slice(1), ACCEPT)).code, 'ERR_PROTOCOL')
})

/**
 * What a peer that never reads is told of 40,000 folders, each by itself; and how many of them the receiver has come
 * to.
 */
const MUCH: Record<string, [options: Partial<ReceiveOptions>, told: (transfer: Transfer) => number]> = {
  'pages of the plan': [
    { accept: () => ({ accept: true, select: ({ index }) => index % 2 === 0 }) },
    ({ progress }) => progress.totalFiles,
  ],
  outcomes: [{ stages: { file: [() => mapCuts(() => undefined)] } }, (transfer) => heardOf.get(transfer)!],
}
const heardOf = new WeakMap<Transfer, number>()
for (const [what, [options, told]] of Object.entries(MUCH)) {
  test(`HOSTILE-INPUT 55: a peer that never reads does not make memory grow: ${what}`, async (t) => {
    const folders = Array.from({ length: 40_000 }, (_, i) => [`folder ${i}`, null])
    const [near, far] = duplexPair()
    const transfer = receive(near, {
      dir: await temporary(t),
      accept: 'all',
      ...options,
      limits: { ...LIMITS, frame: 4096 },
    })
    heardOf.set(transfer, 0)
    transfer.on('file', () => heardOf.set(transfer, heardOf.get(transfer)! + 1))
    far.on('error', () => {})
    far.write(encodePreface([]))
    for (const message of [HELLO, ...offerMessages(offerOf(Object.fromEntries(folders))), END])
      far.write(encodeMessage(message))
    let come = 0
    // until it stands still
    while (come === 0 || come !== told(transfer)) {
      come = told(transfer)
      await setTimeout(100)
    }
    t.true(come < 8000, String(come))
    far.destroy()
    t.is((await errorOf(transfer.finished)).code, 'ERR_INTERRUPTED')
  })
}

test('a peer that neither reads nor says anything more is given up', async (t) => {
  const [near, far] = duplexPair()
  const limits = { ...LIMITS, idleTimeout: 500, pingInterval: 100 }
  const transfer = receive(near, { dir: await temporary(t), accept: 'all', limits })
  far.on('error', () => {})
  far.write(encodePreface([]))
  for (const message of [HELLO, ...OFFER]) far.write(encodeMessage(message))
  t.is((await errorOf(transfer.finished)).code, 'ERR_TIMEOUT')
})

test('what a peer says after an error is read and thrown away until it closes', async (t) => {
  const [near, far] = duplexPair()
  const transfer = receive(near, { dir: await temporary(t), accept: 'all', limits: { closeTimeout: 60_000 } })
  let heard = ''
  const told = new Promise<void>((resolve) => {
    far.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1')
      if (heard.includes('ERR_PROTOCOL')) resolve()
    })
  })
  say(far, encodePreface([]), HELLO, ACCEPT)
  await told
  far.end(Buffer.alloc(100_000))
  await once(near, 'close')
  t.is((await errorOf(transfer.finished)).code, 'ERR_PROTOCOL')
})
