import test from 'ava'
import { OPEN, Tree } from '../../../lib/files/index.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { FakeClock, MemoryDisk } from '../../../lib/testing/index.js'
import type { Run } from '../../../lib/wire/run.js'
import {
  beginSome,
  claimed,
  complete,
  entriesOf,
  filesIn,
  POLICY,
  Receivers,
  receiveAll,
} from '../../helpers/claims-scene.js'

// What an earlier transfer left in a folder is found, taken over, and gone on with.

const X = Buffer.from('the content of x, of which half was there')
const Y = Buffer.from('y')
const CONTENTS = { x: X, 'sub/y': Y }

function newDisk(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  return disk
}

/** A receiver that was killed, or else closed, when it had the first 10 bytes of each file. */
async function left(
  contents: Record<string, Buffer> = CONTENTS,
  { closed = false, mode = null as number | null } = {},
) {
  const disk = newDisk()
  const receivers = new Receivers()
  const store = receivers.start(disk)
  const entries = entriesOf(contents, { mode })
  await store.expect({ id: 'ab'.repeat(16), first: 0, entries } as never, 0)
  await beginSome(
    store,
    entries,
    Object.values(contents).map((content) => content.subarray(0, 10)),
  )
  if (closed) await store.close()
  else receivers.kill()
  return { disk, receivers, entries }
}

for (const closed of [false, true]) {
  test(`what a receiver left that was ${closed ? 'closed' : 'killed'} is claimed, read, gone on with and published`, async (t) => {
    const { disk, receivers, entries } = await left(CONTENTS, { closed })
    const store = receivers.start(disk)
    const claims = await store.claims(entries)
    t.deepEqual([...claims.keys()], [0, 1])
    t.deepEqual(claims.get(0)!.ranges, [{ start: 0, end: 10 }])
    t.deepEqual(await claimed(claims.get(0)!), X.subarray(0, 10))
    t.deepEqual(await claimed(claims.get(1)!), Y)
    await store.expect({ id: 'cd'.repeat(16), first: 0, entries } as never, 0)
    for (const [i, content] of [X, Y].entries())
      t.like(await complete(store, entries[i]!, content, claims.get(i)), { name: entries[i]!.path })
    await store.finish()
    await store.close()
    t.deepEqual(filesIn(disk), { x: X.toString(), 'sub/y': 'y' })
    t.is(Math.floor((await disk.lstat('/d/x')).mtimeMs), 5000)
    t.deepEqual(receivers.warnings, [])
  })
}

test('a file of which all was there, and nothing is written any more, has its mode and its time', async (t) => {
  const { disk, receivers } = await left({ y: Y }, { mode: 0o640 })
  t.is(await receiveAll(receivers.start(disk), { y: Y }, { mode: 0o440 }), 1)
  const { mode, mtimeMs } = await disk.lstat('/d/y')
  t.is(mode & 0o777, 0o440)
  t.is(Math.floor(mtimeMs), 5000)
})

test('what was begun for another size or time is not claimed, and stays', async (t) => {
  for (const other of [{ size: 50 }, { mtime: 6000 }]) {
    const { disk, receivers, entries } = await left({ x: X })
    const store = receivers.start(disk)
    t.is((await store.claims(entries.map((entry) => ({ ...entry, ...other })))).size, 0)
    await complete(store, { ...entries[0]!, mtime: 6000 }, X)
    await store.finish()
    await store.close()
    t.deepEqual(
      Object.keys(filesIn(disk))
        .filter((path) => !path.startsWith('.sluice'))
        .sort(),
      ['x', 'x.part'],
    )
    // for whoever comes with the right one
    receivers.kill()
    t.is((await receivers.start(disk).claims(entries)).size, 1)
  }
})

test('what is claimed belongs to one receiver as long as that lives', async (t) => {
  const { disk, receivers, entries } = await left()
  const first = receivers.start(disk)
  t.is((await first.claims(entries)).size, 2)
  t.is((await first.claims(entries)).size, 0)
  t.is((await receivers.start(disk).claims(entries)).size, 0)
  receivers.kill()
  const next = receivers.start(disk)
  const claims = await next.claims(entries)
  t.deepEqual(await claimed(claims.get(0)!), X.subarray(0, 10))
  await next.close()
})

test('of receivers that start at the same moment each part has one', async (t) => {
  for (let times = 0; times < 20; times++) {
    const { disk, receivers, entries } = await left()
    const all = Array.from({ length: 4 }, () => receivers.start(disk))
    const claims = await Promise.all(all.map((store) => store.claims(entries)))
    for (const { index } of entries) t.true(claims.filter((one) => one.has(index)).length <= 1)
    for (const store of all) await store.close()
    receivers.kill()
    t.is((await receivers.start(disk).claims(entries)).size, 2)
  }
})

