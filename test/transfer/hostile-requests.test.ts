import test from 'ava'
import { digestOf } from '../../lib/digest/digests.js'
import { manifestOfEntries, memoryParts, memorySources, receive, send } from '../../lib/index.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { piecesOf, randomContent } from '../../lib/testing/splits.js'
import type { Transfer } from '../../lib/transfer/transfer.js'
import { packChunks } from '../../lib/wire/chunk-records.js'
import type { Message, WantMessage } from '../../lib/wire/messages.js'
import { offerMessages } from '../helpers/offer-messages.js'
import { data, HELLO, Peer, type Said } from '../helpers/peer.js'

// What a peer can do with requests for blocks, and with what it says of them: it ends with a code, after bounded work.

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024
/** 16 blocks, and one of 1,000 bytes. */
const LARGE = randomContent(MIB + 1000)
const CONTENTS = new Map<string, Buffer | null>([
  ['folder', null],
  ['large', LARGE],
  ['empty', Buffer.alloc(0)],
  ['tiny', Buffer.from('tiny')],
])
const [FOLDER, FILE, EMPTY, TINY] = [0, 1, 2, 3]
const BYTES = LARGE.length + 4
const LIMITS = { closeTimeout: 200 }

function manifestBy(algorithm: string) {
  let opened = 0
  const sources = memorySources(CONTENTS)
  const store = {
    ...sources,
    open: (entry: never, signal: AbortSignal) => {
      opened++
      return sources.open!(entry, signal)
    },
  }
  const manifest = manifestOfEntries(sources.entries, store, { name: 'x', algorithm })
  return { manifest, opened: () => opened }
}

const ACCEPT: Message = { type: 'answer', offer: 0, accept: true }
const PLAN: Message = { type: 'plan', first: 0, plan: [{ count: 4, kind: 'all' }] }
const END: Message = { type: 'end' }
const want = (index: number, more: Omit<WantMessage, 'index'> = {}): Message => ({
  type: 'want',
  index,
  ...more,
})
const outcomes = (first: number, count: number): Message => ({
  type: 'outcomes',
  first,
  count,
  status: 'published',
  except: [],
})

const codeOf = ({ finished }: Transfer) =>
  finished.then(
    () => 'none',
    ({ code }) => code as string,
  )

function sending(algorithm = 'blocks') {
  const [near, far] = duplexPair()
  const { manifest, opened } = manifestBy(algorithm)
  const transfer = send(near, manifest, { limits: LIMITS })
  return { transfer, opened, peer: new Peer(far).say(HELLO) }
}

const planOf = (...kinds: ('all' | 'chunks')[]): Message => ({
  type: 'plan',
  first: 0,
  plan: kinds.map((kind) => ({ count: 1, kind })),
})

/** What is said once all was sent; what before. */
const REQUESTS: Record<string, { after?: Said[]; before?: Said[]; algorithm?: string }> = {
  'before the answer': { before: [want(FILE, { send: [0, 1] })] },
  'before a page of the plan has the entry': { before: [ACCEPT, want(FILE, { send: [0, 1] })] },
  'of blocks that were not sent yet': { before: [ACCEPT, PLAN, want(FILE, { send: [0, 1] })] },
  'of a digest that was not sent yet': { before: [ACCEPT, PLAN, want(FILE)] },
  'for proof of what is claimed and not proved yet': {
    before: [
      ACCEPT,
      {
        type: 'plan',
        first: 0,
        plan: [
          { count: 1, kind: 'all' },
          { count: 1, kind: 'prove', blocks: [0, 17] },
        ],
      },
      want(FILE, { prove: [0, 17] }),
    ],
  },
  'of a block while the chunks are to be said': {
    before: [ACCEPT, planOf('all', 'chunks'), want(FILE, { send: [0, 1] })],
  },
  'for the chunks of a folder': { before: [ACCEPT, planOf('chunks')] },
  'for the chunks of an empty file': { before: [ACCEPT, planOf('all', 'all', 'chunks')] },
  'for the chunks of a file of one block': { before: [ACCEPT, planOf('all', 'all', 'all', 'chunks')] },
  'for the chunks of an entry that is not there': {
    before: [ACCEPT, planOf('all', 'all', 'all', 'all', 'chunks')],
  },
  'of a file that is skipped': {
    before: [
      ACCEPT,
      { type: 'plan', first: 0, plan: [{ count: 2, kind: 'skip' }] },
      want(FILE, { send: [0, 1] }),
    ],
  },
  'of an entry that is not there': { after: [want(99, { send: [0, 1] })] },
  'of the largest entry that can be said': { after: [want(Number.MAX_SAFE_INTEGER)] },
  'of a folder': { after: [want(FOLDER)] },
  'beyond the end': { after: [want(FILE, { send: [17, 1] })] },
  'partly beyond the end': { after: [want(FILE, { prove: [0, 18] })] },
  'of the digest of an empty file': { after: [want(EMPTY)] },
  'of blocks of an empty file': { after: [want(EMPTY, { send: [0, 1] })] },
  'of a file that has its outcome': { after: [outcomes(FILE, 1), want(FILE, { send: [0, 1] })] },
  'of the same block twice at once': { after: [want(FILE, { send: [0, 1] }), want(FILE, { send: [0, 1] })] },
  'of a block for proof that is on its way': {
    after: [want(FILE, { send: [0, 2] }), want(FILE, { prove: [1, 1] })],
  },
}
for (const [what, { before, after }] of Object.entries(REQUESTS))
  for (const algorithm of ['blocks', 'sha256'])
    test(`a sender refuses a request ${what}, by ${algorithm}`, async (t) => {
      const { transfer, peer } = sending(algorithm)
      await peer.hears('entries')
      if (before) peer.say(...before)
      else {
        peer.say(ACCEPT, PLAN)
        await peer.hears('end')
        peer.say(...after!)
      }
      peer.close()
      t.true(peer.bytes <= 2 * BYTES)
      t.is(await codeOf(transfer), 'ERR_PROTOCOL')
    })

