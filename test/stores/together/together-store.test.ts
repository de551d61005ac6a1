import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test, { type ExecutionContext } from 'ava'
import type { FileOutcome, SluiceError } from '../../../lib/errors.js'
import { FolderLock, nodeFileSystem, Tree } from '../../../lib/files/index.js'
import { processSystem } from '../../../lib/files/own/owner.js'
import { manifestOf, type ReceiveOptions, receive, send } from '../../../lib/index.js'
import { type FinalizerOptions, finalizer } from '../../../lib/stages/finalizer.js'
import { type PartSinkOptions, partSink } from '../../../lib/stages/part-sink.js'
import { memoryParts } from '../../../lib/stores/memory-parts.js'
import {
  collectStaged,
  holdStaged,
  leaveStaged,
  makeStaged,
} from '../../../lib/stores/together/staged-folders.js'
import { duplexPair, FakeClock } from '../../../lib/testing/index.js'
import { listing, plant, temporary } from '../../helpers/folders.js'
import { arrivingOf, type Content, MTIME, saying } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'

// With publish: 'together' nothing of a transfer is seen before all of it is right, and then all of it.

const TREE = {
  photos: null,
  'photos/a.txt': 'hello',
  'photos/empty': '',
  'photos/none': null,
  'photos/deep/c': Buffer.alloc(9000, 'c'),
} satisfies Content

/** The id of a transfer. */
const ID = 'ab'.repeat(16)

type Options = Partial<PartSinkOptions & FinalizerOptions>

function together(dir: string, items: ReturnType<typeof arrivingOf>, options: Options = {}) {
  return receiveItems(items, { dir, publish: 'together', ...options })
}

/** What stands in a folder, without what is ours. */
async function seen(dir: string): Promise<string[]> {
  const all = Object.keys(await listing(dir).catch(() => ({})))
  return all.filter((path) => !path.startsWith('.sluice')).sort()
}

/** Receives, and looks before each outcome is told; nothing may be seen before. */
async function checkUnseen(t: ExecutionContext, content: Content, dir: string): Promise<void> {
  const before = await seen(dir)
  const items = arrivingOf(content, { run: 3000 })
  async function* watched() {
    for (const item of items) {
      t.deepEqual(await seen(dir), before)
      yield item
    }
  }
  const { error } = await receiveItems(watched(), { dir, publish: 'together' })
  t.is(error, undefined)
}

test('a folder that is new is not seen before all of it is right, and gets its name by one rename', async (t) => {
  const dir = await temporary(t)
  await checkUnseen(t, TREE, dir)
  t.deepEqual(await seen(dir), [
    'photos',
    'photos/a.txt',
    'photos/deep',
    'photos/deep/c',
    'photos/empty',
    'photos/none',
  ])
  t.is(await readFile(join(dir, 'photos/a.txt'), 'utf8'), 'hello')
  t.deepEqual(await readdir(dir), ['photos'], 'nothing of ours is left')
  for (const path of ['photos', 'photos/none', 'photos/a.txt'])
    t.is(Math.floor((await stat(join(dir, path))).mtimeMs), MTIME, path)
})

test('the destination is made where it is missing, and a top folder takes one rename', async (t) => {
  const dir = join(await temporary(t), 'new/place')
  const renames: string[] = []
  const fs = Object.assign(Object.create(nodeFileSystem), {
    rename: (from: string, to: string) => {
      if (to.endsWith('/photos')) renames.push(to)
      return nodeFileSystem.rename(from, to)
    },
  })
  const { error, outcomes } = await together(dir, arrivingOf(TREE), { fs, durability: 'power' })
  t.is(error, undefined)
  t.deepEqual(new Set(Object.values(statuses(outcomes))), new Set(['published']))
  t.is(renames.length, 1)
})

