import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { collectLeftovers, Tree } from '../../lib/files/index.js'
import {
  type Manifest,
  manifestOf,
  memoryParts,
  type Part,
  type PartStore,
  type ReceiveOptions,
  receive,
  send,
  unfinishedTransfers,
} from '../../lib/index.js'
import { type DuplexPairOptions, duplexPair } from '../../lib/testing/index.js'
import { temporary } from '../helpers/folders.js'
import { makeOffer } from '../helpers/make-offer.js'
import { offerMessages } from '../helpers/offer-messages.js'
import { HELLO, Peer } from '../helpers/peer.js'
import { connection } from '../helpers/sockets.js'

const MIB = 1024 * 1024
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * 1024

/** Bytes of content that came in a transfer, and how it ended. */
interface Attempt {
  bytes: number
  proved: number
  code: string
}

/** One attempt to send, with a connection that may break. */
async function attempt(
  manifest: Manifest,
  receiving: Partial<ReceiveOptions>,
  faults: DuplexPairOptions = {},
): Promise<Attempt> {
  const [near, far] = duplexPair({ highWaterMark: 64 * 1024, ...faults })
  const sender = send(near, manifest)
  const receiver = receive(far, { accept: 'all', ...receiving })
  const codes = await Promise.all(
    [sender, receiver].map(({ finished }) =>
      finished.then(() => 'completed').catch(({ code }) => code as string),
    ),
  )
  const { bytes, resumedBytes } = receiver.progress
  return { bytes, proved: resumedBytes, code: codes.join(' ') }
}

async function planted(t: ExecutionContext, files: Record<string, Buffer>): Promise<string> {
  const from = await temporary(t)
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(from, path)), { recursive: true })
    await writeFile(join(from, path), content)
  }
  return from
}

const LARGE = randomBytes(2 * MIB + 1000)

for (const algorithm of ['blocks', 'sha256'])
  test(`a transfer that broke goes on where it was, by ${algorithm}: only what was not there in whole blocks travels`, async (t) => {
    const from = await planted(t, { LARGE })
    const dir = await temporary(t)
    const make = () => manifestOf([join(from, 'LARGE')], { algorithm })
    const broken = await attempt(await make(), { dir }, { forth: { cutAfter: MIB + 500_000 } })
    t.not(broken.code, 'completed completed')
    t.deepEqual(
      (await readdir(dir)).filter((name) => name.startsWith('LARGE')),
      ['LARGE.part'],
    )
    const again = await attempt(await make(), { dir })
    t.is(again.code, 'completed completed')
    t.true((await readFile(join(dir, 'LARGE'))).equals(LARGE))
    // whole blocks that had come do not come again
    t.is(again.proved, Math.floor(broken.bytes / BLOCK) * BLOCK)
    t.is(again.bytes, LARGE.length - again.proved)
    t.deepEqual(await readdir(dir), ['LARGE'])
  })

for (const where of ['in the middle', 'behind END'])
  test(`what had come when the connection broke is stored, also what still waited behind a slow disk: ${where}`, async (t) => {
    const files = Array.from({ length: 40 }, (_, n) => [`files/${n}`, randomBytes(40_000 + n)] as const)
    const total = files.reduce((sum, [, { length }]) => sum + length, 0)
    const came = where === 'in the middle' ? MIB : total
    const from = await planted(t, Object.fromEntries(files))
    const memory = memoryParts()
    let goOn = () => {}
    const slow = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const store: PartStore = {
      begin: async (entry) => {
        const part = await memory.begin(entry)
        return Object.assign(Object.create(part) as Part, {
          write: async (...given: Parameters<Part['write']>) => {
            if (where === 'in the middle') await slow
            for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
            await part.write(...given)
            stored += given[1].reduce((sum, { length }) => sum + length, 0)
          },
        })
      },
    }
    let stored = 0
    const [near, far] = duplexPair({ highWaterMark: 64 * 1024 })
    const sender = send(near, await manifestOf([join(from, 'files')]))
    const receiver = receive(far, { accept: 'all', store })
    let bytes = 0
    far.on('data', ({ length }: Buffer) => {
      bytes += length
      if (bytes > came && !far.destroyed && where === 'in the middle') far.destroy(new Error('broken'))
    })
    far.once('close', () => setImmediate(goOn))
    const codes = [sender, receiver].map(({ finished }) => finished.catch(({ code }) => code))
    if (where === 'behind END') {
      while (receiver.progress.bytes < total) await new Promise(setImmediate)
      // and what stands behind the last byte
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
      far.destroy(new Error('broken'))
    }
    for (const code of await Promise.all(codes))
      t.true(['ERR_INTERRUPTED', 'ERR_TRUNCATED'].includes(code), code)
    t.true(stored >= came - (where === 'behind END' ? 0 : 70_000), `${stored} of ${came} bytes`)
  })

