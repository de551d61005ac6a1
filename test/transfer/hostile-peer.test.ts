import { once } from 'node:events'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import type { SluiceError } from '../../lib/errors.js'
import { receive } from '../../lib/receive.js'
import { send } from '../../lib/send.js'
import { duplexPair } from '../../lib/testing/index.js'
import type { FileOutcome } from '../../lib/transfer/transfer.js'
import { dataHeader } from '../../lib/wire/frames.js'
import type { Limits } from '../../lib/wire/limits.js'
import { offerMessages } from '../../lib/wire/manifest.js'
import { encodeMessage, type Message, type OutcomeRecord } from '../../lib/wire/messages.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { plant, temporary } from '../helpers/folders.js'
import { offerOf } from '../helpers/items.js'

const HELLO: Message = { type: 'hello', version: 1, agent: 'hostile', features: [] }
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
  say(far, ACCEPT)
  return { transfer, far }
}

const ACCEPT: Message = { type: 'answer', offer: 0, accept: true }
const RESULT: Message = { type: 'result', status: 'completed', published: 1, skipped: 0, failed: 0, bytes: 5 }
const OUTCOME: Message = { type: 'outcomes', outcomes: [{ index: 0, status: 'published' }] }

const SENDER: Record<string, (Message | Buffer)[]> = {
  'a second hello': [HELLO],
  'an answer to an offer that was not made': [{ ...ACCEPT, offer: 1 } as Message],
  'two answers': [ACCEPT, ACCEPT],
  'a selection of another size': [{ ...ACCEPT, want: Buffer.alloc(9) } as Message],
  'outcomes before the answer': [OUTCOME],
  'an outcome of an entry that is not there': [
    ACCEPT,
    { type: 'outcomes', outcomes: [{ index: 1, status: 'failed' }] },
  ],
  'an outcome twice': [ACCEPT, OUTCOME, OUTCOME],
  'success before it was asked': [RESULT],
  'KNOWN-FAILURES 16: success without an outcome for every file': [ACCEPT, RESULT],
  'pausing, which nobody offered': [ACCEPT, { type: 'pause' }],
  'files of its own': [...offerMessages(offerOf({ a: Buffer.alloc(1) }))],
  'a frame of an unknown type': [Buffer.from([0x7f, 0, 0, 0, 1, 0x80])],
}
for (const [name, said] of Object.entries(SENDER)) {
  test(`a sender ends with a protocol error when the receiver says ${name}`, async (t) => {
    t.is((await toSender(t, ...said)).code, 'ERR_PROTOCOL')
  })
}

const OFFER = [...offerMessages(offerOf({ a: Buffer.from('hello') }))]
const RECEIVER: Record<string, (Message | Buffer)[]> = {
  'an offer before hello': OFFER,
  'an answer': [HELLO, ACCEPT],
  'a result before there is one': [HELLO, RESULT],
  outcomes: [HELLO, OUTCOME],
  'a second offer, which nobody offered to take': [HELLO, ...OFFER, ...OFFER],
  'data before an offer': [HELLO, Buffer.concat([dataHeader(0, 5), Buffer.from('hello')])],
  'HOSTILE-INPUT 48: bytes beyond the offer': [
    HELLO,
    ...OFFER,
    Buffer.concat([dataHeader(0, 6), Buffer.from('hello!')]),
  ],
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
  const failed: Message = { type: 'digests', digests: [{ index: 0, failure: 'ERR_SKIPPED' }] }
  say(far, encodePreface([]), HELLO, ...OFFER, failed, { type: 'end' })
  far.end()
  const error = await errorOf(transfer.finished)
  t.is(error.code, 'ERR_FILES_FAILED')
  t.like(error.outcomes?.[0], { status: 'failed', code: 'ERR_PEER' })
})

test('a receiver that makes up long names does not make the memory of a sender grow', async (t) => {
  const { transfer, far } = await sendFolders(t, { names: 1000 })
  const [first, second] = [{ name: `some${'x'.repeat(16 + 1000)}` }, { name: `other${'x'.repeat(17)}` }]
  const heard = once(transfer, 'file')
  say(far, { type: 'outcomes', outcomes: [{ index: 0, status: 'published', ...first }] })
  await heard
  say(far, { type: 'outcomes', outcomes: [{ index: 1, status: 'published', ...second }] })
  t.is((await errorOf(transfer.finished)).code, 'ERR_LIMIT')
})

test('names with suffixes are none too many, and codes that nobody knows are those of the peer', async (t) => {
  const { transfer, far } = await sendFolders(t, { names: 1 })
  const outcomes: OutcomeRecord[] = [
    { index: 0, status: 'published', name: 'some_1' },
    { index: 1, status: 'skipped', name: 'other_123', code: 'ERR_OF_THE_FUTURE' },
  ]
  const files: FileOutcome[] = []
  transfer.on('file', (outcome) => files.push(outcome))
  say(far, { type: 'outcomes', outcomes })
  far.end()
  t.is((await errorOf(transfer.finished)).code, 'ERR_TRUNCATED')
  t.deepEqual(files, [
    { path: 'some', status: 'published', name: 'some_1' },
    { path: 'other', status: 'skipped', name: 'other_123', code: 'ERR_PEER' },
  ])
})

test('HOSTILE-INPUT 44: a flood of pings ends the transfer, before an offer as well', async (t) => {
  const pings = Array.from({ length: 1001 }, (): Message => ({ type: 'ping' }))
  t.is((await toReceiver(t, HELLO, ...pings)).code, 'ERR_LIMIT')
  t.is((await toSender(t, ...pings)).code, 'ERR_LIMIT')
  t.is((await toReceiver(t, HELLO, ...pings.slice(1), ACCEPT)).code, 'ERR_PROTOCOL')
})

test('HOSTILE-INPUT 55: a peer that never reads does not make memory grow', async (t) => {
  const content = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, i) => [`empty file ${i}`, Buffer.alloc(0)]),
  )
  const offer = offerOf(content)
  const [near, far] = duplexPair()
  const transfer = receive(near, {
    dir: await temporary(t),
    accept: () => ({ accept: true, select: () => false }),
    limits: { ...LIMITS, frame: 4096, idleTimeout: 500, pingInterval: 100 },
  })
  far.on('error', () => {})
  for (const message of [HELLO, ...offerMessages(offer), { type: 'end' } as Message]) {
    if (message === HELLO) far.write(encodePreface([]))
    far.write(encodeMessage(message))
  }
  const error = await errorOf(transfer.finished)
  t.is(error.code, 'ERR_TIMEOUT')
  t.true(near.writableLength < 200_000, String(near.writableLength))
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