test('files, several tops and folders that merge get their names at the end, by one transaction', async (t) => {
  const dir = await plant(await temporary(t), { 'photos/mine': 'mine', other: 'other' })
  const content = { ...TREE, 'b.txt': 'b', more: null, 'more/x': 'x', link: { target: 'b.txt' } }
  const before = await listing(dir)
  const { error, outcomes } = await together(dir, arrivingOf(content), { symlinks: 'keep' })
  t.is(error, undefined)
  const { photos, ...others } = statuses(outcomes)
  t.is(photos, 'skipped identical')
  t.deepEqual(new Set(Object.values(others)), new Set(['published']))
  const after = await listing(dir)
  t.is(after['photos/mine'], before['photos/mine'])
  t.is(after.other, before.other)
  t.is(after.link, 'link b.txt')
  for (const path of Object.keys(content)) t.true(path in after, path)
  t.deepEqual((await readdir(dir)).sort(), ['b.txt', 'link', 'more', 'other', 'photos'])
  t.is(Math.floor((await stat(join(dir, 'photos'))).mtimeMs), MTIME, 'as each alone: the time of the sender')
})

test('one file that fails leaves nothing published; all others are told apart, and stay for another run', async (t) => {
  const dir = await plant(await temporary(t), { other: 'other' })
  const content = { ...TREE, 'b.txt': 'b' }
  const wrong = saying(arrivingOf(content), { 'photos/a.txt': Buffer.alloc(32, 1) })
  const { error, outcomes } = await together(dir, wrong)
  t.is(error?.code, 'ERR_FILES_FAILED')
  t.regex(error!.message, /the first: .*a\.txt.*digest/)
  t.deepEqual(await seen(dir), ['other'])
  const { 'photos/a.txt': bad, ...others } = statuses(outcomes)
  t.is(bad, 'failed ERR_DIGEST')
  t.deepEqual(new Set(Object.values(others)), new Set(['failed ERR_TOGETHER']))
  const again = await together(dir, arrivingOf(content))
  t.is(again.error, undefined)
  t.deepEqual(new Set(Object.values(statuses(again.outcomes))), new Set(['published']))
  t.deepEqual((await readdir(dir)).sort(), ['b.txt', 'other', 'photos'])
})

test('what an earlier run staged, and this one does not bring, is not published', async (t) => {
  const dir = await temporary(t)
  const wrong = saying(arrivingOf({ ...TREE, 'photos/old': 'old', 'photos/gone/x': 'x' }), {
    'photos/a.txt': Buffer.alloc(32, 1),
  })
  t.is((await together(dir, wrong)).error?.code, 'ERR_FILES_FAILED')
  t.is((await together(dir, arrivingOf({ ...TREE, 'photos/a.txt': 'another' }))).error, undefined)
  t.deepEqual(await seen(dir), [
    'photos',
    'photos/a.txt',
    'photos/deep',
    'photos/deep/c',
    'photos/empty',
    'photos/none',
  ])
})

for (const unless of ['identical', 'unchanged', 'newer', 'nothing'] as const)
  for (const conflict of ['rename', 'overwrite', 'replace', 'skip', 'fail'] as const)
    test(`${conflict} and ${unless} mean the same as for each file alone`, async (t) => {
      const content = {
        'same.txt': 'same',
        'other.txt': 'what comes',
        both: null,
        'both/new': 'new',
        'both/same': 'same',
        'both/other': 'longer than before',
        file: null,
        'file/in it': 'x',
        link: { target: 'same.txt' },
        'free.txt': 'free',
      }
      const results: unknown[] = []
      for (const publish of ['each', 'together'] as const) {
        const dir = await plant(await temporary(t), {
          'same.txt': 'same',
          'other.txt': 'what was',
          'both/same': 'same',
          'both/other': 'before',
          'both/mine': 'mine',
          file: 'a file',
          link: 'a file',
        })
        // without what fails by itself: then nothing is published together
        const wanted = conflict === 'fail' ? { 'same.txt': 'same', 'free.txt': 'free' } : content
        const isRefused = conflict === 'fail' && (unless === 'unchanged' || unless === 'nothing')
        const { outcomes, error } = await receiveItems(arrivingOf(wanted), {
          dir,
          publish,
          conflict,
          unless,
          symlinks: 'keep',
        })
        if (isRefused && publish === 'together') {
          t.is(error?.code, 'ERR_FILES_FAILED')
          t.deepEqual(statuses(outcomes), {
            'same.txt': 'failed ERR_CONFLICT',
            'free.txt': 'failed ERR_TOGETHER',
          })
          return
        }
        results.push([statuses(outcomes), await listing(dir, { times: false })])
      }
      t.deepEqual(results[1], results[0])
    })