const ASKS: Record<string, Message> = {
  'all blocks but one': want(FILE, { send: [0, 16] }),
  'a whole file': want(FILE, { send: [0, 17] }),
  'proof of a file': want(FILE, { prove: [0, 17] }),
  'a digest': want(FILE),
  'a small file': want(TINY, { send: [0, 1] }),
  'all blocks but one, and proof of that': want(FILE, { send: [0, 16], prove: [16, 1] }),
  'all blocks but one, and proof of the same': want(FILE, { send: [0, 16], prove: [0, 16] }),
}
for (const [what, ask] of Object.entries(ASKS))
  test(`a sender that is asked again and again gives up after a few rounds: ${what}`, async (t) => {
    const { transfer, peer, opened } = sending()
    await peer.hears('entries')
    peer.say(ACCEPT, PLAN)
    await peer.hears('end')
    let rounds = 0
    for (; rounds < 20; rounds++) {
      peer.say(ask)
      const answer = await peer.hears('digests').catch(() => undefined)
      if (!answer) break
    }
    t.true(rounds >= 3 && rounds <= 6, String(rounds))
    t.true(opened() <= rounds + 10)
    t.true(peer.bytes <= 7 * BYTES)
    peer.close()
    t.is(await codeOf(transfer), 'ERR_PROTOCOL')
  })

test('a sender that is asked for one block again and again gives up after 6 times the size of its file', async (t) => {
  const { transfer, peer } = sending()
  await peer.hears('entries')
  peer.say(ACCEPT, PLAN)
  await peer.hears('end')
  const before = peer.bytes
  let rounds = 0
  for (; rounds < 200; rounds++) {
    peer.say(want(FILE, { send: [0, 1] }))
    if (!(await peer.hears('digests').catch(() => undefined))) break
  }
  t.is(rounds, Math.floor((6 * LARGE.length) / BLOCK))
  t.is(peer.bytes - before, rounds * BLOCK)
  peer.close()
  t.is(await codeOf(transfer), 'ERR_PROTOCOL')
})

test('a request behind the result is too late to matter', async (t) => {
  const { transfer, peer } = sending()
  await peer.hears('entries')
  peer.say(ACCEPT, PLAN)
  await peer.hears('end')
  peer.say(outcomes(0, 4), {
    type: 'result',
    status: 'completed',
    published: 4,
    skipped: 0,
    failed: 0,
    bytes: BYTES,
  })
  peer.say(want(FILE, { send: [0, 1] }))
  peer.close()
  t.is(await codeOf(transfer), 'none')
})

function receiving(algorithm = 'blocks') {
  const [near, far] = duplexPair()
  const store = memoryParts()
  const transfer = receive(near, { store, accept: 'all', limits: LIMITS })
  const offer = [...offerMessages(manifestBy(algorithm).manifest.offer)]
  return { transfer, store, peer: new Peer(far).say(HELLO, ...offer) }
}

const blocks = (index: number, first: number, ...digests: Buffer[]): Message => ({
  type: 'blocks',
  index,
  first,
  digests: Buffer.concat(digests),
})
const RIGHT = piecesOf(LARGE, BLOCK).map((bytes) => digestOf('blake3', bytes))
const WRONG = Buffer.alloc(32, 1)
const record = (first: number, bytes: Buffer): Message => ({ type: 'digests', first, count: 1, bytes })
const WHOLE = digestOf('blocks', LARGE)
const frames = (content: Buffer) => piecesOf(content, BLOCK).map((bytes, at) => data(at * BLOCK, bytes))