test('what is left of a journal that knows more stays, and the next one finds it', async (t) => {
  const { disk, receivers, entries } = await left()
  const first = receivers.start(disk)
  t.deepEqual([...(await first.claims([entries[0]!])).keys()], [0])
  t.deepEqual([...(await receivers.start(disk).claims(entries)).keys()], [1])
  t.deepEqual(receivers.warnings, [])
})

test('a claimed part that is discarded is gone, one that is kept stays for the next', async (t) => {
  const { disk, receivers, entries } = await left()
  const store = receivers.start(disk)
  const claims = await store.claims(entries)
  const failure = new Error('x') as never
  await claims.get(0)!.part.discard(failure)
  await claims.get(1)!.part.keep!(failure)
  await store.finish()
  await store.close()
  t.false(disk.list().includes('/d/x.part'))
  const next = receivers.start(disk)
  t.deepEqual([...(await next.claims(entries)).keys()], [1])
  await next.close()
})

test('what is claimed can be written over, at any place and several times', async (t) => {
  const { disk, receivers, entries } = await left({ x: X })
  const store = receivers.start(disk)
  const { part } = (await store.claims(entries)).get(0)!
  await part.write(30, [X.subarray(30)], false)
  await part.write(5, [X.subarray(5, 20)], false)
  await part.write(0, [X.subarray(0, 10)], false)
  await part.write(20, [X.subarray(20, 30)], true)
  const into = Buffer.alloc(X.length)
  await Promise.all([part.read!(0, into.subarray(0, 7)), part.read!(7, into.subarray(7))])
  t.deepEqual(into, X)
  await t.throwsAsync(async () => part.read!(1, into), { code: 'ERR_WRITE', message: /stand at position 1/ })
  await part.publish(POLICY)
  t.is(filesIn(disk).x, X.toString())
})

test('a folder that has a suffix is found again', async (t) => {
  const disk = newDisk()
  disk.put('/d/sub', 'a file of the user')
  const receivers = new Receivers()
  const entries = entriesOf({ 'sub/y': X })
  await beginSome(receivers.start(disk), entries, [X.subarray(0, 10)])
  receivers.kill()
  t.true(disk.list().includes('/d/sub_1/y.part'))
  t.is(await receiveAll(receivers.start(disk), { 'sub/y': X }), 10)
  t.deepEqual(filesIn(disk), { sub: 'a file of the user', 'sub_1/y': X.toString() })
})

test('a part in a place where its file does not belong any more stays where it is', async (t) => {
  const disk = newDisk()
  disk.put('/d/sub', 'a file of the user')
  const receivers = new Receivers()
  const entries = entriesOf({ 'sub/y': X })
  await beginSome(receivers.start(disk), entries, [X.subarray(0, 10)])
  receivers.kill()
  disk.remove('/d/sub')
  t.is(await receiveAll(receivers.start(disk), { 'sub/y': X }), 0)
  t.is(filesIn(disk)['sub/y'], X.toString())
  t.true(disk.list().includes('/d/sub_1/y.part'))
})

test('a part that is called like a file of the new offer is not in its way', async (t) => {
  const { disk, receivers } = await left({ x: X })
  const contents = { x: X, 'x.part': Buffer.from('a real file of that name') }
  t.is(await receiveAll(receivers.start(disk), contents), 0)
  t.is(filesIn(disk).x, X.toString())
})

test('small files that were written together are claimed one by one, and go on', async (t) => {
  const disk = newDisk()
  const receivers = new Receivers()
  const contents = { a: Buffer.from('aa'), b: Buffer.from('bbb'), c: Buffer.from('c') }
  const entries = entriesOf(contents)
  const first = receivers.start(disk)
  const buffers = [Buffer.concat(Object.values(contents))]
  const run: Run = {
    kind: 'run',
    position: 0,
    length: 6,
    first: 0,
    last: 2,
    entries,
    buffers,
    offset: 0,
    ends: true,
  }
  const files = await first.writeRun!(run, new AbortController().signal)
  t.deepEqual(await files.publish(0, 0), [])
  await first.parts.sync()
  receivers.kill()
  t.deepEqual(
    Object.keys(filesIn(disk))
      .filter((path) => path.endsWith('.part'))
      .sort(),
    ['b.part', 'c.part'],
  )
  t.is(await receiveAll(receivers.start(disk), contents), 4)
  t.deepEqual(filesIn(disk), { a: 'aa', b: 'bbb', c: 'c' })
})

// ——— what became of a part meanwhile ———

