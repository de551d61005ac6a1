import { constants } from 'node:fs'
import test from 'ava'
import { Tree } from '../../../lib/files/index.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import { encodeRecords, type JournalRecord } from '../../../lib/files/journal/journal-records.js'
import { type LeftPart, type TakeOverOptions, takeOver } from '../../../lib/files/journal/take-over.js'
import { type ProcessSystem, thisOwner } from '../../../lib/files/own/owner.js'
import { FakeClock, MemoryDisk } from '../../../lib/testing/index.js'
import { plantJournal } from '../../helpers/plant-journal.js'

// Parts of many files are taken over at once; what journals say is believed only so far.

const ID = 'ab'.repeat(16)
const GRAVE: ProcessSystem = {
  pid: 1,
  hostname: () => 'h',
  read: () => undefined,
  isAlive: (pid) => pid === 1,
}
const DEAD = { ...thisOwner(GRAVE), pid: 99 }
const fileOf = (path: string, more = {}) => ({ path, size: 10, mtime: 1, part: `${path}.part`, ...more })

async function scene(disk = new MemoryDisk()) {
  disk.putFolder('/d')
  const tree = await Tree.open('/d', { fs: disk })
  const leave = async (paths: readonly string[], { owner = DEAD, id = ID } = {}) => {
    // who is dead shows no sign of life
    const renewals = new FakeClock()
    const journal = await Journal.create(tree, id, { durability: 'crash', owner, renewals })
    await journal.begin(paths.map((path) => fileOf(path)))
    for (const path of paths) disk.put(`/d/${path}.part`, 'abc')
    return journal
  }
  /** Takes all that is wanted; gives the paths of the parts. */
  const take = (isWanted: (path: string) => boolean = () => true, options: TakeOverOptions = {}) =>
    takeOver(
      tree,
      ({ path }) => isWanted(path),
      { system: GRAVE, ...options },
      async (left, taker) => {
        for (const part of left) taker.taken(part)
        return left.map(({ file }) => file.path).sort()
      },
    )
  const journals = () => disk.list().filter((path) => path.endsWith('.journal'))
  return { disk, tree, leave, take, journals }
}

test('the parts of many files are taken at once; the journal goes with the last of them', async (t) => {
  const { leave, take, journals } = await scene()
  await leave(['a', 'b', 'c'])
  await leave(['d'], { id: 'cd'.repeat(16) })
  t.deepEqual(await take((path) => path === 'a' || path === 'd'), ['a', 'd'])
  t.is(journals().length, 1)
  t.deepEqual(await take(), ['b', 'c'])
  t.deepEqual(journals(), [])
})

test('a journal of which every file has ended goes, whether its process let go of it or died; not while it lives', async (t) => {
  for (const [owner, isReleased, left] of [
    [DEAD, true, 0],
    [DEAD, false, 0],
    [thisOwner(GRAVE), false, 1],
  ] as const) {
    const { leave, take, journals } = await scene()
    const journal = await leave(['a'], { owner })
    journal.end(0, { state: 'completed', part: 'gone' })
    await journal.flush()
    if (isReleased) await journal.close()
    t.deepEqual(await take(), [])
    t.is(journals().length, left)
  }
})

test('a journal that its process could not remove in the end goes with the next take-over, although that process lives', async (t) => {
  const { disk, leave, take, journals } = await scene()
  const journal = await leave(['a'], { owner: thisOwner(GRAVE) })
  journal.end(0, { state: 'completed', part: 'gone' })
  await journal.flush()
  disk.fail({ call: 'unlink', path: /journal$/, error: 'EIO' })
  await t.throwsAsync(journal.finish(), { code: 'ERR_WRITE' })
  t.is(journals().length, 1)
  t.deepEqual(await take(), [])
  t.deepEqual(journals(), [])
})