const SAID: Record<string, Said[]> = {
  'of what did not come': [blocks(FILE, 0, RIGHT[0]!)],
  'of what came only in part': [data(0, LARGE.subarray(0, BLOCK - 1)), blocks(FILE, 0, RIGHT[0]!)],
  'of a folder': [blocks(FOLDER, 0, WRONG)],
  'of an empty file': [blocks(EMPTY, 0, WRONG)],
  'of an entry that is not there': [blocks(99, 0, WRONG)],
  'beyond the end': [...frames(LARGE), blocks(FILE, 16, RIGHT[16]!, WRONG)],
  'far beyond the end': [...frames(LARGE), blocks(FILE, 65_535, WRONG)],
}
/** A receiver that has said its plan hears this, and refuses it. */
function refusesAtReceiver(what: string, said: readonly Said[]): void {
  test(`a receiver refuses ${what}`, async (t) => {
    const { transfer, peer, store } = receiving()
    await peer.hears('plan')
    peer.say(...said)
    peer.close()
    t.is(await codeOf(transfer), 'ERR_PROTOCOL')
    t.is(store.files.size, 0)
  })
}

for (const [what, said] of Object.entries(SAID)) refusesAtReceiver(`digests of blocks ${what}`, said)

const chunk = (index: number, offset: number, length: number): Message => ({
  type: 'chunks',
  index,
  offset,
  chunks: packChunks([{ length, digest: WRONG }]),
})

for (const [what, said] of Object.entries({
  'of a file that is to be sent': [chunk(FILE, 0, 100)],
  'of a file that came': [...frames(LARGE), chunk(FILE, 0, 100)],
  'of a folder': [chunk(FOLDER, 0, 100)],
  'of an entry that is not there': [chunk(99, 0, 100)],
  'of the largest entry that can be said': [chunk(Number.MAX_SAFE_INTEGER, 0, 1)],
}))
  refusesAtReceiver(`chunks that it did not ask for: ${what}`, said)

/** Plays a sender that serves each request of the receiver with these bytes and words; gives how often it was asked. */
async function served(peer: Peer, content: Buffer, digests: Buffer[], whole: Buffer): Promise<number> {
  let asked = 0
  for (;;) {
    const heard = await peer.hears('want', 'outcomes')
    if (heard.type === 'outcomes') return asked
    if (++asked > 100) throw new Error('the receiver never has enough')
    const { send = [], prove = [] } = heard
    for (const runs of [send, prove])
      for (let i = 0; i < runs.length; i += 2)
        for (let at = runs[i]!; at < runs[i]! + runs[i + 1]!; at++) {
          if (runs === send) peer.say(data(at * BLOCK, content.subarray(at * BLOCK, (at + 1) * BLOCK)))
          peer.say(blocks(FILE, at, digests[at]!))
        }
    peer.say(record(FILE, whole))
  }
}

const LAST_WRONG = [...RIGHT.slice(0, -1), WRONG]
const ALL_WRONG = RIGHT.map(() => WRONG)
/** What is said of the blocks, and of the whole; at most how many requests that makes; whether the whole is right. */
const LIES: Record<string, [digests: Buffer[], whole: Buffer, most: number]> = {
  'digests of blocks that are wrong for ever': [ALL_WRONG, WHOLE, 8],
  'one digest of a block that is wrong for ever': [LAST_WRONG, WHOLE, 8],
  'a wrong digest of the file, right ones of its blocks': [RIGHT, WRONG, 4],
  'nothing but wrong digests': [ALL_WRONG, WRONG, 8],
}
for (const [what, [digests, whole, most]] of Object.entries(LIES))
  test(`a receiver that is told ${what} asks a few times, and then only the digest of the file decides`, async (t) => {
    const { transfer, peer, store } = receiving()
    await peer.hears('plan')
    for (const [at, frame] of frames(LARGE).entries()) peer.say(frame, blocks(FILE, at, digests[at]!))
    peer.say(record(FILE, whole))
    const asked = await served(peer, LARGE, digests, whole)
    t.true(asked <= most, String(asked))
    peer.close()
    t.is(await codeOf(transfer), 'ERR_TRUNCATED')
    t.is(store.files.has('large'), whole === WHOLE)
    t.true(transfer.progress.bytes <= 5 * LARGE.length)
  })

test('a sender that never answers what it is asked for, or ends before, has not succeeded', async (t) => {
  const tail = [
    data(LARGE.length, 'tiny'),
    record(EMPTY, digestOf('blocks', Buffer.alloc(0))),
    record(TINY, digestOf('blocks', Buffer.from('tiny'))),
  ]
  for (const rest of [[], [END], tail, [...tail, END]]) {
    const { transfer, peer, store } = receiving()
    await peer.hears('plan')
    const damaged = Buffer.from(LARGE)
    damaged[7]! ^= 1
    for (const [at, frame] of frames(damaged).entries()) peer.say(frame, blocks(FILE, at, RIGHT[at]!))
    peer.say(record(FILE, WHOLE))
    await peer.hears('want')
    peer.close(...rest)
    t.true(['ERR_TRUNCATED', 'ERR_PROTOCOL'].includes(await codeOf(transfer)))
    t.false(store.files.has('large'))
  }
})