test('a folder makes no room for a file, also under replace: the file gets a suffix, and it is said', async (t) => {
  const dir = await plant(await temporary(t), { 'a/mine': 'mine' })
  const warnings: string[] = []
  const { outcomes } = await together(dir, arrivingOf({ a: 'file' }), {
    conflict: 'replace',
    warn: ({ message }) => warnings.push(message),
  })
  t.deepEqual(statuses(outcomes), { a: 'published as a_1 ERR_CONFLICT' })
  t.is(await readFile(join(dir, 'a/mine'), 'utf8'), 'mine')
  t.is(warnings.length, 1)
})

test('folders that even their owner may not enter get their modes at the end', async (t) => {
  const dir = await temporary(t)
  const content = { top: null, 'top/shut': null, 'top/shut/x': 'x' }
  const { error } = await together(dir, arrivingOf(content, { modes: { top: 0o555, 'top/shut': 0o300 } }))
  t.is(error, undefined)
  t.is((await stat(join(dir, 'top'))).mode & 0o777, 0o555)
  t.is((await stat(join(dir, 'top/shut'))).mode & 0o777, 0o300)
  await chmod(join(dir, 'top'), 0o755)
  await chmod(join(dir, 'top/shut'), 0o755)
})

test('a link in the place of a folder ends it, and nothing is written through it', async (t) => {
  const dir = await temporary(t)
  await mkdir(join(dir, 'elsewhere'))
  await mkdir(join(dir, 'in'))
  await symlink('../elsewhere', join(dir, 'in/photos'))
  await writeFile(join(dir, 'in/mine'), 'mine')
  const { error } = await together(join(dir, 'in'), arrivingOf(TREE))
  t.is(error?.code, 'ERR_UNSAFE_LINK')
  t.deepEqual(await readdir(join(dir, 'elsewhere')), [])
  t.deepEqual(await seen(join(dir, 'in')), ['mine', 'photos'])
})

test('names of ours are stored under others, as for each file alone', async (t) => {
  const content = { '.sluice/x': 'x', '.sluice_1': 'y', 'top/.sluice-lock-lock': 'z', '.a.sluice-tmp': 't' }
  const results: unknown[] = []
  for (const publish of ['each', 'together'] as const) {
    const dir = await temporary(t)
    const { outcomes } = await receiveItems(arrivingOf(content), { dir, publish })
    results.push([statuses(outcomes), await listing(dir)])
  }
  t.deepEqual(results[1], results[0])
})

test('two transfers into one folder at the same time each come as a whole', async (t) => {
  const dir = await temporary(t)
  const one = { photos: null, 'photos/a': 'one', 'photos/b': 'one, too', 'photos/deep/x': 'x' }
  const two = { photos: null, 'photos/a': 'two', 'photos/c': 'of two', 'photos/deep/y': 'y' }
  const both = await Promise.all([one, two].map((content) => together(dir, arrivingOf(content))))
  for (const { error } of both) t.is(error, undefined)
  const there = await seen(dir)
  for (const path of ['photos/a', 'photos/a_1', 'photos/b', 'photos/c', 'photos/deep/x', 'photos/deep/y'])
    t.true(there.includes(path), path)
  t.deepEqual(await readdir(dir), ['photos'])
})

test('a finalizer that is to publish together refuses a sink, or a store, that does not', async (t) => {
  const dir = await temporary(t)
  const last = finalizer({ publish: 'together' })
  const { code } = await t.throwsAsync<SluiceError>(
    pipeline(Readable.from(arrivingOf({ a: 'a' })), partSink({ dir }), last),
  )
  t.is(code, 'ERR_USAGE')
  // what came meanwhile may have been taken over already, as of any transfer that is broken off
  t.deepEqual(await readdir(dir).then((names) => names.filter((name) => name !== '.sluice')), [])
  t.throws(() => partSink({ store: memoryParts(), publish: 'together' }), { code: 'ERR_USAGE' })
})

// over a connection: what was staged is found again, and does not travel twice

const MIB = 1024 * 1024

/** Sends a tree into a folder, over a connection that may break; gives how it ended, and what of it travelled. */
async function transfer(from: string, dir: string, cutAfter?: number, options: Partial<ReceiveOptions> = {}) {
  const manifest = await manifestOf([join(from, 'top')], { algorithm: 'blocks' })
  const [near, far] = duplexPair({ highWaterMark: 64 * 1024, ...(cutAfter && { forth: { cutAfter } }) })
  const sent = send(near, manifest).finished.catch(() => undefined)
  const receiver = receive(far, { dir, accept: 'all', publish: 'together', ...options })
  const code = await receiver.finished.then(
    () => 'completed',
    (error: SluiceError) => error.code,
  )
  await sent
  const { bytes, resumedBytes } = receiver.progress
  return { code, bytes, resumed: resumedBytes }
}

