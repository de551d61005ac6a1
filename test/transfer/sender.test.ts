import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'
import { deferred } from '../../lib/async.js'
import { manifestOfEntries } from '../../lib/index.js'
import { type SendOptions, send } from '../../lib/send.js'
import type { Grown } from '../../lib/stages/manifest/builder.js'
import { type DuplexPairOptions, duplexPair } from '../../lib/testing/faulty-duplex.js'
import type { TransferState } from '../../lib/transfer/lifecycle.js'
import type { Transfer } from '../../lib/transfer/transfer.js'
import { encodeMessage, type Message, type OutcomeRecord } from '../../lib/wire/messages.js'
import { type Outcome, told } from '../../lib/wire/outcome.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { type Contents, manifestOfContents } from '../helpers/contents.js'
import { HELLO, Peer } from '../helpers/peer.js'
import { growth } from '../helpers/turns.js'

const ACCEPT: Message = { type: 'answer', offer: 0, accept: true }
const page = (first: number, ...plan: ['skip' | 'all', number][]): Message => ({
  type: 'plan',
  first,
  plan: plan.map(([kind, count]) => ({ kind, count })),
})
const outcomes = (first: number, count = 1, ...except: OutcomeRecord[]): Message => ({
  type: 'outcomes',
  first,
  count,
  status: 'published',
  except,
})
const result = (published: number, skipped = 0, failed = 0, bytes = 0): Message => ({
  type: 'result',
  status: failed > 0 ? 'failed' : 'completed',
  published,
  skipped,
  failed,
  bytes,
})

/** A sender of these contents, whose receiver is played by the test, up to its offer. */
async function sending(contents: Contents, options: SendOptions = {}, pair?: DuplexPairOptions) {
  const [near, far] = duplexPair(pair)
  const limits = { closeTimeout: 200, ...options.limits }
  const transfer = send(near, manifestOfContents(contents), { ...options, limits })
  const peer = new Peer(far).say(HELLO)
  await reached(transfer, 'offered')
  return { transfer, peer, near, far }
}

async function reached(transfer: Transfer, state: TransferState): Promise<void> {
  while (transfer.state !== state) await once(transfer, 'state')
}

const codeOf = (transfer: Transfer) =>
  transfer.finished.then(
    () => 'none',
    ({ code }) => code,
  )

const SPLITS: Record<string, DuplexPairOptions> = {
  'as they are written': {},
  'byte by byte': { forth: { pieces: 1 }, back: { pieces: 1 } },
}
for (const [how, pair] of Object.entries(SPLITS)) {
  test(`each page of the plan is served as it comes, and END follows the last: messages ${how}`, async (t) => {
    const contents = { a: 'first', folder: null, b: 'second', c: 'third', d: 'fourth' }
    const { transfer, peer } = await sending(contents, {}, pair)
    peer.say(ACCEPT)
    await reached(transfer, 'sending')
    t.like(transfer.progress, { totalFiles: 0, totalBytes: 0 })
    peer.say(page(0, ['all', 1]))
    t.like(await peer.hears('digests'), { first: 0, count: 1 })
    t.like(transfer.progress, { files: 0, totalFiles: 1, bytes: 5, totalBytes: 5 })
    peer.say(outcomes(0))
    while (transfer.progress.files === 0) await once(transfer, 'file')
    t.like(transfer.progress, { files: 1, totalFiles: 1 })
    peer.say(page(1, ['all', 1], ['skip', 1]), page(3, ['all', 1]))
    t.like(await peer.hears('digests'), { first: 3, count: 1 })
    t.false(peer.rest.some(({ type }) => type === 'end'))
    peer.say(outcomes(1, 2, { index: 2, status: 'skipped' }), page(4, ['skip', 1]))
    await peer.hears('end')
    t.is(Buffer.concat(peer.data.map(({ bytes }) => bytes)).toString(), 'firstthird')
    t.deepEqual(
      peer.data
        .map(({ position }) => position)
        .filter((position, i, all) => i === 0 || position !== all[i - 1]! + 1),
      [0, 11],
    )
    peer.say(outcomes(3, 2, { index: 4, status: 'skipped' }), result(3, 2, 0, 10))
    t.like(await peer.hears('result'), { published: 3, skipped: 2, failed: 0, bytes: 10 })
    peer.close()
    const { files, ...sums } = await transfer.finished
    t.like(sums, { published: 3, skipped: 2, failed: 0, bytes: 10 })
    t.deepEqual(
      files.map(({ path, status }) => `${path} ${status}`),
      ['a published', 'folder published', 'b skipped', 'c published', 'd skipped'],
    )
  })
}