test('what was damaged in the part since then comes again, and nothing else', async (t) => {
  for (const algorithm of ['blocks', 'sha256']) {
    const from = await planted(t, { LARGE })
    const dir = await temporary(t)
    const make = () => manifestOf([join(from, 'LARGE')], { algorithm })
    const broken = await attempt(await make(), { dir }, { forth: { cutAfter: MIB + 500_000 } })
    const part = await readFile(join(dir, 'LARGE.part'))
    part[BLOCK + 5]! ^= 1
    part[MIB + 3 * BLOCK - 1]! ^= 1
    await writeFile(join(dir, 'LARGE.part'), part)
    const { code, bytes, proved } = await attempt(await make(), { dir })
    t.is(code, 'completed completed', algorithm)
    t.true((await readFile(join(dir, 'LARGE'))).equals(LARGE))
    t.is(proved, (Math.floor(broken.bytes / BLOCK) - 2) * BLOCK)
    t.is(bytes, LARGE.length - proved)
  }
})

test('small files that were there as parts do not travel again; those that were damaged do, and leave no second parts', async (t) => {
  for (const algorithm of ['blocks', 'sha256']) {
    const names = ['a', 'b', 'c', 'd', 'e']
    const from = await planted(t, Object.fromEntries(names.map((name) => [name, randomBytes(5000)])))
    const dir = await temporary(t)
    const make = () =>
      manifestOf(
        names.map((name) => join(from, name)),
        { algorithm },
      )
    // they are there, and nobody has said yet what they should be
    await attempt(await make(), { dir }, { forth: { cutAfter: 17_000 } })
    const parts = (await readdir(dir)).filter((name) => name.endsWith('.part'))
    t.deepEqual(parts, ['a.part', 'b.part', 'c.part', 'd.part'])
    for (const damaged of ['a.part', 'b.part']) await writeFile(join(dir, damaged), Buffer.alloc(5000))
    const { code, bytes } = await attempt(await make(), { dir })
    t.is(code, 'completed completed', algorithm)
    // only c was there and right: of d there was not a whole block
    t.is(bytes, 4 * 5000)
    for (const name of names) t.deepEqual(await readFile(join(dir, name)), await readFile(join(from, name)))
    t.deepEqual(await readdir(dir), names)
  }
})

test('many files cut at many places, again and again, are there in the end, and hardly anything came twice', async (t) => {
  const files: Record<string, Buffer> = { empty: Buffer.alloc(0) }
  for (let i = 0; i < 30; i++) files[`d${i % 3}/f${i}`] = randomBytes(i * 400)
  files.middle = randomBytes(300_000)
  files.large = randomBytes(2 * MIB + 77)
  const total = Object.values(files).reduce((sum, { length }) => sum + length, 0)
  const from = await planted(t, files)
  for (const algorithm of ['blocks', 'sha256']) {
    const dir = await temporary(t)
    let bytes = 0
    let attempts = 0
    for (;;) {
      attempts++
      const manifest = await manifestOf([from], { algorithm })
      const one = await attempt(manifest, { dir }, attempts < 40 ? { forth: { cutAfter: 500_000 } } : {})
      bytes += one.bytes
      if (one.code === 'completed completed') break
    }
    for (const [path, content] of Object.entries(files))
      t.true((await readFile(join(dir, from.split('/').at(-1)!, path))).equals(content), path)
    t.true(attempts > 1 && attempts < 40, `${attempts}`)
    // each time less than a block of an open file; once that is the middle one, which is a single block
    const most = total + files.middle.length + attempts * BLOCK
    t.true(bytes < most, `${bytes} of ${total}, ${attempts} attempts`)
  }
})

