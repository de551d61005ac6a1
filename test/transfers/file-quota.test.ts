import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Duplex, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import {
  FileQuota,
  manifestFrom,
  type ReceiveOptions,
  receive,
  type SendOptions,
  type SluiceError,
  send,
  type Transfer,
} from '../../lib/index.js'
import { type DuplexPairOptions, duplexPair, randomContent } from '../../lib/testing/index.js'
import { listing, plant, temporary } from '../helpers/folders.js'

const MIB = 1024 * 1024
const CHILD = fileURLToPath(new URL('../helpers/quota-child.js', import.meta.url))

/** A receiver that counts what comes into a folder. */
async function scene(t: ExecutionContext, most: { bytes?: number; files?: number }) {
  const [home, dir, source] = await Promise.all([temporary(t), temporary(t), temporary(t)])
  const file = join(home!, 'quotas.json')
  const quota = new FileQuota({ file, of: 'bob', ...most })
  t.teardown(() => quota.saved())
  const it = { asked: 0 }
  const both = (
    what: Parameters<typeof send>[1],
    {
      over,
      sending,
      receiving,
    }: { over?: DuplexPairOptions; sending?: SendOptions; receiving?: Partial<ReceiveOptions> } = {},
  ) => {
    const [near, far]: readonly [Duplex, Duplex] = duplexPair(over)
    const accept = () => {
      it.asked++
      return true
    }
    const receiver = receive(far, { dir: dir!, accept, quota, ...receiving })
    return [send(near, what, { algorithm: 'blocks', ...sending }), receiver] as const
  }
  const used = async () => (await quota.state()).used
  return { it, file, quota, dir: dir!, source: source!, both, used }
}

const codes = (both: readonly Transfer[]) =>
  Promise.all(
    both.map((one) =>
      one.finished.then(
        () => 'completed',
        ({ code }: SluiceError) => code as string,
      ),
    ),
  )