const BIG = Buffer.alloc(8 << 20, 'big')
test('the rest of a file that has its outcome is not sent, and no digest of it; the others go on', async (t) => {
  const { transfer, peer } = await sending({ big: BIG, next: 'next' })
  peer.say(ACCEPT, page(0, ['all', 2]))
  await peer.takes(100_000)
  peer.say(outcomes(0, 1, { index: 0, status: 'failed', code: 'ERR_DISK_FULL' }))
  const { first, count, failures = new Map() } = await peer.hears('digests')
  t.deepEqual([first, count, [...failures]], [1, 1, []])
  await peer.hears('end')
  t.true(peer.bytes < BIG.length, String(peer.bytes))
  t.is(peer.data.at(-1)!.bytes.toString(), 'next')
  peer.say(outcomes(1), result(1, 0, 1, 4))
  await peer.hears('result')
  peer.close()
  const error = await t.throwsAsync<Error & { outcomes: Outcome[] }>(transfer.finished, {
    code: 'ERR_FILES_FAILED',
  })
  t.deepEqual(error!.outcomes.map(told), [
    { path: 'big', status: 'failed', code: 'ERR_DISK_FULL' },
    { path: 'next', status: 'published' },
  ])
})

test('a peer that says all of very many entries at once does not hold the others: a message is about some of them', async (t) => {
  const count = 5 * 4096
  const folders = Object.fromEntries(Array.from({ length: count }, (_, i) => [`folder ${i}`, null]))
  const { transfer, peer, far } = await sending(folders)
  const pages = [0, 1, 2, 3, 4].map((number) => 4096 * number)
  const wanted = growth(() => transfer.progress.totalFiles)
  far.write(Buffer.concat([ACCEPT, ...pages.map((first) => page(first, ['all', 4096]))].map(encodeMessage)))
  await peer.hears('end')
  t.is(wanted.stop(), 4096)
  const heard = growth(() => transfer.progress.files)
  const last = [...pages.map((first) => outcomes(first, 4096)), result(count)]
  far.write(Buffer.concat(last.map(encodeMessage)))
  await peer.hears('result')
  t.is(heard.stop(), 4096)
  peer.close()
  t.like(await transfer.finished, { published: count })
})

test('a file that has its outcome before its turn is not sent at all', async (t) => {
  const { transfer, peer } = await sending({ big: BIG, skipped: 'skipped', folder: null, last: 'last' })
  peer.pause()
  peer.say(ACCEPT, page(0, ['all', 4]), outcomes(1, 2, { index: 1, status: 'skipped', code: 'ERR_SKIPPED' }))
  while (transfer.progress.files < 2) await once(transfer, 'settled')
  peer.resume()
  await peer.hears('end')
  t.is(peer.bytes, BIG.length + 'last'.length)
  t.is(peer.data.at(-1)!.bytes.toString(), 'last')
  peer.say(outcomes(0), outcomes(3), result(3, 1, 0, peer.bytes))
  await peer.hears('result')
  peer.close()
  t.is((await transfer.finished).skipped, 1)
})