test('what is not taken in the end stays, and all of it where it fails', async (t) => {
  const { tree, leave, take } = await scene()
  await leave(['a', 'b'])
  const options = { system: GRAVE }
  await takeOver(
    tree,
    () => true,
    options,
    async (left, taker) => taker.taken(left[0]!),
  )
  const failing = async () => {
    throw new Error('no journal of ours')
  }
  await t.throwsAsync(
    takeOver(tree, () => true, options, failing),
    { message: /no journal/ },
  )
  t.deepEqual(await take(), ['b'])
})

test('a part that two dead journals know is taken once, and forgotten by both', async (t) => {
  const { disk, leave, take, journals } = await scene()
  await leave(['a', 'b'])
  await leave(['a'], { id: 'cd'.repeat(16) })
  t.deepEqual(await take((path) => path === 'a'), ['a', 'a'])
  t.is(journals().length, 1)
  t.deepEqual(await take(), ['b'])
  t.true(disk.list().includes('/d/a.part'))
})

test('a part that the journal of a living process knows, too, is left, and so is one that somebody takes at the same moment', async (t) => {
  const { leave, take } = await scene()
  await leave(['a', 'b'])
  const living = await leave(['a'], { id: 'cd'.repeat(16), owner: thisOwner(GRAVE) })
  t.deepEqual(await take(), ['b'])
  await living.close()
  const both = await Promise.all([take(), take(), take()])
  t.true(both.flat().length <= 2)
  for (const one of both) t.true(one.length === 0 || one.length === 2)
})

test('a part that only has the name of one that a living process knows is another one, where both are known', async (t) => {
  const { disk, leave, take } = await scene()
  const living = await leave(['a'], { id: 'cd'.repeat(16), owner: thisOwner(GRAVE) })
  const mine = await disk.lstat('/d/a.part')
  await living.made(0, mine, false)
  // it has ended, and that is not written yet
  disk.remove('/d/a.part')
  const journal = await leave(['a'])
  t.deepEqual(await take(), [])
  await journal.made(0, await disk.lstat('/d/a.part'), false)
  t.deepEqual(await take(), ['a'])
  await living.close()
})

test('of many at the same moment, over journals that know the same parts, each part goes to one', async (t) => {
  for (let times = 0; times < 50; times++) {
    const { leave, take } = await scene()
    const paths = ['a', 'b', 'c', 'd']
    for (let n = 0; n < 4; n++)
      await leave(
        paths.filter((_, i) => i <= n),
        { id: String(n).repeat(32) },
      )
    const takers = [take(), take((path) => path < 'c'), take(), take((path) => path > 'a')]
    const got = (await Promise.all(takers)).flatMap((one) => [...new Set(one)])
    t.is(new Set(got).size, got.length, String(got))
  }
})

test('a journal that goes while the others are read is looked for under its new name', async (t) => {
  const { disk, leave, take } = await scene()
  await leave(['a'])
  const name = `/d/.sluice/${ID}.journal`
  let moved = false
  disk.delay = async ({ call, path }) => {
    if (moved || call !== 'open' || path !== name) return
    moved = true
    await disk.rename(name, `/d/.sluice/${ID}.0-abcd.journal`)
  }
  t.deepEqual(await take(), ['a'])
  t.true(moved)
})

test('what a part is comes with it, and where nothing is there the journal learns it', async (t) => {
  const { disk, tree, leave, journals } = await scene()
  await leave(['a', 'gone'])
  disk.remove('/d/gone.part')
  const left = await takeOver(
    tree,
    () => true,
    { system: GRAVE },
    async (parts): Promise<readonly LeftPart[]> => parts,
  )
  t.is(left.length, 1)
  t.is(left[0]!.stats.ino, (await disk.lstat('/d/a.part')).ino)
  disk.put('/d/gone.part', 'of another')
  t.is(journals().length, 1)
  t.is(
    await takeOver(
      tree,
      () => true,
      { system: GRAVE },
      async (parts) => parts.length,
    ),
    1,
  )
})