const CHANGES: [what: string, change: (disk: MemoryDisk) => unknown, bytes: number | undefined][] = [
  ['truncated', (disk) => cut(disk, 3), 3],
  ['emptied', (disk) => cut(disk, 0), 0],
  ['made longer, up to its size', (disk) => cut(disk, X.length), X.length],
  ['made longer than the file', (disk) => cut(disk, X.length + 1), undefined],
  ['removed', (disk) => disk.remove('/d/x.part'), undefined],
  ['replaced by another file', (disk) => replace(disk, () => disk.put('/d/x.part', 'mine')), undefined],
  ['replaced by a link', (disk) => replace(disk, () => disk.putLink('/d/x.part', '/mine')), undefined],
  ['replaced by a folder', (disk) => replace(disk, () => disk.putFolder('/d/x.part')), undefined],
  ['replaced by a pipe', (disk) => replace(disk, () => disk.putPipe('/d/x.part')), undefined],
  ['given a second name', (disk) => disk.link('/d/x.part', '/d/mine'), undefined],
  ['given to another user', (disk) => handle(disk, (fd) => disk.fchown(fd, 77, 77)), undefined],
  ['made unwritable', (disk) => handle(disk, (fd) => disk.fchmod(fd, 0o444)), undefined],
]

async function handle(disk: MemoryDisk, act: (fd: number) => Promise<void>): Promise<void> {
  const fd = await disk.open('/d/x.part', OPEN.update)
  await act(fd)
  await disk.close(fd)
}

const cut = (disk: MemoryDisk, size: number) => handle(disk, (fd) => disk.ftruncate(fd, size))

function replace(disk: MemoryDisk, put: () => void): void {
  disk.remove('/d/x.part')
  put()
}

for (const [what, change, bytes] of CHANGES) {
  test(`a part that was ${what} meanwhile ${bytes === undefined ? 'is not claimed' : 'is claimed as it is'}, and the file arrives`, async (t) => {
    const { disk, receivers, entries } = await left({ x: X })
    disk.put('/mine', 'mine')
    await change(disk)
    const before = filesIn(disk)['x.part']
    const store = receivers.start(disk)
    const claims = await store.claims(entries)
    const ranges = claims.get(0)?.ranges
    t.deepEqual(ranges, bytes === undefined ? undefined : bytes === 0 ? [] : [{ start: 0, end: bytes }])
    await complete(store, entries[0]!, X, claims.get(0))
    await store.finish()
    await store.close()
    t.is(filesIn(disk).x, X.toString())
    t.is(disk.snapshot().get('/mine')!.toString(), 'mine')
    if (bytes === undefined) t.is(filesIn(disk)['x.part'], before)
  })
}

test('a part whose sync failed is not claimed, but removed: it can be read, and need not be on the disk', async (t) => {
  for (const kept of ['written', 'published']) {
    const disk = newDisk()
    const receivers = new Receivers()
    const [entry] = entriesOf({ x: X })
    const store = receivers.start(disk, { durability: 'power' })
    const part = await store.begin(entry!)
    disk.fail({ call: 'fsync', error: 'EIO', path: '/d/x.part' })
    const end = async () => {
      await part.write(0, [X], kept === 'written')
      await part.publish(POLICY)
    }
    const failure = await t.throwsAsync(end, { code: 'ERR_WRITE' })
    await part.keep!(failure as never)
    // also where it is killed at once
    receivers.kill()
    t.is((await receivers.start(disk).claims([entry!])).size, 0)
    t.false(disk.list().includes('/d/x.part'))
  }
})

test('a part that is exchanged after it was claimed is not written to, and not named', async (t) => {
  for (const [put, code] of [
    [(disk: MemoryDisk) => disk.put('/d/x.part', 'mine'), 'ERR_WRITE'],
    [(disk: MemoryDisk) => disk.putLink('/d/x.part', '/mine'), 'ERR_UNSAFE_LINK'],
    [() => {}, 'ERR_WRITE'],
  ] as const) {
    const { disk, receivers, entries } = await left({ x: X })
    disk.put('/mine', 'mine')
    const store = receivers.start(disk)
    const { part } = (await store.claims(entries)).get(0)!
    replace(disk, () => put(disk))
    await t.throwsAsync(async () => part.read!(0, Buffer.alloc(1)), { code })
    await t.throwsAsync(async () => part.write(10, [X.subarray(10)], true), { code })
    await t.throwsAsync(async () => part.publish(POLICY), { code })
    await part.discard(new Error('x') as never)
    await store.close()
    t.is(disk.snapshot().get('/mine')!.toString(), 'mine')
    t.is(filesIn(disk)['x.part'] ?? 'mine', 'mine')
    t.false(disk.list().includes('/d/x'))
  }
})

