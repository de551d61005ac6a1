import { EventEmitter, once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import {
  appendFile,
  mkdir,
  open,
  opendir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test, { type ExecutionContext } from 'ava'
import { deferred } from '../lib/async.js'
import {
  type ByteDuplex,
  type Connect,
  compression,
  type Offer,
  PublishedVersions,
  type ReceiveOptions,
  receive,
  receiveSeries,
  type SluiceError,
  send,
  type Transfer,
  type TransferResult,
  type Watch,
  type Watched,
  type Watcher,
  type WatcherEvents,
  type WatchOptions,
  watch,
} from '../lib/index.js'
import { duplexPair } from '../lib/testing/index.js'
import { randomContent } from '../lib/testing/splits.js'
import { plant, temporary } from './helpers/folders.js'

/** Milliseconds: long enough that what is written at once is sent at once. */
const QUIET = 150

interface Scene {
  watching: Watch
  /** Where it comes from, and where it goes. */
  from: string
  to: string
  /** The transfers that were received, with what became of each. */
  received: Promise<TransferResult>[]
  /** Resolves when the receiver has nothing more to wait for. */
  over: Promise<void>
  /** What the watcher of the test is asked to watch, and what it tells. */
  events: Promise<{ watched: Watched; events: WatcherEvents }>
}

interface Asked {
  tree?: Record<string, string | Buffer | null>
  sending?: WatchOptions
  receiving?: Partial<ReceiveOptions>
  /** Told by hand what has changed. */
  byHand?: boolean
}

async function scene(t: ExecutionContext, asked: Asked = {}): Promise<Scene> {
  const { tree = { 'photos/a.jpg': 'a' }, sending = {}, receiving = {}, byHand = false } = asked
  const [from, to] = [await temporary(t), await temporary(t)]
  await plant(from, tree)
  const [near, far] = duplexPair()
  let tell!: (told: { watched: Watched; events: WatcherEvents }) => void
  const events = new Promise<{ watched: Watched; events: WatcherEvents }>((resolve) => {
    tell = resolve
  })
  const watcher: Watcher = async (watched, told) => {
    tell({ watched, events: told })
    return async () => {}
  }
  const tops = [...new Set(Object.keys(tree).map((path) => join(from, path.split('/')[0]!)))]
  const watching = watch(near, tops, {
    quiet: QUIET,
    // what is not told is found at the end only
    rescan: 3_600_000,
    algorithm: 'blocks',
    ...(byHand && { watcher }),
    ...sending,
  })
  t.teardown(() => watching.stop().catch(() => {}))
  const received: Promise<TransferResult>[] = []
  const over = (async () => {
    const options = { dir: to, accept: 'all', versions: new PublishedVersions(), ...receiving } as const
    for await (const { finished } of receiveSeries(far, options)) received.push(finished)
  })()
  over.catch(() => {})
  return { watching, from, to, received, over, events }
}

/** The next transfer, when it is over. */
async function sent(watching: Watch): Promise<TransferResult> {
  const [transfer] = (await once(watching, 'transfer')) as [Transfer]
  const result = await transfer.finished
  await once(watching, 'waiting')
  return result
}

const contentOf = (path: string) => readFile(path, 'utf8')

test('what changes is sent, in the place of what came before', async (t) => {
  const { watching, from, to, over } = await scene(t)
  const first = await sent(watching)
  t.is(first.published, 2)
  t.is(await contentOf(join(to, 'photos/a.jpg')), 'a')
  const next = sent(watching)
  await writeFile(join(from, 'photos/a.jpg'), 'another')
  t.deepEqual(
    (await next).files.map(({ path }) => path),
    ['photos', 'photos/a.jpg'],
  )
  t.is(await contentOf(join(to, 'photos/a.jpg')), 'another')
  t.deepEqual(await readdir(join(to, 'photos')), ['a.jpg'])
  t.deepEqual(await watching.stop(), { transfers: 2, failed: [] })
  await t.notThrowsAsync(over)
})

test('new files, and new folders with files, come', async (t) => {
  const { watching, from, to } = await scene(t)
  await sent(watching)
  const next = sent(watching)
  await mkdir(join(from, 'photos/new/deep'), { recursive: true })
  await Promise.all([
    writeFile(join(from, 'photos/new/deep/b.jpg'), 'b'),
    writeFile(join(from, 'photos/c.jpg'), 'c'),
  ])
  await next
  await watching.stop()
  t.is(await contentOf(join(to, 'photos/new/deep/b.jpg')), 'b')
  t.is(await contentOf(join(to, 'photos/c.jpg')), 'c')
})

test('relative paths are watched under the names that they arrive under', async (t) => {
  const [root, to] = await Promise.all([temporary(t), temporary(t)])
  await plant(root, { 'a/b/x': '1', 'a/c/x': '2' })
  const [near, far] = duplexPair()
  const paths = [join(root, 'a/b'), join(root, 'a/c/x')]
  const watching = watch(near, paths, { quiet: QUIET, relative: true })
  const received = (async () => {
    for await (const transfer of receiveSeries(far, {
      dir: to,
      accept: 'all',
      versions: new PublishedVersions(),
    }))
      await transfer.finished
  })()
  await once(watching, 'waiting')
  await writeFile(join(root, 'a/c/x'), 'new')
  await once(watching, 'waiting')
  await watching.stop()
  await received
  t.is(await contentOf(join(to, root, 'a/b/x')), '1')
  t.is(await contentOf(join(to, root, 'a/c/x')), 'new')
})

test('what is renamed comes under its new name, and the old one stays', async (t) => {
  const { watching, from, to } = await scene(t)
  await sent(watching)
  const next = sent(watching)
  await rename(join(from, 'photos/a.jpg'), join(from, 'photos/b.jpg'))
  await next
  t.deepEqual((await readdir(join(to, 'photos'))).sort(), ['a.jpg', 'b.jpg'])
})

test('a file that was named is followed where a program replaces it', async (t) => {
  const { watching, from, to } = await scene(t, { tree: { 'report.txt': 'one' } })
  await sent(watching)
  const next = sent(watching)
  await writeFile(join(from, 'beside'), 'two')
  await rename(join(from, 'beside'), join(from, 'report.txt'))
  await next
  t.deepEqual(await readdir(to), ['report.txt'])
  t.is(await contentOf(join(to, 'report.txt')), 'two')
})

test('of a large file that has changed a little, little travels', async (t) => {
  const content = randomContent(8 * 1024 * 1024)
  const { watching, from, to } = await scene(t, { tree: { 'large.bin': content } })
  await sent(watching)
  const next = sent(watching)
  const file = await open(join(from, 'large.bin'), 'r+')
  await file.write(Buffer.from([content[5_000_000]! ^ 1]), 0, 1, 5_000_000)
  await file.close()
  const { bytes } = await next
  t.true(bytes <= 1024 * 1024, `${bytes} bytes travelled`)
  t.true((await readFile(join(to, 'large.bin'))).equals(await readFile(join(from, 'large.bin'))))
})

test('a file that is written in pieces comes once, when it is whole', async (t) => {
  const { watching, from, to, events } = await scene(t, { byHand: true })
  await sent(watching)
  const { events: watcher } = await events
  const path = join(from, 'photos/slow')
  const next = sent(watching)
  // each piece begins the time anew: what is told within one turn is one change
  for (const piece of ['one ', 'two ', 'three']) {
    await appendFile(path, piece)
    watcher.changed(path)
  }
  t.is((await next).files.length, 2)
  t.is(await contentOf(join(to, 'photos/slow')), 'one two three')
})

test('a version that somebody has changed is not overwritten', async (t) => {
  const { watching, from, to } = await scene(t)
  await sent(watching)
  await writeFile(join(to, 'photos/a.jpg'), 'edited there')
  const next = sent(watching)
  await writeFile(join(from, 'photos/a.jpg'), 'edited here')
  await next
  t.is(await contentOf(join(to, 'photos/a.jpg')), 'edited there')
  t.is(await contentOf(join(to, 'photos/a_1.jpg')), 'edited here')
  const third = sent(watching)
  await writeFile(join(from, 'photos/a.jpg'), 'edited here again')
  await third
  t.deepEqual((await readdir(join(to, 'photos'))).sort(), ['a.jpg', 'a_1.jpg'])
  t.is(await contentOf(join(to, 'photos/a_1.jpg')), 'edited here again', 'that one is known')
})

test('what is published together is followed by its next version, too', async (t) => {
  const tree = { 'photos/a.jpg': 'a', 'photos/b.jpg': 'b' }
  const { watching, from, to } = await scene(t, { tree, receiving: { publish: 'together' } })
  await sent(watching)
  const next = sent(watching)
  await writeFile(join(from, 'photos/a.jpg'), 'another')
  await next
  t.deepEqual((await readdir(join(to, 'photos'))).sort(), ['a.jpg', 'b.jpg'])
  t.is(await contentOf(join(to, 'photos/a.jpg')), 'another')
})

/** Anna watches photos of which the same stand at Bob; gives what Bob has once she has changed one. */
async function overOwn(t: ExecutionContext, receiving: Partial<ReceiveOptions> = {}) {
  const [near, far] = duplexPair()
  const [from, to] = [await temporary(t), await temporary(t)]
  for (const root of [from, to]) await plant(root, { 'photos/a.jpg': 'a', 'photos/b.jpg': 'b' })
  const watching = watch(near, [join(from, 'photos')], { quiet: QUIET })
  t.teardown(() => watching.stop())
  const options = { dir: to, accept: 'all', versions: new PublishedVersions(), ...receiving } as const
  void (async () => {
    for await (const _ of receiveSeries(far, options));
  })()
  await sent(watching)
  const next = sent(watching)
  await writeFile(join(from, 'photos/a.jpg'), 'another')
  await next
  return { from, to, watching }
}

for (const publish of ['each', 'together'] as const) {
  test(`what stood there before, and is the same, is no version (${publish})`, async (t) => {
    const { from, to, watching } = await overOwn(t, { publish })
    t.is(await contentOf(join(to, 'photos/a.jpg')), 'a')
    t.is(await contentOf(join(to, 'photos/a_1.jpg')), 'another')
    const next = sent(watching)
    await writeFile(join(from, 'photos/a.jpg'), 'a third')
    await next
    t.is(await contentOf(join(to, 'photos/a.jpg')), 'a')
    t.is(await contentOf(join(to, 'photos/a_1.jpg')), 'a third')
    t.deepEqual((await readdir(join(to, 'photos'))).sort(), ['a.jpg', 'a_1.jpg', 'b.jpg'])
  })

  test(`a file that was written to in place, and has its old time, is no version (${publish})`, async (t) => {
    const { watching, from, to } = await scene(t, { receiving: { publish } })
    await sent(watching)
    const there = join(to, 'photos/a.jpg')
    const { atime, mtime } = await stat(there)
    await writeFile(there, 'b')
    await utimes(there, atime, mtime)
    const next = sent(watching)
    await writeFile(join(from, 'photos/a.jpg'), 'another')
    await next
    t.is(await contentOf(there), 'b')
    t.is(await contentOf(join(to, 'photos/a_1.jpg')), 'another')
  })
}

test('a transfer that is of no series neither has versions nor leaves any', async (t) => {
  const [one, other, to] = [await temporary(t), await temporary(t), await temporary(t)]
  await plant(one, { 'report.txt': 'one' })
  await plant(other, { 'report.txt': 'another' })
  const options = { dir: to, accept: 'all', series: true, versions: new PublishedVersions() } as const
  for (const from of [one, other]) {
    const [near, far] = duplexPair()
    const { finished } = receive(far, options)
    await Promise.all([send(near, [join(from, 'report.txt')]).finished, finished])
  }
  t.is(options.versions.bytes, 0)
  t.is(await contentOf(join(to, 'report.txt')), 'one')
  t.is(await contentOf(join(to, 'report_1.txt')), 'another')
})

test('what is left out at first is left out later, and not watched', async (t) => {
  const tree = { 'photos/a.jpg': 'a', 'photos/.gitignore': '*.log' }
  const { watching, from, to, events } = await scene(t, {
    tree,
    byHand: true,
    sending: { exclude: ['*.tmp', 'cache/'], gitignore: true },
  })
  await sent(watching)
  const { watched, events: watcher } = await events
  const photos = join(from, 'photos')
  t.true(watched.isIgnored(join(photos, 'b.tmp'), false))
  t.true(watched.isIgnored(join(photos, 'cache'), true))
  t.false(watched.isIgnored(join(photos, 'b.jpg'), false))
  for (const name of ['b.tmp', 'b.log', 'b.jpg']) await writeFile(join(photos, name), name)
  const next = sent(watching)
  for (const name of ['b.tmp', 'b.log', 'b.jpg']) watcher.changed(join(photos, name))
  await next
  t.deepEqual((await readdir(join(to, 'photos'))).sort(), ['.gitignore', 'a.jpg', 'b.jpg'])
})

test('what went again before it was sent is not missed', async (t) => {
  const { watching, from, events } = await scene(t, { byHand: true })
  await sent(watching)
  const { events: watcher } = await events
  watcher.changed(join(from, 'photos/gone.jpg'))
  await once(watching, 'waiting')
  t.deepEqual(await watching.stop(), { transfers: 1, failed: [] })
})

test('what has changed when it is stopped is still sent', async (t) => {
  const { watching, from, to, events, over } = await scene(t, { byHand: true, sending: { quiet: 60_000 } })
  await sent(watching)
  await writeFile(join(from, 'photos/a.jpg'), 'at last')
  const { events: watcher } = await events
  watcher.changed(join(from, 'photos/a.jpg'))
  t.is((await watching.stop()).transfers, 2)
  await over
  t.is(await contentOf(join(to, 'photos/a.jpg')), 'at last')
})

test('where too much changes at once, all is looked at again', async (t) => {
  const { watching, from, to, events } = await scene(t, { byHand: true, sending: { most: 3 } })
  await sent(watching)
  const { events: watcher } = await events
  const next = sent(watching)
  for (const name of 'bcdefg') await writeFile(join(from, 'photos', name), name)
  for (const name of 'bcdefg') watcher.changed(join(from, 'photos', name))
  t.is((await next).published, 6)
  t.is((await readdir(join(to, 'photos'))).length, 7)
})

test('nothing is kept of the rounds that are over', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { watching, from, events } = await scene(t, { byHand: true, sending: { quiet: 1 } })
  const rounds: WeakRef<Transfer>[] = []
  watching.on('transfer', (transfer) => rounds.push(new WeakRef(transfer)))
  await sent(watching)
  const { events: watcher } = await events
  for (let round = 0; round < 20; round++) {
    const next = sent(watching)
    await writeFile(join(from, 'photos/a.jpg'), `version ${round}`)
    watcher.changed(join(from, 'photos/a.jpg'))
    await next
  }
  collect()
  t.is(rounds.length, 21)
  t.true(rounds.filter((round) => round.deref()).length <= 3)
})

test('a failing watcher ends it, and what was sent stays', async (t) => {
  const { watching, to, events, over } = await scene(t, { byHand: true })
  await sent(watching)
  const { events: watcher } = await events
  const { SluiceError } = await import('../lib/index.js')
  watcher.failed(new SluiceError('ERR_LIMIT', 'the system watches no more files'))
  t.like(await t.throwsAsync(watching.finished), { code: 'ERR_LIMIT' })
  t.like(await t.throwsAsync(over), { code: 'ERR_LIMIT' })
  t.is(await contentOf(join(to, 'photos/a.jpg')), 'a')
})

test('a receiver that takes one transfer only is named', async (t) => {
  const [near, far] = duplexPair()
  const [from, to] = [await temporary(t), await temporary(t)]
  await plant(from, { a: 'a' })
  const watching = watch(near, [join(from, 'a')], { quiet: QUIET })
  await receive(far, { dir: to, accept: 'all' }).finished
  t.like(await t.throwsAsync(watching.finished), { code: 'ERR_UNSUPPORTED' })
})

test('the receiver that stops ends it', async (t) => {
  const stopping = new AbortController()
  const { watching, over } = await scene(t, { receiving: { signal: stopping.signal } })
  await sent(watching)
  stopping.abort()
  const error = await t.throwsAsync<SluiceError>(watching.finished)
  t.like(error, { code: 'ERR_CANCELLED', found: 'by the peer' })
  t.regex(
    error.message,
    /^cancelled by the peer[^;]*; nothing was being sent, and nothing is watched any more$/,
  )
  t.like(await t.throwsAsync(over), { code: 'ERR_CANCELLED', found: 'here' })
})

test('a connection that is lost is made again, and over the next one all is offered first', async (t) => {
  const [from, to] = [await temporary(t), await temporary(t)]
  await plant(from, { 'photos/a.jpg': 'a', 'photos/b.jpg': 'b' })
  const versions = new PublishedVersions()
  const connections: { far: ByteDuplex; offers: string[][] }[] = []
  const connect = () => {
    const [here, far] = duplexPair()
    const offers: string[][] = []
    connections.push({ far, offers })
    const accept = ({ entries }: Offer) => {
      offers.push(entries.map(({ path }) => path))
      return true
    }
    void (async () => {
      for await (const _ of receiveSeries(far, { dir: to, accept, versions }));
    })().catch(() => {})
    return here
  }
  const watching = watch(connect, [join(from, 'photos')], { quiet: QUIET, retry: { pause: 1 } })
  await sent(watching)
  const lost = once(watching, 'reconnecting')
  connections[0]!.far.destroy()
  await lost
  await writeFile(join(from, 'photos/a.jpg'), 'another')
  await watching.stop()
  t.is(connections.length, 2)
  for (const { offers } of connections) t.deepEqual(offers[0], ['photos', 'photos/a.jpg', 'photos/b.jpg'])
  t.is(await contentOf(join(to, 'photos/a.jpg')), 'another')
  t.deepEqual((await readdir(join(to, 'photos'))).sort(), ['a.jpg', 'b.jpg'])
})

test('what is removed here stays there, also where the folder goes', async (t) => {
  const { watching, from, to } = await scene(t, { tree: { 'photos/sub/a.jpg': 'a', 'photos/b.jpg': 'b' } })
  await sent(watching)
  await rm(join(from, 'photos/sub'), { recursive: true })
  const next = sent(watching)
  await writeFile(join(from, 'photos/b.jpg'), 'another')
  await next
  t.is(await contentOf(join(to, 'photos/sub/a.jpg')), 'a')
})

/** Sends until a file has come. */
async function sentUntil(watching: Watch, path: string): Promise<void> {
  while ((await contentOf(path).catch(() => undefined)) === undefined) await once(watching, 'waiting')
}

test('a folder that is removed and made again at once is watched on', async (t) => {
  const { watching, from, to } = await scene(t, { tree: { 'photos/sub/a.jpg': 'a' } })
  await sent(watching)
  const sub = join(from, 'photos/sub')
  rmSync(sub, { recursive: true })
  mkdirSync(sub)
  writeFileSync(join(sub, 'b.jpg'), 'b')
  await sentUntil(watching, join(to, 'photos/sub/b.jpg'))
  await writeFile(join(sub, 'c.jpg'), 'c')
  await sentUntil(watching, join(to, 'photos/sub/c.jpg'))
  t.is(await contentOf(join(to, 'photos/sub/c.jpg')), 'c')
})

test('what is watched may itself be removed and made again, at once or later', async (t) => {
  const { watching, from, to } = await scene(t)
  await sent(watching)
  const photos = join(from, 'photos')
  rmSync(photos, { recursive: true })
  mkdirSync(photos)
  writeFileSync(join(photos, 'b.jpg'), 'b')
  await sentUntil(watching, join(to, 'photos/b.jpg'))
  const warned = once(watching, 'warning')
  await rm(photos, { recursive: true })
  const [gone] = await warned
  t.like(gone, { code: 'ERR_NO_SUCH_FILE', path: photos })
  await mkdir(join(photos, 'deep'), { recursive: true })
  await writeFile(join(photos, 'deep/c.jpg'), 'c')
  await sentUntil(watching, join(to, 'photos/deep/c.jpg'))
  await writeFile(join(photos, 'deep/d.jpg'), 'd')
  await sentUntil(watching, join(to, 'photos/deep/d.jpg'))
  t.deepEqual((await watching.stop()).failed, [])
})

test('a folder that is removed while somebody has it open is gone', async (t) => {
  const { watching, from, to } = await scene(t)
  await sent(watching)
  const photos = join(from, 'photos')
  const held = await opendir(photos)
  t.teardown(() => held.close())
  const warned = once(watching, 'warning')
  await rm(photos, { recursive: true })
  t.like((await warned)[0], { code: 'ERR_NO_SUCH_FILE', path: photos })
  await mkdir(photos)
  await writeFile(join(photos, 'b.jpg'), 'b')
  await sentUntil(watching, join(to, 'photos/b.jpg'))
  t.deepEqual((await watching.stop()).failed, [])
})

test('of several folders one may go, and the others are watched on', async (t) => {
  const { watching, from, to } = await scene(t, { tree: { 'photos/a.jpg': 'a', 'notes/a.txt': 'a' } })
  await sent(watching)
  const warned = once(watching, 'warning')
  await rm(join(from, 'photos'), { recursive: true })
  await warned
  await writeFile(join(from, 'notes/b.txt'), 'b')
  await sentUntil(watching, join(to, 'notes/b.txt'))
  t.deepEqual((await watching.stop()).failed, [])
})

test('what nobody told of is sent before the end', async (t) => {
  const { watching, from, to } = await scene(t, { byHand: true })
  await sent(watching)
  await mkdir(join(from, 'photos/new'))
  await writeFile(join(from, 'photos/new/b.jpg'), 'b')
  await writeFile(join(from, 'photos/a.jpg'), 'longer')
  t.is((await watching.stop()).transfers, 2)
  t.is(await contentOf(join(to, 'photos/new/b.jpg')), 'b')
  t.is(await contentOf(join(to, 'photos/a.jpg')), 'longer')
})

test('what nobody told of is found now and then', async (t) => {
  const { watching, from, to } = await scene(t, { byHand: true, sending: { rescan: 20, quiet: 1 } })
  await sent(watching)
  await writeFile(join(from, 'photos/b.jpg'), 'b')
  await sentUntil(watching, join(to, 'photos/b.jpg'))
  t.deepEqual(await watching.stop(), { transfers: 2, failed: [] })
})

test('a new folder of which nobody told is watched from then on', async (t) => {
  let watchers = 0
  const watcher: Watcher = async () => {
    watchers++
    return async () => {
      watchers--
    }
  }
  const again = new EventEmitter()
  const { watching, from, to } = await scene(t, {
    sending: {
      rescan: 20,
      quiet: 1,
      watcher: (...given) => watcher(...given).finally(() => again.emit('watched')),
    },
  })
  await sent(watching)
  const watched = once(again, 'watched')
  await mkdir(join(from, 'photos/new'))
  await watched
  await writeFile(join(from, 'photos/new/b.jpg'), 'b')
  await sentUntil(watching, join(to, 'photos/new/b.jpg'))
  t.is(watchers, 1)
  await watching.stop()
  t.is(watchers, 0)
})

test('where nothing has changed, nothing is sent before the end', async (t) => {
  const { watching } = await scene(t)
  await sent(watching)
  t.is((await watching.stop()).transfers, 1)
})

test('of what cannot be sent it is told once', async (t) => {
  const [near, far] = duplexPair()
  const [from, to] = [await temporary(t), await temporary(t)]
  await plant(from, { 'photos/a.jpg': 'a' })
  await symlink('a.jpg', join(from, 'photos/link'))
  const watching = watch(near, [join(from, 'photos')], { quiet: QUIET })
  t.teardown(() => watching.stop())
  const warnings: unknown[] = []
  watching.on('warning', ({ code, path }) => warnings.push([code, path]))
  void (async () => {
    for await (const _ of receiveSeries(far, { dir: to, accept: 'all' }));
  })()
  await sent(watching)
  t.deepEqual(warnings, [['ERR_SKIPPED', join(from, 'photos/link')]])
  const next = sent(watching)
  await symlink('a.jpg', join(from, 'photos/other'))
  await writeFile(join(from, 'photos/b.jpg'), 'b')
  await next
  await watching.stop()
  t.deepEqual(warnings, [
    ['ERR_SKIPPED', join(from, 'photos/link')],
    ['ERR_SKIPPED', join(from, 'photos/other')],
  ])
})

/** What is watched where a function makes the connections, each of which is received. */
async function lasting(t: ExecutionContext, sending: WatchOptions & { connect?: Connect } = {}) {
  const [from, to] = [await temporary(t), await temporary(t)]
  await plant(from, { 'photos/a.jpg': 'a' })
  const far: ByteDuplex[] = []
  const made = () => {
    const [here, there] = duplexPair()
    far.push(there)
    void (async () => {
      for await (const _ of receiveSeries(there, { dir: to, accept: 'all' }));
    })().catch(() => {})
    return here
  }
  const { connect = made, ...options } = sending
  const watching = watch(connect, [join(from, 'photos')], { quiet: QUIET, ...options })
  return { watching, from, to, far, made }
}

test('a connector that does not answer is left when it is cancelled, and what it gives later is closed', async (t) => {
  const connecting = deferred<AbortSignal>()
  const late = deferred<ByteDuplex>()
  const stopping = new AbortController()
  const connect: Connect = (_, signal) => {
    connecting.resolve(signal)
    return late.promise
  }
  const { watching } = await lasting(t, { connect, signal: stopping.signal })
  const signal = await connecting.promise
  stopping.abort()
  t.like(await t.throwsAsync(watching.finished), { code: 'ERR_CANCELLED', found: 'here' })
  t.true(signal.aborted)
  const [socket] = duplexPair()
  late.resolve(socket)
  await once(socket, 'close')
  t.pass()
})

test('a connector that does not answer has its time: again, and at first when it is stopped', async (t) => {
  const retry = { pause: 1, attempts: 1, timeout: 50 }
  const first = await lasting(t, { connect: () => new Promise(() => {}), retry })
  t.like(await t.throwsAsync(first.watching.stop()), { code: 'ERR_TIMEOUT' })
  const connect: Connect = (attempt) => (attempt === 0 ? again.made() : new Promise(() => {}))
  const again = await lasting(t, { connect, retry })
  await sent(again.watching)
  again.far[0]!.destroy()
  t.like(await t.throwsAsync(again.watching.finished), { code: 'ERR_INTERRUPTED' })
})

test('a connection over which nothing can be begun is closed', async (t) => {
  const [socket] = duplexPair()
  const { watching } = await lasting(t, { connect: () => socket, stages: { wire: [compression()] } })
  const closed = once(socket, 'close')
  t.like(await t.throwsAsync(watching.finished), { code: 'ERR_USAGE' })
  await closed
})

test('whoever hears that it tries again may cancel it: there is no pause', async (t) => {
  const stopping = new AbortController()
  const retry = { pause: 3_600_000, longest: 3_600_000 }
  const { watching, far } = await lasting(t, { signal: stopping.signal, retry })
  await sent(watching)
  watching.on('reconnecting', () => stopping.abort())
  far[0]!.destroy()
  t.like(await t.throwsAsync(watching.finished), { code: 'ERR_CANCELLED', found: 'here' })
})

test('a receiver that goes while nothing is sent is what the error speaks of', async (t) => {
  const { watching, far } = await lasting(t, { retry: { attempts: 0 } })
  await sent(watching)
  far[0]!.destroy()
  const error = await t.throwsAsync(watching.finished)
  t.like(error, { code: 'ERR_INTERRUPTED' })
  t.regex(error?.message ?? '', /^the receiver went away/)
})

test('without a connection, a stop ends the pause: it ends where nothing has changed', async (t) => {
  const retry = { pause: 3_600_000, longest: 3_600_000 }
  const { watching, far } = await lasting(t, { retry })
  await sent(watching)
  const lost = once(watching, 'reconnecting')
  far[0]!.destroy()
  await lost
  t.deepEqual(await watching.stop(), { transfers: 1, failed: [] })
  t.is(far.length, 1)
})

test('without a connection, a stop ends the pause: what has changed is sent', async (t) => {
  const retry = { pause: 3_600_000, longest: 3_600_000 }
  const { watching, from, to, far } = await lasting(t, { retry })
  await sent(watching)
  const lost = once(watching, 'reconnecting')
  far[0]!.destroy()
  await lost
  await writeFile(join(from, 'photos/b.jpg'), 'b')
  t.is((await watching.stop()).transfers, 2)
  t.is(await contentOf(join(to, 'photos/b.jpg')), 'b')
})