/** Resolves when what was reserved for transfers that are over is free. */
async function counted({ file }: { file: string }): Promise<void> {
  for (;;) {
    const { quotas } = JSON.parse(await readFile(file, 'utf8'))
    if (quotas.every(({ reserved }: { reserved: unknown[] }) => reserved.length === 0)) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('what comes is counted, in bytes and files, and what is there already is not counted again', async (t) => {
  const it = await scene(t, { bytes: 10 * MIB, files: 10 })
  await plant(it.source, { 'd/large': randomContent(3 * MIB), 'd/small': 'small', 'd/empty': '' })
  const paths = [join(it.source, 'd')]
  t.deepEqual(await codes(it.both(paths)), ['completed', 'completed'])
  await counted(it)
  const first = { bytes: 3 * MIB + 5, files: 4 }
  t.deepEqual(await it.used(), first)
  t.deepEqual(await codes(it.both(paths)), ['completed', 'completed'])
  await counted(it)
  t.deepEqual(await it.used(), first)
  t.deepEqual(await listing(it.dir), await listing(it.source))
})

test('an offer of more than all of the quota, or when that is used up, is rejected before anybody is asked, and says no path', async (t) => {
  const it = await scene(t, { bytes: MIB, files: 3 })
  await plant(it.source, {
    large: randomContent(MIB + 1),
    some: randomContent(MIB),
    'many/a': '',
    'many/b': '',
    'many/c': '',
  })
  for (const name of ['large', 'many']) {
    const [sender, receiver] = it.both([join(it.source, name)])
    t.deepEqual(await codes([sender, receiver]), ['ERR_REJECTED', 'ERR_REJECTED'])
    const { message } = await t.throwsAsync(sender.finished)
    t.regex(message, /quota of this sender/)
    t.false(message.includes(it.dir) || message.includes(it.file))
  }
  t.is(it.it.asked, 0)
  t.deepEqual(await codes(it.both([join(it.source, 'some')])), ['completed', 'completed'])
  await counted(it)
  await plant(it.source, { more: 'm' })
  t.deepEqual(await codes(it.both([join(it.source, 'more')])), ['ERR_REJECTED', 'ERR_REJECTED'])
  t.is(it.it.asked, 1)
  await it.quota.reset()
  t.deepEqual(await codes(it.both([join(it.source, 'more')])), ['completed', 'completed'])
})

test('what is missing here and more than what is left ends the transfer before anything comes', async (t) => {
  const it = await scene(t, { bytes: 40 * MIB })
  await plant(it.source, {
    a: randomContent(10 * MIB),
    b: randomContent(10 * MIB),
    c: randomContent(39 * MIB),
  })
  t.deepEqual(await codes(it.both([join(it.source, 'a')])), ['completed', 'completed'])
  await counted(it)
  const both = it.both([join(it.source, 'a'), join(it.source, 'b')])
  t.deepEqual(await codes(both), ['completed', 'completed'])
  await counted(it)
  t.is((await it.used()).bytes, 20 * MIB)
  const [sender, receiver] = it.both([join(it.source, 'c')])
  t.deepEqual(await codes([sender, receiver]), ['ERR_REJECTED', 'ERR_REJECTED'])
  t.like(await t.throwsAsync(receiver.finished), { found: 'quota' })
  t.deepEqual([sender.state, receiver.state], ['rejected', 'rejected'])
  t.is(receiver.progress.bytes, 0)
  await counted(it)
  t.is((await it.used()).bytes, 20 * MIB)
})

test('a transfer that breaks counts what came; that goes on, and counts once', async (t) => {
  const it = await scene(t, { bytes: 10 * MIB })
  await plant(it.source, { large: randomContent(8 * MIB) })
  const paths = [join(it.source, 'large')]
  t.deepEqual(await codes(it.both(paths, { over: { forth: { cutAfter: 5 * MIB } } })), [
    'ERR_INTERRUPTED',
    'ERR_TRUNCATED',
  ])
  await counted(it)
  const { bytes } = await it.used()
  t.true(bytes > 3 * MIB && bytes < 5 * MIB, `${bytes}`)
  t.deepEqual(await codes(it.both(paths)), ['completed', 'completed'])
  await counted(it)
  const used = await it.used()
  t.is(used.files, 1)
  // a block that was not whole came twice
  t.true(used.bytes >= 8 * MIB && used.bytes < 9 * MIB, `${used.bytes}`)
})

test('a stream of unknown size is cut off where the quota is reached', async (t) => {
  const it = await scene(t, { bytes: 2 * MIB })
  const endless = async function* () {
    for (;;) yield randomContent(100_000)
  }
  const both = it.both(manifestFrom(Readable.from(endless()), { name: 'endless' }))
  t.deepEqual(await codes(both), ['ERR_REJECTED', 'ERR_REJECTED'])
  await counted(it)
  const { bytes } = await it.used()
  t.true(bytes >= 2 * MIB && bytes <= 4 * MIB, `${bytes}`)
  t.deepEqual(await codes(it.both(manifestFrom(Readable.from(['x']), { name: 'x' }))), [
    'ERR_REJECTED',
    'ERR_REJECTED',
  ])
})

test('what is made of a file that stands counts, although it does not travel', async (t) => {
  const it = await scene(t, { bytes: 10 * MIB })
  const content = randomContent(4 * MIB)
  await plant(it.source, { f: content })
  const paths = [join(it.source, 'f')]
  t.deepEqual(await codes(it.both(paths)), ['completed', 'completed'])
  await counted(it)
  await writeFile(join(it.source, 'f'), Buffer.concat([Buffer.from('x'), content]))
  const [sender, receiver] = it.both(paths)
  t.deepEqual(await codes([sender, receiver]), ['completed', 'completed'])
  t.true(receiver.progress.bytes < 3 * MIB)
  await counted(it)
  t.true((await it.used()).bytes >= 8 * MIB, JSON.stringify(await it.used()))
})

test('transfers at the same time together bring no more than the quota', async (t) => {
  const it = await scene(t, { bytes: 30 * MIB, files: 3 })
  for (let n = 0; n < 6; n++) await plant(it.source, { [`${n}`]: randomContent(12 * MIB, n) })
  const all = Array.from({ length: 6 }, (_, n) => it.both([join(it.source, `${n}`)]))
  const ends = await Promise.all(all.map(codes))
  await counted(it)
  const completed = ends.filter(([end]) => end === 'completed').length
  t.is(completed, 2, JSON.stringify(ends))
  t.deepEqual(await it.used(), { bytes: 24 * MIB, files: 2 })
})

test('what is attached counts, and what is rejected of it does not', async (t) => {
  const it = await scene(t, { bytes: 10 * MIB })
  await plant(it.source, {
    a: randomContent(MIB, 1),
    b: randomContent(2 * MIB, 2),
    c: randomContent(11 * MIB),
  })
  const [sender, receiver] = it.both([join(it.source, 'a')], { sending: { open: true } })
  await sender.attach([join(it.source, 'b')])
  await t.throwsAsync(sender.attach([join(it.source, 'c')]), { code: 'ERR_REJECTED', message: /quota/ })
  sender.end()
  t.deepEqual(await codes([sender, receiver]), ['completed', 'completed'])
  await counted(it)
  t.deepEqual(await it.used(), { bytes: 3 * MIB, files: 2 })
})

test('several processes share what is left', async (t) => {
  const it = await scene(t, { bytes: 1000 })
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, [CHILD, it.file, '1000', '300'], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  const said = await Promise.all(
    children.map(async (child) => {
      t.teardown(() => child.kill('SIGKILL'))
      const [line] = await once(child.stdout!.setEncoding('utf8'), 'data')
      return Number(line)
    }),
  )
  t.is(
    said.reduce((sum, bytes) => sum + bytes, 0),
    1000,
  )
  t.deepEqual(await it.quota.state(), {
    used: { bytes: 0, files: 0 },
    left: { bytes: 0, files: Number.MAX_SAFE_INTEGER - 4 },
  })
  // what a process had reserved that was killed is free
  for (const child of children) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  t.is((await it.quota.state()).left.bytes, 1000)
})

test('a file that is damaged is left as it is, and what is offered fails', async (t) => {
  const it = await scene(t, { bytes: 1000 })
  await plant(it.source, { a: 'a' })
  await writeFile(
    it.file,
    '{"version":1,"quotas":[{"of":"bob","used":{"bytes":-1,"files":0},"reserved":[]}]}',
  )
  const before = await readFile(it.file, 'utf8')
  await t.throwsAsync(it.quota.state(), { code: 'ERR_SCHEMA' })
  const [sender, receiver] = it.both([join(it.source, 'a')])
  const [atSender, atReceiver] = await codes([sender, receiver])
  t.is(atReceiver, 'ERR_SCHEMA')
  t.is(atSender, 'ERR_PEER')
  t.false((await t.throwsAsync(sender.finished)).message.includes(it.file))
  t.is(await readFile(it.file, 'utf8'), before)
})
