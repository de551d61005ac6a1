import { once } from 'node:events'
import { Readable } from 'node:stream'
import test from 'ava'
import { type Manifest, manifestFrom, manifestOf, manifestOfEntries, receive, send } from '../../lib/index.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { ManifestReader } from '../../lib/wire/manifest.js'
import type { Message } from '../../lib/wire/messages.js'
import type { Outcome } from '../../lib/wire/outcome.js'
import { closed, readOffers } from '../helpers/offer-messages.js'
import { HELLO, Peer } from '../helpers/peer.js'

/** A folder of which a folder cannot be listed. */
async function manifest() {
  const fs = new MemoryDisk()
  fs.put('/d/a', '1')
  fs.put('/d/closed/b', '2')
  fs.put('/d/z', '3')
  fs.fail({ call: 'readdir', path: '/d/closed', error: 'EACCES' })
  return manifestOf(['/d'], { fs })
}

test('what could not be listed fails on both sides, and the others arrive', async (t) => {
  const [near, far] = duplexPair()
  const disk = new MemoryDisk()
  const sending = send(near, await manifest())
  const receiving = receive(far, { dir: '/in', fs: disk, accept: 'all' })
  for (const transfer of [sending, receiving]) {
    const error = await t.throwsAsync<Error & { outcomes: Outcome[] }>(transfer.finished, {
      code: 'ERR_FILES_FAILED',
    })
    t.deepEqual(
      error!.outcomes.map(({ path, status, code }) => [path, status, code]),
      [
        ['d', 'published', undefined],
        ['d/a', 'published', undefined],
        ['d/closed', 'failed', 'ERR_SOURCE_READ'],
        ['d/z', 'published', undefined],
      ],
    )
    t.like(transfer.progress, { files: 3, totalFiles: 3 })
  }
  const there = [...disk.snapshot()].filter(([path]) => path.startsWith('/in/d/')).map(([path]) => path)
  t.deepEqual(there.sort(), ['/in/d/a', '/in/d/z'])
})

test('the sender learns why in its own outcomes; the receiver hears nothing that may not be so', async (t) => {
  const gone = new Error('the database went away')
  const failing = () => new Readable({ read: (_size: number) => {} }).destroy(gone)
  const entries = [{ path: 'row', size: 3 }]
  const store = { rereadable: () => false, stream: failing }
  const manifests: [Manifest, cause: string][] = [
    [manifestOfEntries(entries, store, { name: 'rows' }), gone.message],
    [
      manifestFrom(
        new Readable({
          read() {
            this.destroy(gone)
          },
        }),
        { name: 'row' },
      ),
      gone.message,
    ],
    [await manifest(), 'EACCES'],
  ]
  for (const [made, cause] of manifests) {
    const [near, far] = duplexPair()
    const sides = [send(near, made), receive(far, { dir: '/in', fs: new MemoryDisk(), accept: 'all' })]
    const [own, told] = await Promise.all(
      sides.map(async ({ finished }) => {
        const { outcomes } = (await t.throwsAsync<Error & { outcomes: Outcome[] }>(finished))!
        return outcomes.find(({ status }) => status === 'failed')!.error!
      }),
    )
    t.is(own!.code, 'ERR_SOURCE_READ')
    t.true(`${own!.message}`.includes(cause))
    t.true(`${own!.cause}`.includes(cause))
    t.regex(told!.message, /: a file could not be read at the sender; the sender says why$/)
  }
})

test('a stream is sent once: one that was read or closed before is refused at once', async (t) => {
  const read = Readable.from([Buffer.from('x')])
  await read.toArray()
  const closed = Readable.from([Buffer.from('x')]).destroy()
  for (const stream of [read, closed])
    t.throws(() => manifestFrom(stream, { name: 'x' }), {
      code: 'ERR_USAGE',
      message: /not yet read to its end/,
    })

  const made = manifestFrom(Readable.from([Buffer.from('x')]), { name: 'x' })
  const [near, far] = duplexPair()
  const receiving = receive(far, { dir: '/in', fs: new MemoryDisk(), accept: 'all' })
  await send(near, made).finished
  await receiving.finished
  const [again] = duplexPair()
  t.throws(() => send(again, made), { code: 'ERR_STATE', message: /make a manifest of another one$/ })
})

test('a receiver that does not want it hears of it all the same', async (t) => {
  const [near, far] = duplexPair()
  const fs = new MemoryDisk()
  const sending = send(near, await manifest())
  const accept = () => ({ accept: true, select: () => false })
  const receiving = receive(far, { dir: '/in', fs, accept })
  for (const { finished } of [sending, receiving]) {
    const { outcomes } = (await t.throwsAsync<Error & { outcomes: Outcome[] }>(finished))!
    t.deepEqual(
      outcomes.map(({ status, code }) => `${status} ${code}`),
      ['skipped ERR_SKIPPED', 'skipped ERR_SKIPPED', 'failed ERR_SOURCE_READ', 'skipped ERR_SKIPPED'],
    )
  }
})

test('a receiver that says to have what could not be sent is refused', async (t) => {
  const [near, far] = duplexPair()
  const transfer = send(near, await manifest(), { limits: { closeTimeout: 200 } })
  const peer = new Peer(far).say(HELLO)
  while (transfer.state !== 'offered') await once(transfer, 'state')
  peer.say(
    { type: 'answer', offer: 0, accept: true },
    { type: 'plan', first: 0, plan: [{ count: 4, kind: 'all' }] },
    { type: 'outcomes', first: 0, count: 4, status: 'published', except: [] },
    // heard only where nobody minds
    { type: 'cancel' },
  )
  await t.throwsAsync(transfer.finished, { code: 'ERR_PROTOCOL', message: /could not be sent/ })
})

const entry = (path: string) =>
  ({ type: 'unreadable', path, size: 0, mtime: 0, mode: 0, code: 'ERR_UNSENDABLE' }) as const

test('the name of what is unreadable is a text, and nothing but that', (t) => {
  const read = (...paths: string[]) => {
    const reader = new ManifestReader()
    const entries = paths.map(entry)
    const offer: Message = { type: 'offer', id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }
    return readOffers(reader, closed(offer, { type: 'entries', entries }))
  }
  // twice, deeper than can be sent, and what would lead somewhere if anybody went there
  t.is(read('a/b', 'a/b', 'd/'.repeat(80), '../x')!.entries.length, 4)
  t.throws(() => read('a\0b'), { code: 'ERR_PATH', message: /unreadable contains a NUL/ })
  t.throws(() => read(''), { code: 'ERR_PATH' })
  t.throws(() => read('x'.repeat(4097)), { code: 'ERR_PATH' })
})