test('a file that has its name already is none that is left, and loses the name of its part', async (t) => {
  const { disk, leave, take, journals } = await scene()
  await leave(['a'])
  await disk.link('/d/a.part', '/d/a')
  t.deepEqual(await take(), [])
  t.false(disk.list().includes('/d/a.part'))
  t.deepEqual(journals(), [])
})

test('those of processes that cannot be looked at are waited for together', async (t) => {
  const { leave, take } = await scene()
  for (const n of [1, 2, 3])
    await leave([`f${n}`], { id: String(n).repeat(32), owner: { ...DEAD, host: 'elsewhere' } })
  t.deepEqual(await take(undefined, { clock: new FakeClock() }), [])
  const clock = new FakeClock({ auto: true })
  t.deepEqual(await take(undefined, { clock, wait: true }), ['f1', 'f2', 'f3'])
  t.true(clock.now() < 15_000, `${clock.now()} ms`)
})

const ELSEWHERE = { ...DEAD, host: 'elsewhere' }

test('a part whose process may wake up is gone on with as a copy: what that one still writes is in no file', async (t) => {
  for (const [owner, isReleased, isCopied] of [
    [ELSEWHERE, false, true],
    [ELSEWHERE, true, false],
    [DEAD, false, false],
  ] as const) {
    const { disk, tree, leave } = await scene()
    const journal = await leave(['a'], { owner })
    if (isReleased) await journal.close()
    const late = await disk.open('/d/a.part', constants.O_RDWR)
    await disk.write(late, [Buffer.from('abcd')], 0)
    const { ino } = await disk.lstat('/d/a.part')
    const options = { system: GRAVE, force: true }
    await takeOver(
      tree,
      () => true,
      options,
      async ([part], taker) => {
        t.true(await taker.own(part!))
        const { ino: now } = await disk.lstat('/d/a.part')
        t.is(now, ino, 'until a journal knows it, it stays')
        await taker.place(part!)
        t.is((await disk.lstat('/d/a.part')).ino, part!.stats.ino)
        taker.taken(part!)
      },
    )
    t.is((await disk.lstat('/d/a.part')).ino !== ino, isCopied)
    await disk.write(late, [Buffer.from('xxxxxxxx')], 0)
    const content = isCopied ? 'abcd' : 'xxxxxxxx'
    t.deepEqual(disk.list(), ['/d/', '/d/a.part'])
    t.is(disk.snapshot().get('/d/a.part')!.toString(), content)
  }
})

test('a part that cannot be copied is left as it is, and so is one of which the copy does not take its place', async (t) => {
  for (const fails of ['write', 'it changes', 'nobody goes on']) {
    const { disk, tree, leave, journals } = await scene()
    await leave(['a'], { owner: ELSEWHERE })
    const warnings: string[] = []
    const warn = ({ code }: { code: string }) => warnings.push(code)
    if (fails === 'write') disk.fail({ call: 'write', path: /sluice-tmp/, error: 'ENOSPC' })
    if (fails === 'it changes')
      disk.hook = ({ call, path }) => {
        if (call === 'write' && path?.includes('sluice-tmp')) disk.put('/d/a.part', 'abcdef')
      }
    await takeOver(
      tree,
      () => true,
      { system: GRAVE, force: true, warn },
      async ([part], taker) => {
        t.is(await taker.own(part!), fails === 'nobody goes on')
      },
    )
    disk.hook = undefined
    t.is(warnings.length, fails === 'nobody goes on' ? 0 : 1)
    t.deepEqual(
      disk.list().filter((path) => !path.includes('.sluice/')),
      ['/d/', '/d/a.part'],
    )
    t.is(journals().length, 1)
  }
})

// ——— hostile journals ———