test('an interrupted transfer goes on with all that was staged: neither whole files nor parts travel again', async (t) => {
  const tree: Record<string, Buffer> = {}
  for (let i = 0; i < 40; i++) tree[`top/d${i % 3}/f${i}`] = randomBytes(i * 300)
  tree['top/middle'] = randomBytes(700_000)
  tree['top/z large'] = randomBytes(5 * MIB + 77)
  const from = await plant(await temporary(t), tree)
  const dir = await plant(await temporary(t), { mine: 'mine' })
  const broken = await transfer(from, dir, 4 * MIB)
  t.not(broken.code, 'completed')
  t.deepEqual(await seen(dir), ['mine'])
  const total = Object.values(tree).reduce((sum, { length }) => sum + length, 0)
  const again = await transfer(from, dir)
  t.is(again.code, 'completed')
  t.is(again.bytes + again.resumed, total)
  t.true(again.resumed > 2 * MIB, `${again.resumed}`)
  for (const [path, content] of Object.entries(tree))
    t.true((await readFile(join(dir, path))).equals(content), path)
  t.deepEqual((await readdir(dir)).sort(), ['mine', 'top'])
})

test('what was staged whole, and damaged or changed since then, is proved, and only what differs comes again', async (t) => {
  const tree = { 'top/a': randomBytes(3 * MIB), 'top/b': randomBytes(2 * MIB), 'top/z': randomBytes(4 * MIB) }
  const from = await plant(await temporary(t), tree)
  const dir = await temporary(t)
  t.not((await transfer(from, dir, 6 * MIB)).code, 'completed')
  const [staged] = (await readdir(join(dir, '.sluice'))).filter((name) => name.endsWith('.staged'))
  const path = join(dir, '.sluice', staged!, 'top/a')
  const { mtime } = await stat(path)
  const damaged = await readFile(path)
  damaged[MIB + 7]! ^= 1
  await writeFile(path, damaged)
  await utimes(path, mtime, mtime)
  const again = await transfer(from, dir)
  t.is(again.code, 'completed')
  t.true(again.bytes <= 4 * MIB + MIB, `${again.bytes}`)
  for (const [path, content] of Object.entries(tree))
    t.true((await readFile(join(dir, path))).equals(content), path)
  t.is(
    Math.floor((await stat(join(dir, 'top/a'))).mtimeMs),
    Math.floor((await stat(join(from, 'top/a'))).mtimeMs),
  )
})

test('both sides say of every entry what became of it', async (t) => {
  const from = await plant(await temporary(t), { 'top/a': 'a', 'top/b': 'b' })
  const dir = await plant(await temporary(t), { 'top/a': 'another', 'top/b': 'b' })
  const [near, far] = duplexPair()
  const sent = send(near, await manifestOf([join(from, 'top')])).finished.catch((error: SluiceError) => error)
  const received = receive(far, { dir, accept: 'all', publish: 'together', conflict: 'fail' }).finished
  const error = await t.throwsAsync<SluiceError>(received, { code: 'ERR_FILES_FAILED' })
  const told = (outcomes: readonly FileOutcome[] = []) =>
    Object.fromEntries(outcomes.map(({ path, status, code }) => [path, `${status} ${code}`]))
  const expected = {
    top: 'failed ERR_TOGETHER',
    'top/a': 'failed ERR_CONFLICT',
    'top/b': 'failed ERR_TOGETHER',
  }
  t.deepEqual(told(error.outcomes), expected)
  t.deepEqual(told(((await sent) as SluiceError).outcomes), expected)
  t.is(await readFile(join(dir, 'top/a'), 'utf8'), 'another')
})

