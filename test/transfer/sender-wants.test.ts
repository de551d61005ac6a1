import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import test from 'ava'
import { digestOf } from '../../lib/digest/digests.js'
import { type Manifest, manifestFrom } from '../../lib/index.js'
import { send } from '../../lib/send.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import type { Message, WantMessage } from '../../lib/wire/messages.js'
import { manifestOfContents } from '../helpers/contents.js'
import { HELLO, Peer } from '../helpers/peer.js'

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024
/** 16 blocks, and one of 5 bytes. */
const LARGE = randomBytes(MIB + 5)
const CONTENTS = { large: LARGE, folder: null, skipped: 'not wanted', closed: 'has its outcome' }
const ACCEPT: Message = { type: 'answer', offer: 0, accept: true }
const PLAN: Message = {
  type: 'plan',
  first: 0,
  plan: [
    { count: 2, kind: 'all' },
    { count: 1, kind: 'skip' },
    { count: 1, kind: 'all' },
  ],
}
const want = (index: number, what: Omit<WantMessage, 'index'> = {}): Message => ({
  type: 'want',
  index,
  ...what,
})
const outcome = (index: number): Message => ({
  type: 'outcomes',
  first: index,
  count: 1,
  status: 'published',
  except: [],
})

/** A sender whose receiver is played by the test, up to its offer. */
async function sending(manifest: Manifest) {
  const [near, far] = duplexPair()
  const transfer = send(near, manifest, { limits: { closeTimeout: 200 } })
  const peer = new Peer(far).say(HELLO)
  while (transfer.state !== 'offered') await once(transfer, 'state')
  return { transfer, peer }
}

/** The digests of blocks `from` up to `end` of the large file. */
const blocks = (from: number, end: number) =>
  Buffer.concat(
    Array.from({ length: end - from }, (_, i) =>
      digestOf('blake3', LARGE.subarray((from + i) * BLOCK, (from + i + 1) * BLOCK)),
    ),
  )

for (const algorithm of ['blocks', 'sha256'])
  test(`what is asked for behind END is sent or proved, and each request has a record (${algorithm})`, async (t) => {
    const { transfer, peer } = await sending(manifestOfContents(CONTENTS, algorithm))
    peer.say(ACCEPT, PLAN)
    await peer.hears('end')
    const before = peer.bytes
    const digest = digestOf(algorithm, LARGE)

    peer.say(want(0, { send: [0, 1, 16, 1] }))
    t.deepEqual((await peer.hears('digests')).bytes, digest)
    t.is(peer.bytes - before, BLOCK + 5)

    // those that are read at once are said at once
    peer.say(want(0, { prove: [1, 2, 15, 2] }))
    t.like(await peer.hears('blocks'), { index: 0, first: 1, digests: blocks(1, 3) })
    t.like(await peer.hears('blocks'), { index: 0, first: 15, digests: blocks(15, 17) })
    t.deepEqual((await peer.hears('digests')).bytes, digest)

    peer.say(want(0))
    t.deepEqual((await peer.hears('digests')).bytes, digest)
    t.is(peer.bytes - before, BLOCK + 5)
    peer.leave()
    await t.throwsAsync(transfer.finished)
  })

const REFUSED: [what: string, ...Message[]][] = [
  ['an entry that is none', want(4, { send: [0, 1] })],
  ['a folder', want(1)],
  ['an entry that is skipped', want(2)],
  ['a closed entry', outcome(3), want(3)],
  ['a block behind the end', want(0, { send: [17, 1] })],
  ['a proof of a block behind the end', want(0, { prove: [16, 2] })],
  ['more than three times its size', ...Array.from({ length: 4 }, () => want(0, { send: [0, 17] }))],
]
for (const [what, ...said] of REFUSED)
  test(`HOSTILE-INPUT 61: a request is refused for ${what}`, async (t) => {
    const { transfer, peer } = await sending(manifestOfContents(CONTENTS, 'blocks'))
    peer.say(ACCEPT, PLAN)
    await peer.hears('end')
    peer.say(...said)
    t.is((await peer.hears('error')).code, 'ERR_PROTOCOL')
    peer.close()
    await t.throwsAsync(transfer.finished, { code: 'ERR_PROTOCOL' })
  })

test('HOSTILE-INPUT 61: a request is refused before the answer, and of unknown size', async (t) => {
  for (const [manifest, ...said] of [
    [manifestOfContents(CONTENTS, 'blocks'), want(0)],
    [
      manifestFrom(Readable.from([LARGE]), { name: 'stream' }),
      ACCEPT,
      { ...PLAN, plan: [{ count: 1, kind: 'all' }] },
      want(0),
    ],
  ] as [Manifest, ...Message[]][]) {
    const { transfer, peer } = await sending(manifest)
    peer.say(...said)
    t.is((await peer.hears('error')).code, 'ERR_PROTOCOL')
    peer.close()
    await t.throwsAsync(transfer.finished, { code: 'ERR_PROTOCOL' })
  }
})

test('HOSTILE-INPUT 61: where the digest needs the bytes in order, a request is refused before it was said', async (t) => {
  const { transfer, peer } = await sending(manifestOfContents(CONTENTS, 'sha256'))
  peer.say(ACCEPT, PLAN, want(0, { send: [0, 1] }))
  t.is((await peer.hears('error')).code, 'ERR_PROTOCOL')
  peer.close()
  await t.throwsAsync(transfer.finished, { code: 'ERR_PROTOCOL' })
})
