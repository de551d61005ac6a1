import test from 'ava'
import { Tree } from '../../../lib/files/index.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import { encodeRecords, type JournalRecord } from '../../../lib/files/journal/journal-records.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { type SluiceError, type UnfinishedOptions, unfinishedTransfers } from '../../../lib/index.js'
import { FakeClock, MemoryDisk } from '../../../lib/testing/index.js'
import { beginSome, entriesOf, Receivers } from '../../helpers/claims-scene.js'
import { plantJournal } from '../../helpers/plant-journal.js'

const [X, Y] = [Buffer.alloc(10, 'x'), Buffer.alloc(2000, 'y')]

/** A folder, and who receives into it. */
async function scene() {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const receivers = new Receivers()
  const warnings: string[] = []
  const system = receivers.machine.start(99)
  const look = (options: UnfinishedOptions = {}) =>
    unfinishedTransfers('/d', {
      fs: disk,
      system,
      warn: ({ code, message }: SluiceError) => warnings.push(`${code} ${message}`),
      ...options,
    })
  return { disk, receivers, warnings, look }
}

test('what runs and what was interrupted is told: files, what is there of them, and whose they are', async (t) => {
  const { disk, receivers, warnings, look } = await scene()
  t.deepEqual(await look(), [])
  const entries = entriesOf({ 'a/x': X, y: Y, z: X })
  const store = receivers.start(disk)
  await store.expect({ id: 'ab'.repeat(16), name: 'n', first: 0, entries } as never, 0)
  await beginSome(store, entries.slice(0, 2), [X.subarray(0, 4), Y])
  await store.begin(entries[2]!)
  const [running] = await look()
  t.like(running, { id: 'ab'.repeat(16), owner: 'alive' })
  t.regex(running!.journal, /^\.sluice\/\w+\.journal$/)
  t.true(Math.abs(running!.changed - Date.now()) < 60_000)
  t.like(running!.files, [
    {
      path: 'a/x',
      part: 'x.part',
      size: 10,
      mtime: 5000,
      state: 'in_progress',
      ranges: [{ start: 0, end: 4 }],
    },
    { path: 'y', size: 2000, state: 'in_progress', ranges: [{ start: 0, end: 2000 }] },
    { path: 'z', state: 'pending', ranges: [] },
  ])
  receivers.kill()
  const [interrupted] = await look()
  t.deepEqual(interrupted, { ...running!, owner: 'gone' })
  // it is what another transfer goes on with
  const next = receivers.start(disk)
  const claims = await next.claims(entries)
  t.deepEqual(
    [0, 1].map((index) => claims.get(index)!.ranges),
    [[{ start: 0, end: 4 }], [{ start: 0, end: 2000 }]],
  )
  await next.close()
  t.like(await look(), [{ owner: 'gone', files: { length: 2 } }])
  t.deepEqual(warnings, [])
})

test('it changes nothing, whatever it finds', async (t) => {
  const { disk, receivers, look } = await scene()
  const entries = entriesOf({ x: X, y: Y })
  await beginSome(receivers.start(disk), entries, [X, Y.subarray(0, 7)])
  // a crash between link and unlink
  await disk.link('/d/x.part', '/d/x')
  receivers.kill()
  const [before, handles] = [disk.list(), disk.openHandles()]
  const calls: string[] = []
  disk.hook = ({ call }) => calls.push(call)
  t.like((await look())[0]!.files, [
    { path: 'x', state: 'completed', ranges: [] },
    { path: 'y', state: 'in_progress' },
  ])
  t.deepEqual(
    new Set(
      calls.filter((call) =>
        /^(write|open.*w|unlink|link|rename|mkdir|rmdir|futimes|ftruncate|fchmod)$/.test(call),
      ),
    ),
    new Set(),
  )
  t.deepEqual(disk.list(), before)
  t.deepEqual(disk.openHandles(), handles)
})

test('a part whose sync has failed is suspect; who has let go is gone, also while it lives', async (t) => {
  const { disk, look } = await scene()
  const tree = await Tree.open('/d', { fs: disk })
  const journal = await Journal.create(tree, 'cd'.repeat(16), { durability: 'crash' })
  const [n] = await journal.begin([{ path: 'x', size: 10, mtime: 5000, part: 'x.part' }])
  disk.put('/d/x.part', 'abc')
  journal.end(n!, { state: 'failed', code: 'ERR_WRITE', part: 'suspect' })
  await journal.close()
  await tree.close()
  t.like(await look(), [{ owner: 'gone', files: [{ state: 'suspect', ranges: [{ start: 0, end: 3 }] }] }])
})