const HOSTILE: [what: string, records: JournalRecord[]][] = [
  ['a path outside', [{ kind: 'begin', n: 0, ...fileOf('../mine'), part: 'mine.part', at: 1 }]],
  ['an absolute path', [{ kind: 'begin', n: 0, ...fileOf('/mine'), part: 'mine.part', at: 1 }]],
  ['a path below a link', [{ kind: 'begin', n: 0, ...fileOf('link/mine'), part: 'mine.part', at: 1 }]],
  ['a target outside', [{ kind: 'begin', n: 0, ...fileOf('mine'), target: '../mine', at: 1 }]],
  ['a part that is no part', [{ kind: 'begin', n: 0, ...fileOf('mine'), part: 'important', at: 1 }]],
  ['a part with a path', [{ kind: 'begin', n: 0, ...fileOf('mine'), part: '../mine.part', at: 1 }]],
  ['our own folder', [{ kind: 'begin', n: 0, ...fileOf('.sluice/mine'), part: 'mine.part', at: 1 }]],
  ['an age that cannot be', [{ kind: 'begin', n: 0, ...fileOf('mine'), at: 9e15 }]],
  ['a run with a path outside', [{ kind: 'run', n: 0, files: [['../mine', 10, 1]], at: 1 }]],
]

for (const [what, records] of HOSTILE) {
  test(`a journal that names ${what} gives nothing, and nothing is touched`, async (t) => {
    const { disk, leave, take } = await scene()
    disk.put('/mine.part', 'mine')
    disk.put('/d/important', 'mine')
    disk.put('/d/old.part', 'mine')
    disk.putLink('/d/link', '/')
    await leave([])
    plantJournal(disk, `/d/.sluice/${ID}.journal`, records, DEAD)
    const before = [...disk.snapshot()].filter(([path]) => !path.includes('.sluice')).map(String)
    const warnings: Error[] = []
    t.deepEqual(await take(() => true, { warn: (warning) => warnings.push(warning) }), [])
    const after = [...disk.snapshot()].filter(([path]) => !path.includes('.sluice')).map(String)
    t.deepEqual(after, before)
  })
}

test('by a journal that was made up only what was made beside it is gone on with, never what the user had or made later', async (t) => {
  for (const [changed, taken] of [
    [-60_000, []],
    [0, ['a']],
    [60_000, []],
  ] as const) {
    let later = 0
    const { disk, leave, take } = await scene(new MemoryDisk({ now: () => Date.now() + later }))
    await leave([])
    disk.remove(`/d/.sluice/${ID}.journal`)
    const owner: JournalRecord = { kind: 'owner', version: 1, transfer: ID, owner: DEAD }
    const begin: JournalRecord = { kind: 'begin', n: 0, ...fileOf('a'), at: 0 }
    const forged = [owner, begin, { kind: 'released' as const, at: Number.MAX_SAFE_INTEGER }]
    disk.put(`/d/.sluice/${ID}.journal`, encodeRecords(forged))
    later = changed
    disk.put('/d/a.part', 'mine')
    const warnings: Error[] = []
    t.deepEqual(
      await take(() => true, { warn: (warning) => warnings.push(warning) }),
      [...taken],
      `${changed} ms`,
    )
    t.is(warnings.length, 1 - taken.length)
    t.is(`${disk.snapshot().get('/d/a.part')}`, 'mine')
  }
})

test('garbage, zeros, and what is as large as a gigabyte is passed over; what another user planted is not read', async (t) => {
  const { disk, leave, take, journals } = await scene()
  await leave(['a'])
  const planted = `/d/.sluice/${'cd'.repeat(16)}.journal`
  for (const content of ['', 'garbage'.repeat(1000), Buffer.alloc(5000)]) {
    disk.put(planted, content)
    t.deepEqual(await take(() => false), [])
  }
  disk.put('/d/b.part', 'abc')
  plantJournal(disk, planted, [{ kind: 'begin', n: 0, ...fileOf('b'), at: Date.now() - 1000 }], DEAD)
  const fd = await disk.open(planted, 2)
  await disk.fchown(fd, 77, 77)
  await disk.close(fd)
  const opened: string[] = []
  disk.hook = ({ call, path }) => {
    if (call === 'open') opened.push(path)
  }
  t.deepEqual(await take(), ['a'])
  t.false(opened.includes(planted))
  t.deepEqual(journals(), [planted])
})