test('what was staged and given up is found by status, and goes when it is collected; not while somebody is at it', async (t) => {
  const dir = await temporary(t)
  const wrong = saying(arrivingOf(TREE), { 'photos/a.txt': Buffer.alloc(32, 1) })
  t.is((await together(dir, wrong)).error?.code, 'ERR_FILES_FAILED')
  const tree = await Tree.open(dir)
  t.teardown(() => tree.close())
  const [left, ...others] = await collectStaged(tree, { dryRun: true })
  t.deepEqual(others, [])
  t.like(left, { state: 'part', bytes: 9000 })
  t.deepEqual(
    left!.removed!.map((path) => path.slice(left!.path.length)),
    ['/photos/deep/c', '/photos/empty'],
  )
  const held = await holdStaged(tree, left!.path, {})
  t.deepEqual(await collectStaged(tree, { dryRun: true }), [])
  t.deepEqual(await collectStaged(tree), [])
  await leaveStaged(tree, held!)
  t.deepEqual(await collectStaged(tree, { olderThan: 60_000 }), [])
  t.deepEqual(await collectStaged(tree), [left])
  t.deepEqual(await readdir(dir), [])
})

test('a dry run finds what another container left staged, and all of it, as the run does that removes it', async (t) => {
  const dir = await temporary(t)
  const tree = await Tree.open(dir)
  t.teardown(() => tree.close())
  const { path, ...made } = await makeStaged(tree, {})
  await made.tree.close()
  await made.lock.release()
  // a holder that shows no more that it lives
  const system = { ...processSystem, hostname: () => 'elsewhere' }
  await FolderLock.acquire(join(dir, path), { system, renewals: new FakeClock() })
  await plant(join(dir, path), {
    'src/whole': 'whole',
    'src/film.part': 'half',
    [`.sluice/${ID}.journal`]: '',
  })
  const collect = (dryRun: boolean) => collectStaged(tree, { dryRun, clock: new FakeClock({ auto: true }) })
  const left = await collect(true)
  const goes = [`.sluice/${ID}.journal`, 'src/film.part', 'src/whole'].map((one) => `${path}/${one}`)
  t.deepEqual(
    left.map(({ removed, ...one }) => ({ ...one, removed: removed!.sort() })),
    [{ path, bytes: 9, state: 'part', removed: goes }],
  )
  t.deepEqual((await readdir(join(dir, path, 'src'))).length, 2)
  t.deepEqual(await collect(false), left)
  t.deepEqual(await readdir(dir), [])
})

for (const publish of ['each', 'together'] as const)
  test(`in memory, ${publish}: a file that fails`, async (t) => {
    const store = memoryParts({ publish })
    const content = { a: 'a', b: 'b', c: null, 'c/d': 'd' }
    const wrong = saying(arrivingOf(content), { b: Buffer.alloc(32, 1) })
    const { outcomes } = await receiveItems(wrong, { store })
    const isEach = publish === 'each'
    t.deepEqual([...store.files.keys()], isEach ? ['a', 'c/d'] : [])
    t.is(statuses(outcomes).a, isEach ? 'published' : 'failed ERR_TOGETHER')
    t.is((await receiveItems(arrivingOf(content), { store })).error, undefined)
    t.deepEqual([...store.files.keys()].sort(), ['a', 'b', 'c/d'])
    t.deepEqual([...store.folders.keys()], ['c'])
  })

test('an empty folder that somebody makes at the last moment is not replaced: it is merged into', async (t) => {
  const dir = await temporary(t)
  const there = join(dir, 'photos')
  let ino = 0
  const fs = Object.assign(Object.create(nodeFileSystem), {
    mkdir: async (path: string, mode?: number) => {
      if (
        path.endsWith('/photos') &&
        !path.includes('staged') &&
        (await seen(dir)).length === 0 &&
        isEnd(path)
      ) {
        await mkdir(there)
        ino = (await stat(there)).ino
      }
      return nodeFileSystem.mkdir(path, mode)
    },
    rename: async (from: string, to: string) => {
      // as it would be without the one of ours that keeps the name
      if (ino === 0 && to.endsWith('/photos')) {
        await mkdir(there)
        ino = (await stat(there)).ino
      }
      return nodeFileSystem.rename(from, to)
    },
  })
  // the folder is made in the staged one first, where another folder has the same name
  let made = 0
  const isEnd = (_path: string) => made++ > 0
  const { error } = await together(dir, arrivingOf(TREE), { fs })
  t.is(error, undefined)
  t.not(ino, 0)
  t.is((await stat(there)).ino, ino)
  t.is(await readFile(join(there, 'a.txt'), 'utf8'), 'hello')
})