test('of a process that cannot be looked at nobody knows, until its journal was watched', async (t) => {
  const { disk, look, receivers } = await scene()
  const tree = await Tree.open('/d', { fs: disk })
  const owner = { ...thisOwner(receivers.machine.start(7)), host: 'elsewhere' }
  const journal = await Journal.create(tree, 'cd'.repeat(16), { durability: 'crash', owner })
  await journal.begin([{ path: 'x', size: 10, mtime: 5000, part: 'x.part' }])
  t.like(await look({ clock: new FakeClock() }), [{ owner: 'unknown' }])
  t.like(await look({ wait: true, clock: new FakeClock({ auto: true }) }), [{ owner: 'gone' }])
  t.like(await look({ force: true }), [{ owner: 'gone' }])
  await journal.close()
  await tree.close()
})

/** Journals that somebody made who means no good, or that a disk has damaged. */
const BAD: Record<string, (owner: JournalRecord) => Buffer | string> = {
  'no journal': () => 'no journal\n'.repeat(10),
  'zeros behind text': () => `x${'\0'.repeat(200)}`,
  'another version': (owner) => encodeRecords([{ ...owner, version: 2 } as never]),
  'no owner': () =>
    encodeRecords([{ kind: 'begin', n: 0, path: 'x', size: 1, mtime: 1, part: 'x.part', at: 1 }]),
}

test('a journal that cannot be read is a warning, and the others are told', async (t) => {
  for (const [what, make] of Object.entries(BAD)) {
    const { disk, receivers, warnings, look } = await scene()
    const entries = entriesOf({ x: X })
    await beginSome(receivers.start(disk), entries, [X])
    receivers.kill()
    const owner = { kind: 'owner', version: 1, transfer: 'x', owner: thisOwner() } as JournalRecord
    disk.put(`/d/.sluice/${'0'.repeat(32)}.journal`, make(owner))
    t.like(await look(), [{ files: [{ path: 'x', state: 'in_progress' }] }], what)
    t.is(warnings.length, 1, what)
    t.regex(warnings[0]!, /^ERR_WRITE \.sluice\/0+\.journal cannot be read as a journal/)
    // and one that fails when it is read
    disk.fail({ call: 'read', path: /0{32}/, error: 'EIO', once: false })
    t.is((await look()).length, 1)
  }
})

test('HOSTILE: paths of a journal lead nowhere, and what is under the name of a part is believed only so far', async (t) => {
  const { disk, warnings, look } = await scene()
  const begin = (n: number, path: string, part: string): JournalRecord => ({
    kind: 'begin',
    n,
    path,
    size: 10,
    mtime: 5000,
    part,
    at: Date.now(),
  })
  disk.putFolder('/out')
  disk.put('/out/x.part', 'out')
  disk.putLink('/d/link', '/out')
  disk.put('/d/mine.part', 'more than ten bytes')
  disk.put('/d/other', 'mine')
  disk.putPipe('/d/pipe.part')
  plantJournal(disk, `/d/.sluice/${'0'.repeat(32)}.journal`, [
    begin(0, '../out/x', 'x.part'),
    begin(1, '/out/x', 'x.part'),
    begin(2, 'link/x', 'x.part'),
    begin(3, 'mine', 'mine.part'),
    begin(4, 'x', 'other'),
    begin(5, 'pipe', 'pipe.part'),
    begin(6, '.sluice/x', 'x.part'),
  ])
  const folder = await disk.open('/d/.sluice', 0)
  await disk.fchmod(folder, 0o700)
  await disk.close(folder)
  const [found] = await look()
  t.deepEqual(
    found!.files.map(({ state, ranges }) => [state, ranges.length]),
    Array.from({ length: 7 }, () => ['pending', 0]),
  )
  t.true(warnings.every((warning) => /^ERR_PATH the journal names/.test(warning)))
})

test('a folder that is not there, or is none, is an error', async (t) => {
  const { disk } = await scene()
  disk.put('/file', 'x')
  for (const dir of ['/none', '/file'])
    await t.throwsAsync(unfinishedTransfers(dir, { fs: disk }), { code: 'ERR_WRITE' })
})