test('the part of a source that changed since then is not gone on with, is shown, and goes when it is collected', async (t) => {
  const from = await planted(t, { LARGE })
  const dir = await temporary(t)
  const make = () => manifestOf([join(from, 'LARGE')], { algorithm: 'blocks' })
  await attempt(await make(), { dir }, { forth: { cutAfter: MIB + 500_000 } })
  await writeFile(join(from, 'LARGE'), randomBytes(LARGE.length + 1))
  await attempt(await make(), { dir }, { forth: { cutAfter: MIB } })
  // each is of another content
  t.deepEqual(
    (await unfinishedTransfers(dir))
      .flatMap(({ files }) => files.map(({ size }) => size! - LARGE.length))
      .sort(),
    [0, 1],
  )
  await writeFile(join(from, 'other'), 'other')
  await attempt(await manifestOf([join(from, 'other')]), { dir })
  t.is((await unfinishedTransfers(dir)).length, 2)
  const { code, proved } = await attempt(await make(), { dir })
  t.is(code, 'completed completed')
  t.is(proved, MIB - BLOCK)
  // it stays for a day
  t.is((await unfinishedTransfers(dir)).flatMap(({ files }) => files).length, 1)
  const tree = await Tree.open(dir)
  t.deepEqual(
    (await collectLeftovers(tree)).map(({ state }) => state),
    ['part', 'journal'],
  )
  await tree.close()
  t.deepEqual((await readdir(dir)).sort(), ['LARGE', 'other'])
})

test('a store in memory goes on, too', async (t) => {
  const store = memoryParts()
  const from = await planted(t, { LARGE })
  const make = () => manifestOf([join(from, 'LARGE')], { algorithm: 'blocks' })
  const broken = await attempt(await make(), { store }, { forth: { cutAfter: MIB + 500_000 } })
  const again = await attempt(await make(), { store })
  t.is(again.code, 'completed completed')
  t.is(again.proved, Math.floor(broken.bytes / BLOCK) * BLOCK)
  t.true(store.files.get('LARGE')!.bytes.equals(LARGE))
})

test('what was damaged is mended over a real socket, however its pieces come, and a folder before the file is no obstacle', async (t) => {
  for (const algorithm of ['blocks', 'sha256'])
    for (const where of ['', 'folder/']) {
      const from = await planted(t, { [`${where}LARGE`]: LARGE })
      const dir = await temporary(t)
      const make = () => manifestOf([join(from, where === '' ? 'LARGE' : 'folder')], { algorithm })
      await attempt(await make(), { dir }, { forth: { cutAfter: MIB + 500_000, pieces: 65_536 } })
      const path = join(dir, `${where}LARGE.part`)
      const part = await readFile(path)
      for (const at of [10, BLOCK + 5, 2 * BLOCK - 1, MIB + 200_000]) part[at]! ^= 1
      await writeFile(path, part)
      const [near, far] = await connection(t)
      const sender = send(near, await make())
      const receiver = receive(far, { dir, accept: 'all' })
      await Promise.all([sender.finished, receiver.finished])
      t.true((await readFile(join(dir, `${where}LARGE`))).equals(LARGE), `${algorithm} ${where}`)
    }
})

test('of a part with more gaps than a plan can say all is claimed that is there, and the shortest gaps with it', async (t) => {
  // 1,200 blocks are there, by turns with one and with three that are not
  const there = Array.from({ length: 1200 }, (_, i) => 3 * i - (i % 2))
  const size = 3 * 1200 * BLOCK
  const part: Part = { write: () => {}, publish: () => ({}), discard: () => {}, read: () => {} }
  const ranges = there.map((at) => ({ start: at * BLOCK, end: (at + 1) * BLOCK }))
  const store: PartStore = { begin: () => part, claims: () => new Map([[0, { part, ranges }]]) }
  const [near, far] = duplexPair()
  const transfer = receive(near, { store, accept: 'all', limits: { closeTimeout: 200 } })
  const file = { type: 'file' as const, path: 'file', size, mtime: 1, mode: 0o644 }
  const offer = makeOffer({ id: '0'.repeat(32), name: 'x', algorithm: 'blocks' }, [file])
  const peer = new Peer(far).say(HELLO, ...offerMessages(offer))
  const { plan } = await peer.hears('plan')
  peer.leave()
  await t.throwsAsync(transfer.finished)
  const [{ kind, blocks }] = plan as unknown as [{ kind: string; blocks: number[] }]
  t.is(kind, 'prove')
  const claimed = new Set<number>()
  for (let i = 0; i < blocks.length; i += 2)
    for (let at = blocks[i]!; at < blocks[i]! + blocks[i + 1]!; at++) claimed.add(at)
  t.is(blocks.length, 2 * 512)
  t.deepEqual(
    there.filter((at) => !claimed.has(at)),
    [],
  )
  // all gaps of one block, and as many of three as it takes
  t.is(claimed.size - there.length, 600 + 3 * (1200 - 512 - 600))
})