for (const kind of ['skip', 'all'] as const) {
  test(`when every entry has its outcome at once, END follows without a byte: ${kind}`, async (t) => {
    const { transfer, peer } = await sending({ big: BIG, folder: null })
    peer.pause()
    const except: OutcomeRecord[] = [0, 1].map((index) => ({ index, status: 'skipped' }))
    peer.say(ACCEPT, page(0, [kind, 2]), outcomes(0, 2, ...except))
    peer.resume()
    await peer.hears('end')
    t.true(peer.bytes < BIG.length)
    if (kind === 'skip') t.is(peer.bytes, 0)
    peer.say(result(0, 2))
    await peer.hears('result')
    peer.close()
    t.is((await transfer.finished).skipped, 2)
  })
}

test('an offer of nothing is answered, ended and has a result', async (t) => {
  const { transfer, peer } = await sending({})
  peer.say(ACCEPT)
  await peer.hears('end')
  peer.say(result(0))
  await peer.hears('result')
  peer.close()
  t.deepEqual((await transfer.finished).files, [])
})

test('a result that agrees with the outcomes is refused while an entry has none', async (t) => {
  for (const said of [[outcomes(1), result(1)], [result(0)]]) {
    const { transfer, peer } = await sending({ a: 'a', b: 'b' })
    peer.say(ACCEPT, page(0, ['all', 2]))
    await peer.hears('end')
    peer.say(...said)
    t.is((await peer.hears('error')).code, 'ERR_PROTOCOL')
    peer.close()
    t.is(await codeOf(transfer), 'ERR_PROTOCOL')
  }
})

const RESULTS: Record<string, Message> = {
  'a file more': result(3),
  'a file less': result(1, 0),
  'a failure': result(1, 0, 1),
  'a file skipped': { ...result(2), published: 1, skipped: 1 } as Message,
}
for (const [what, said] of Object.entries(RESULTS)) {
  test(`a result is refused that says otherwise than the outcomes: ${what}`, async (t) => {
    const { transfer, peer } = await sending({ a: 'a', b: 'b' })
    peer.say(ACCEPT, page(0, ['all', 2]))
    await peer.hears('end')
    peer.say(outcomes(0, 2), said)
    t.is((await peer.hears('error')).code, 'ERR_PROTOCOL')
    peer.close()
    t.is(await codeOf(transfer), 'ERR_PROTOCOL')
  })
}

/** Where a sender can be, and how it gets there from its beginning. */
const STATES: Record<string, (peer: Peer) => Promise<unknown>> = {
  connecting: async () => {},
  offered: async (peer) => peer.say(HELLO).hears('offer'),
  sending: async (peer) => {
    await peer.say(HELLO).hears('offer')
    await peer.say(ACCEPT, page(0, ['all', 1])).takes(1)
  },
  'sending, all but the last page': async (peer) => {
    await peer.say(HELLO).hears('offer')
    await peer.say(ACCEPT, page(0, ['all', 1])).hears('digests')
  },
  'sending, after END': async (peer) => {
    await peer.say(HELLO).hears('offer')
    await peer.say(ACCEPT, page(0, ['all', 2])).hears('end')
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
    (peer) => peer.close({ type: 'error', code: 'ERR_DISK_FULL', text: 'full' }),
    ['ERR_DISK_FULL'],
  ],
  'hears nothing more': [(peer) => peer.close(), ['ERR_TRUNCATED']],
  'loses its peer': [(peer) => peer.leave(), ['ERR_INTERRUPTED', 'ERR_TRUNCATED']],
}
for (const [where, go] of Object.entries(STATES)) {
  for (const [what, [end, codes]] of Object.entries(ENDS)) {
    test(`a sender that ${what} while ${where} ends, and has closed all when it has`, async (t) => {
      const [near, far] = duplexPair()
      const manifest = manifestOfContents({ big: BIG.subarray(0, 1 << 20), next: 'next' })
      let open = 0
      let closed = 0
      const { store } = manifest
      const counted = {
        ...store,
        open: async (...args: Parameters<NonNullable<typeof store.open>>) => {
          const file = await store.open!(...args)
          open++
          return {
            read: (offset: number, buffer: Buffer) => file.read(offset, buffer),
            verify: () => file.verify(),
            close: async () => {
              await new Promise((resolve) => setImmediate(resolve))
              open--
              await file.close()
            },
          }
        },
        close: async () => {
          await new Promise((resolve) => setImmediate(resolve))
          closed++
        },
      }
      const transfer = send(near, { ...manifest, store: counted }, { limits: { closeTimeout: 1000 } })
      const peer = new Peer(far)
      await go(peer)
      await end(peer, transfer)
      t.true(codes.includes(await codeOf(transfer)))
      t.is(open, 0)
      // a source that was read to its end needs no word more
      if (!where.endsWith('END')) t.true(closed >= 1)
      t.true(near.destroyed)
    })
  }
}