test('a part that was changed long after its owner died is claimed if it is the very file', async (t) => {
  let later = 0
  const disk = new MemoryDisk({ now: () => Date.now() + later })
  disk.putFolder('/d')
  const receivers = new Receivers()
  const entries = entriesOf({ x: X })
  await beginSome(receivers.start(disk), entries, [X.subarray(0, 10)])
  receivers.kill()
  later = 1e6
  await cut(disk, 4)
  const [first, second] = [receivers.start(disk), receivers.start(noBirth(disk))]
  // where the disk does not say when it was made, it may be another one that has its number
  t.is((await second.claims(entries)).size, 0)
  t.like(receivers.warnings, [{ code: 'ERR_WRITE', path: 'x.part' }])
  t.deepEqual((await first.claims(entries)).get(0)?.ranges, [{ start: 0, end: 4 }])
})

/** A disk that does not say when a file was made. */
function noBirth(disk: MemoryDisk): MemoryDisk {
  return new Proxy(disk, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (name === 'sync') return undefined
      if (name !== 'lstat' && name !== 'fstat')
        return typeof value === 'function' ? value.bind(target) : value
      return async (of: string & number) => ({ ...(await target[name](of)), birthtimeMs: 0 })
    },
  })
}

// ——— what goes, and what stays ———

test('who claims lets all else stay for a day that others left; who does not, removes it', async (t) => {
  const rest = entriesOf({ other: Y })
  for (const [claims, days, stays] of [
    [true, 0, true],
    [true, 2, false],
    [false, 0, false],
  ] as const) {
    const { disk, receivers } = await left({ x: X })
    const system = receivers.machine.start(50)
    const now = () => Date.now() + days * 86_400_000
    const store = receivers.start(disk, { ownership: { system, now } })
    if (claims) await store.claims(rest)
    await complete(store, rest[0]!, Y)
    await store.finish()
    await store.close()
    t.is(disk.list().includes('/d/x.part'), stays)
    if (!stays) t.deepEqual(filesIn(disk), { other: 'y' })
  }
})

test('what is older than a day is claimed before it could be removed', async (t) => {
  const { disk, receivers, entries } = await left({ x: X })
  const system = receivers.machine.start(50)
  const now = () => Date.now() + 2 * 86_400_000
  const store = receivers.start(disk, { ownership: { system, now } })
  t.is((await store.claims(entries)).size, 1)
  await store.close()
})

test('where nothing is wanted nothing is made, and where nothing is left no journal', async (t) => {
  const disk = newDisk()
  const receivers = new Receivers()
  const store = receivers.start(disk)
  await store.claims([])
  await store.claims(entriesOf(CONTENTS))
  await store.close()
  t.deepEqual(disk.list(), ['/d/'])
})

test('where nothing can be written nothing is claimed, and it is said why', async (t) => {
  const { disk, receivers, entries } = await left()
  disk.fail({ call: 'rename', error: 'EROFS', once: false })
  const store = receivers.start(disk)
  t.is((await store.claims(entries)).size, 0)
  t.like(receivers.warnings, [{ code: 'ERR_READ_ONLY' }])
  await store.close()
  disk.heal()
  t.is((await receivers.start(disk).claims(entries)).size, 2)
})

test('who does not wait any more has claimed nothing', async (t) => {
  const { disk, receivers, entries } = await left()
  const reason = new Error('enough')
  await t.throwsAsync(receivers.start(disk).claims(entries, AbortSignal.abort(reason)), { is: reason })
  t.is((await receivers.start(disk).claims(entries)).size, 2)
})

test('of what a process elsewhere left, a part that cannot be had begins anew with a warning, and all files arrive', async (t) => {
  const disk = newDisk()
  const receivers = new Receivers()
  const contents = { a: X, b: X, c: X }
  const tree = await Tree.open('/d', { fs: disk })
  const owner = { ...thisOwner(receivers.machine.start(1000)), host: 'elsewhere', boot: '' }
  const renewals = new FakeClock()
  const journal = await Journal.create(tree, 'ab'.repeat(16), { durability: 'crash', owner, renewals })
  const entries = entriesOf(contents)
  await journal.begin(entries.map(({ path, size, mtime }) => ({ path, size, mtime, part: `${path}.part` })))
  for (const path of Object.keys(contents)) disk.put(`/d/${path}.part`, X.subarray(0, 10))

  const system = receivers.machine.start(7)
  const store = receivers.start(disk, { ownership: { system, clock: new FakeClock({ auto: true }) } })
  disk.fail({ call: 'rename', path: /\/b\.part$/, error: 'EIO' })
  t.is(await receiveAll(store, contents), 20)
  t.like(receivers.warnings, { length: 1, 0: { code: 'ERR_WRITE', path: 'b.part' } })
  const { 'b.part': left, ...arrived } = filesIn(disk)
  t.like(arrived, { a: X.toString(), b: X.toString(), c: X.toString() })
  t.is(left, X.subarray(0, 10).toString(), 'it is still what the journal before knows')
  await tree.close()
})