test('a store that fails to close is a warning: why the transfer ended is another thing', async (t) => {
  const [near, far] = duplexPair()
  const manifest = manifestOfEntries(
    [{ path: 'a', size: 1 }],
    {
      rereadable: () => true,
      open: () => Promise.reject(new Error('never')),
      close: () => Promise.reject(new Error('stuck')),
    },
    { name: 'x' },
  )
  const transfer = send(near, manifest)
  const warnings: string[] = []
  transfer.on('warning', ({ message }) => warnings.push(message))
  new Peer(far).leave()
  const code = await codeOf(transfer)
  t.true(['ERR_INTERRUPTED', 'ERR_TRUNCATED'].includes(code), code)
  t.true(
    warnings.some((text) => text.includes('stuck')),
    warnings.join(),
  )
})

test('a listener may cancel in any state that it hears of', async (t) => {
  for (const state of ['connecting', 'offered', 'sending']) {
    const [near, far] = duplexPair()
    const transfer = send(near, manifestOfContents({ a: 'a' }), { limits: { closeTimeout: 1000 } })
    transfer.on('state', (now) => now === state && transfer.cancel())
    const peer = new Peer(far).say(HELLO)
    if (state === 'sending') {
      await peer.hears('offer')
      peer.say(ACCEPT, page(0, ['all', 1]))
    }
    await peer.hears('cancel')
    t.is(await codeOf(transfer), 'ERR_CANCELLED')
    t.deepEqual(peer.rest, [])
  }
})

test('a manifest that follows another offer is refused: nothing of it could be placed', (t) => {
  const before = { ...manifestOfContents({ a: 'a' }).offer, open: true as const }
  const after = manifestOfEntries(
    [{ path: 'b', size: 0 }],
    { rereadable: () => true, open: () => never },
    {
      name: 'x',
      after: before,
    },
  )
  const [near] = duplexPair()
  t.throws(() => send(near, after), {
    code: 'ERR_USAGE',
    message: /^source must be an offer that follows no other/,
  })
})
const never = new Promise<never>(() => {})

test('a sender has no outcome but that of the receiver: the end of the stream after END is none', async (t) => {
  const { transfer, peer } = await sending({ a: 'a' })
  peer.say(ACCEPT, page(0, ['all', 1]))
  await peer.hears('end')
  peer.close(outcomes(0))
  t.is(await codeOf(transfer), 'ERR_TRUNCATED')
  t.is(transfer.state, 'interrupted')
})

test('a byte that the peer says of a river is refused in every state', async (t: ExecutionContext) => {
  const { transfer, peer } = await sending({ a: 'a' })
  peer.say(ACCEPT, page(0, ['all', 1]))
  await peer.hears('end')
  peer.say({ type: 'end' })
  t.is((await peer.hears('error')).code, 'ERR_PROTOCOL')
  peer.close()
  t.is(await codeOf(transfer), 'ERR_PROTOCOL')
})

/** A sender whose source tells of an offer of 700 files when the first 600 of them are known. */
async function growing(t: ExecutionContext) {
  const [near, far] = duplexPair()
  const manifest = manifestOfContents(Object.fromEntries(Array.from({ length: 700 }, (_, n) => [`${n}`, ''])))
  const entries = manifest.offer.entries.splice(600)
  let goOn = () => {}
  const wait = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const make = async (_signal: AbortSignal, grown: Grown) => {
    await grown(manifest.offer)
    await wait
    manifest.offer.entries.push(...entries)
    return manifest
  }
  const transfer = send(near, make, { limits: { closeTimeout: 200 } })
  const peer = new Peer(far)
  t.teardown(() => transfer.cancel())
  return { transfer, peer, goOn }
}

test('an offer goes out while it is still being made', async (t) => {
  const { transfer, peer, goOn } = await growing(t)
  peer.say(HELLO)
  await peer.hears('offer')
  t.is((await peer.hears('entries')).entries.length, 500)
  t.is(transfer.state, 'connecting')
  goOn()
  t.is((await peer.hears('entries')).entries.length, 200)
  t.like(await peer.hears('entries'), { end: { count: 700, bytes: 0 } })
  peer.say(ACCEPT, page(0, ['skip', 700]), outcomes(0, 700))
  await peer.hears('end')
  peer.say(result(700))
  t.is((await transfer.finished).published, 700)
})

test('nothing more is made of an offer whose beginning is too much for the receiver', async (t) => {
  const { transfer, peer } = await growing(t)
  peer.say({ ...HELLO, limits: { entries: 550 } } as Message)
  await t.throwsAsync(transfer.finished, { code: 'ERR_LIMIT' })
  t.false(peer.rest.some(({ type }) => type === 'offer'))
})

test('an offer that is cancelled while it is made ends at once', async (t) => {
  const { transfer, peer, goOn } = await growing(t)
  peer.say(HELLO)
  await peer.hears('entries')
  await transfer.cancel()
  await t.throwsAsync(transfer.finished, { code: 'ERR_CANCELLED' })
  goOn()
})

/** A sender that tells of a beginning of an offer, and what became of that. */
function telling() {
  const [near, far] = duplexPair()
  const { promise, resolve } = deferred<unknown>()
  const beginning = manifestOfContents(
    Object.fromEntries(Array.from({ length: 6000 }, (_, n) => [`${n}`, ''])),
  )
  const transfer = send(
    near,
    async (_signal, grown) => {
      await grown(beginning.offer).then(resolve, resolve)
      return beginning
    },
    { limits: { closeTimeout: 50 } },
  )
  return { transfer, far, told: promise }
}

test('whoever makes an offer does not wait for a receiver that has gone before it said anything', async (t) => {
  const { transfer, far, told } = telling()
  far.destroy()
  t.is(await codeOf(transfer), 'ERR_INTERRUPTED')
  t.like(await told, { code: 'ERR_STATE' })
})

test('whoever makes an offer does not wait for a receiver that has gone while it read', async (t) => {
  const { transfer, far, told } = telling()
  far.write(Buffer.concat([encodePreface([]), encodeMessage(HELLO)]))
  await once(far, 'readable')
  far.destroy()
  t.is(await codeOf(transfer), 'ERR_INTERRUPTED')
  await told
})

test('what was said of one offer does not go on with another', async (t) => {
  const [near, far] = duplexPair()
  const [told, given] = [manifestOfContents({ a: 'a' }), manifestOfContents({ a: 'a', b: 'b' })]
  const transfer = send(near, async (_signal, grown) => {
    await grown(told.offer)
    return given
  })
  const peer = new Peer(far).say(HELLO)
  t.is((await peer.hears('error')).code, 'ERR_USAGE')
  peer.close()
  await t.throwsAsync(transfer.finished, { code: 'ERR_USAGE', message: /the very offer/ })
})
