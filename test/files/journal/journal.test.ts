import test from 'ava'
import type { Clock } from '../../../lib/clock.js'
import { collectLeftovers, type FileStats, OPEN, Tree } from '../../../lib/files/index.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import {
  encodeRecords,
  idOf,
  type JournalRecord,
  RecordReader,
} from '../../../lib/files/journal/journal-records.js'
import { readJournal } from '../../../lib/files/journal/read-journal.js'
import { LEASE, RENEW_EVERY } from '../../../lib/files/own/lease.js'
import { nameOfOwner, OWN_FOLDERS, ownerOfName } from '../../../lib/files/own/names.js'
import { type ProcessSystem, thisOwner } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { plantJournal } from '../../helpers/plant-journal.js'

const ID = 'ab'.repeat(16)
/** Whether there is a journal, under whatever name. */
const hasJournal = (disk: MemoryDisk) => disk.list().some((path) => path.endsWith('.journal'))
const PATH = `/d/.sluice/${ID}.journal`
const FILE = { path: 'x', size: 10, mtime: 1, part: 'x.part' }
const OWNER: JournalRecord = { kind: 'owner', version: 1, transfer: ID, owner: thisOwner() }

/** A machine on which every other process is dead. */
const GRAVE: ProcessSystem = { pid: 1, hostname: () => 'h', read: () => undefined, isAlive: () => false }
const DEAD = { ...thisOwner(GRAVE), pid: 99 }

function manual() {
  let time = Date.now()
  const timers = new Set<() => void>()
  const clock: Clock = {
    now: () => time,
    after(_ms, callback) {
      timers.add(callback)
      return () => timers.delete(callback)
    },
  }
  const pass = (ms: number) => {
    time += ms
    for (const callback of [...timers]) {
      timers.delete(callback)
      callback()
    }
  }
  return { clock, pass, timers }
}

async function setup(options: { durability?: 'crash' | 'power' } = {}) {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const tree = await Tree.open('/d', { fs: disk })
  const { clock, pass, timers } = manual()
  const open = () => Journal.create(tree, ID, { durability: 'crash', owner: DEAD, clock, ...options })
  const records = (path = PATH) => new RecordReader().push(disk.snapshot().get(path)!)
  return { disk, tree, open, pass, timers, records }
}

test('our folder may go between the look at it and the entry: it is made again', async (t) => {
  for (const call of ['lstat', 'open'] as const) {
    const { disk, tree, open } = await setup()
    disk.putFolder('/d/.sluice', 0o700)
    let gone = 0
    disk.hook = (event) => {
      if (event.call !== call || event.path !== '/d/.sluice' || gone > 0) return
      gone++
      disk.remove('/d/.sluice')
    }
    const journal = await open()
    t.is(gone, 1)
    t.true(disk.snapshot().has(PATH))
    await journal.finish()
    await tree.close()
    t.deepEqual(disk.openHandles(), [])
  }
})

test('a journal that goes while it is looked at is none of ours', async (t) => {
  for (const call of ['open', 'rename'] as const) {
    const { disk, tree, open } = await setup()
    const journal = await open()
    await journal.begin([FILE])
    await journal.close()
    let gone = 0
    disk.hook = ({ call: made, path }) => {
      if (made !== call || path !== PATH || gone > 0) return
      gone++
      disk.remove(PATH)
    }
    t.deepEqual(await collectLeftovers(tree, { system: GRAVE }), [])
    t.is(gone, 1)
    await tree.close()
    t.deepEqual(disk.openHandles(), [])
  }
})

test('records come back as they were written, in pieces of any size', (t) => {
  const records: JournalRecord[] = [
    OWNER,
    { kind: 'begin', n: 0, path: 'a\nb\u202e', size: null, mtime: -1, target: 'c/d', part: 'd.part', at: 5 },
    { kind: 'part', n: 0, part: 'd.1.part', at: 6 },
    { kind: 'alive', at: 7 },
    {
      kind: 'ids',
      n: 2,
      dev: '1',
      ino: '2',
      steps: [
        [1, 9],
        [-5, 1],
      ],
      at: 7,
    },
    { kind: 'completed', n: 0, name: 'c/d', digest: '00ff' },
    { kind: 'failed', n: 1, code: 'ERR_DIGEST', part: 'gone' },
    { kind: 'released', at: 8 },
  ]
  const bytes = encodeRecords(records)
  for (const size of [1, 7, 100, bytes.length]) {
    const reader = new RecordReader()
    const found: JournalRecord[] = []
    for (let i = 0; i < bytes.length; i += size) found.push(...reader.push(bytes.subarray(i, i + size)))
    t.deepEqual(found, records)
    t.is(reader.dropped, 0)
  }
})

test('KNOWN-FAILURES 18: torn, foreign and changed lines are dropped, those around them stay', (t) => {
  const good = encodeRecords([{ kind: 'alive', at: 1 }])
  const changed = Buffer.from(good)
  changed[20]! ^= 1
  const foreign = [
    '{}',
    'null',
    '[]',
    '"x"',
    '{"kind":"alive"}',
    '{"kind":"alive","at":"x"}',
    '{"kind":"toString"}',
    '{"kind":1}',
  ]
  const bad = [
    changed,
    good.subarray(0, 8),
    Buffer.from('garbage'),
    Buffer.alloc(200_000, 'x'),
    ...foreign.map((json) => encodeRecords([JSON.parse(json) as JournalRecord])),
    encodeRecords([{ kind: 'owner', version: 2, transfer: 'x', owner: DEAD }]),
    encodeRecords([{ kind: 'owner', version: 1, transfer: 'x', owner: null as never }]),
  ]
  const reader = new RecordReader()
  for (const line of bad)
    t.deepEqual(reader.push(Buffer.concat([line, Buffer.from('\n'), good])), [{ kind: 'alive', at: 1 }])
  t.true(reader.dropped >= bad.length)
})

test('a part is announced before it may be made, many at once with one write, and ends are batched', async (t) => {
  const { disk, open, pass, timers, records } = await setup()
  const journal = await open()
  t.is(records()[0]!.kind, 'owner')
  const before = disk.calls
  const numbers = await journal.begin(
    Array.from({ length: 200 }, (_, i) => ({ ...FILE, path: `f${i}`, part: `f${i}.part` })),
  )
  t.is(disk.calls, before + 1)
  t.is(records().length, 201)
  for (const n of numbers.slice(0, 149))
    journal.end(n, { state: 'completed', part: 'gone', digest: Buffer.from('ff', 'hex') })
  t.is(timers.size, 1)
  t.is(disk.calls, before + 1)
  journal.end(149, { state: 'failed', code: 'ERR_DIGEST', part: 'gone' })
  await journal.flush()
  t.is(disk.calls, before + 2)
  t.is(records().length, 351)
  journal.end(150, { state: 'completed', part: 'gone' })
  pass(2000)
  await journal.flush()
  t.is(records().length, 352)
  await journal.close()
  t.is(records().at(-1)!.kind, 'released')
  t.deepEqual(disk.openHandles(), ['/d', '/d/.sluice'])
})

test('where nothing is left it goes, with its folder; else it stays', async (t) => {
  const { disk, open, tree } = await setup({ durability: 'power' })
  const journal = await open()
  const other = await open()
  const [n, m] = await journal.begin([FILE, { ...FILE, path: 'y', part: 'y.part' }])
  journal.end(n!, { state: 'completed', part: 'gone' })
  journal.end(m!, { state: 'failed', code: 'ERR_WRITE', part: 'kept' })
  await journal.flush()
  await journal.finish()
  await other.finish()
  t.deepEqual(
    disk.list().filter((path) => path.startsWith('/d/') && path !== '/d/'),
    ['/d/.sluice/', PATH],
  )
  await tree.close()
  t.deepEqual(disk.openHandles(), [])
})

test('HOSTILE-INPUT 21: a folder of the user that is called like ours is not used', async (t) => {
  for (const put of [
    (disk: MemoryDisk) => disk.put('/d/.sluice', 'a file'),
    (disk: MemoryDisk) => disk.put('/d/.sluice/notes.txt', 'mine'),
    (disk: MemoryDisk) => disk.putFolder('/d/.sluice'),
    (disk: MemoryDisk) => disk.putLink('/d/.sluice', '/'),
  ]) {
    const { disk, open } = await setup()
    put(disk)
    const before = disk.list()
    const journal = await open()
    t.true(disk.list().includes(`/d/.sluice_1/${ID}.journal`))
    await journal.finish()
    t.deepEqual(disk.list(), before)
  }
})

test('where every name for its folder is taken it says so', async (t) => {
  const { disk, open } = await setup()
  for (const name of OWN_FOLDERS) disk.put(`/d/${name}`, "the user's")
  await t.throwsAsync(open(), { code: 'ERR_WRITE', message: /\.sluice_4/ })
})

test('what cannot be written in the background is said to the next caller', async (t) => {
  const { disk, open, pass } = await setup()
  const journal = await open()
  const [n] = await journal.begin([FILE])
  disk.fail({ call: 'write', error: 'EIO' })
  journal.end(n!, { state: 'completed', part: 'gone' })
  pass(2000)
  await t.throwsAsync(journal.flush(), { code: 'ERR_WRITE' })
  await t.throwsAsync(journal.close(), { code: 'ERR_WRITE' })
  t.regex(disk.list().find((path) => path.endsWith('.journal'))!, /\.0-[0-9a-f]+\.journal$/)
})

test('from time to time it says that its owner lives', async (t) => {
  const { open, pass, records } = await setup()
  const journal = await open()
  await journal.alive()
  t.is(records().length, 1)
  pass(2001)
  await journal.alive()
  t.is(records().at(-1)!.kind, 'alive')
  await journal.finish()
})

// ——— what dead owners left ———

async function leave(t: { teardown(end: () => void): void }, ...extra: JournalRecord[]) {
  const { disk, tree } = await setup()
  plantJournal(disk, PATH, [{ kind: 'begin', n: 0, ...FILE, at: Date.now() }, ...extra], DEAD)
  await disk.lstat('/d/.sluice')
  const folder = await disk.open('/d/.sluice', 0)
  await disk.fchmod(folder, 0o700)
  await disk.close(folder)
  t.teardown(() => tree.close())
  return { disk, tree, collect: (options = {}) => collectLeftovers(tree, { system: GRAVE, ...options }) }
}

test('the part of a dead owner is removed, and then its journal', async (t) => {
  const { disk, collect } = await leave(t)
  disk.put('/d/x.part', 'abc')
  disk.put('/d/other.part', 'abc')
  const found = await collect({ dryRun: true })
  t.like(found, [
    { path: 'x.part', bytes: 3, state: 'part' },
    { path: `.sluice/${ID}.journal`, state: 'journal' },
  ])
  t.true(disk.list().includes('/d/x.part'))
  t.deepEqual(await collect(), found)
  t.deepEqual(
    disk.list().filter((path) => path.startsWith('/d/') && path !== '/d/'),
    ['/d/other.part'],
  )
  t.deepEqual(await collect(), [])
})

test('a part that somebody wants to go on with stays, with its journal', async (t) => {
  const { disk, collect } = await leave(t)
  disk.put('/d/x.part', 'abc')
  const [found] = await collect({ keep: ({ path }: { path: string }) => path === 'x' })
  t.is(found!.state, 'kept')
  t.true(hasJournal(disk))
  t.true(disk.list().includes('/d/x.part'))
})

test('after a crash between link and unlink both names are one file: the part goes, the file stays', async (t) => {
  for (const name of ['/d/x', '/d/x_1']) {
    const { disk, collect } = await leave(t)
    if (name !== '/d/x') disk.put('/d/x', 'other')
    disk.put('/d/x.part', 'abc')
    await disk.link('/d/x.part', name)
    const [looked] = await collect({ dryRun: true })
    t.is(looked!.state, 'published')
    t.is((await collect())[0]!.state, 'published')
    t.is(disk.snapshot().get(name)!.toString(), 'abc')
    t.false(disk.list().includes('/d/x.part'))
  }
})

const FOREIGN: [string, (disk: MemoryDisk) => void | Promise<void>, JournalRecord[]?][] = [
  ['is larger than the file', (disk) => disk.put('/d/x.part', 'more than ten bytes')],
  ['is a link', (disk) => disk.putLink('/d/x.part', '/mine')],
  ['is a pipe', (disk) => disk.putPipe('/d/x.part')],
  ['is a folder', (disk) => disk.putFolder('/d/x.part')],
  [
    'has another name somewhere',
    async (disk) => {
      disk.put('/d/x.part', 'abc')
      await disk.link('/d/x.part', '/d/mine')
    },
  ],
  ['was made long before', () => {}, [{ kind: 'part', n: 0, part: 'x.part', at: Date.now() + 100_000 }]],
  [
    'is not called like a part',
    (disk) => disk.put('/d/important', 'abc'),
    [{ kind: 'part', n: 0, part: 'important', at: Date.now() }],
  ],
  [
    'is outside',
    () => {},
    [{ kind: 'begin', n: 0, ...FILE, path: '../mine', part: 'mine.part', at: Date.now() }],
  ],
  [
    'is below a link',
    (disk) => disk.putLink('/d/sub', '/'),
    [{ kind: 'begin', n: 0, ...FILE, path: 'sub/mine', part: 'mine.part', at: Date.now() }],
  ],
  ['has a path for a name', () => {}, [{ kind: 'part', n: 0, part: '../mine.part', at: Date.now() }]],
]
for (const [what, put, extra = []] of FOREIGN) {
  test(`HOSTILE-INPUT 64: what a journal calls a part is left alone if it ${what}`, async (t) => {
    const { disk, collect } = await leave(t, ...extra)
    disk.put('/mine.part', 'mine')
    disk.put('/mine', 'mine')
    if (what === 'was made long before') disk.put('/d/x.part', 'abc')
    await put(disk)
    const before = disk.list().filter((path) => !path.includes('.sluice'))
    await collect()
    t.deepEqual(
      disk.list().filter((path) => !path.includes('.sluice')),
      before,
    )
  })
}

test('HOSTILE-INPUT 64: journals of nothing, of garbage and of a gigabyte are reported, and nothing is removed', async (t) => {
  for (const content of ['', 'x'.repeat(1000), '\n'.repeat(1000)]) {
    const { disk, collect } = await leave(t)
    disk.put('/d/x.part', 'abc')
    disk.put(PATH, content)
    const [found] = await collect()
    t.like(found, { state: 'kept', path: `.sluice/${ID}.journal` })
    t.true(hasJournal(disk))
    t.true(disk.list().includes('/d/x.part'))
  }
  const { disk, tree } = await leave(t)
  const fs = new Proxy(disk, {
    get(target, key) {
      if (key === 'fstat')
        return async (fd: number) => Object.assign(await target.fstat(fd), { size: 2 ** 30 })
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  t.is(await readJournal(fs, PATH), undefined)
  await tree.close()
})

test('a journal that is empty, or whose beginning did not reach the disk in a power cut, is removed after a day', async (t) => {
  const now = () => Date.now() + 25 * 3600_000
  const record = encodeRecords([{ kind: 'completed', n: 0 }])
  const behind = Buffer.concat([Buffer.alloc(300), Buffer.from('the end of a record\n'), record])
  for (const content of ['', Buffer.alloc(300), behind]) {
    const { disk, collect } = await leave(t)
    disk.put(PATH, content)
    t.like(await collect(), [{ state: 'kept' }])
    t.like(await collect({ now }), [{ state: 'journal', path: `.sluice/${ID}.journal` }])
    t.false(hasJournal(disk))
  }
  for (const content of [`${'\0'.repeat(300)}x`, Buffer.alloc(100_000)]) {
    const { disk, collect } = await leave(t)
    disk.put(PATH, content)
    t.like(await collect({ now }), [{ state: 'kept' }])
    t.true(hasJournal(disk))
  }
})

test('KNOWN-FAILURES 18: the journal of a living owner is not touched; one that let go is', async (t) => {
  const { disk, tree } = await setup()
  const journal = await Journal.create(tree, ID, { durability: 'crash' })
  await journal.begin([FILE])
  disk.put('/d/x.part', 'abc')
  t.deepEqual(await collectLeftovers(tree), [])
  t.true(disk.list().includes('/d/x.part'))
  await journal.close()
  t.deepEqual(
    (await collectLeftovers(tree)).map(({ state }) => state),
    ['part', 'journal'],
  )
  t.false(disk.list().includes('/d/x.part'))
  await tree.close()
  t.deepEqual(disk.openHandles(), [])
})

test('a process that was suspended for long looks whether the journal is its own before it writes anything', async (t) => {
  for (const isTaken of [false, true]) {
    const { disk, tree } = await setup()
    // a clock that goes on while no timer rings
    let time = 0
    let ring = () => {}
    const renewals: Clock = {
      now: () => time,
      after: (_ms, callback) => {
        ring = callback
        return () => {}
      },
    }
    const journal = await Journal.create(tree, ID, { durability: 'crash', renewals })
    await journal.begin([FILE])
    if (isTaken) await disk.rename(PATH, `${PATH}.taken`)
    let looks = 0
    disk.hook = ({ call }) => {
      if (call === 'lstat') looks++
    }
    await journal.alive()
    await journal.begin([FILE])
    t.is(looks, 0, 'it was not silent for long')
    time += LEASE
    // the first that happens when it wakes up may be that it shows itself, as if nothing had been
    ring()
    for (const write of [
      () => journal.alive(),
      () => journal.begin([FILE]),
      () => journal.beginRun([FILE], (path) => path),
    ]) {
      const code = await write().then(
        () => undefined,
        (error) => error.code,
      )
      t.is(code, isTaken ? 'ERR_LOCK_LOST' : undefined)
    }
    if (!isTaken) t.is(looks, 1, 'once is enough')
    disk.hook = undefined
    await journal.close()
    await tree.close()
  }
})

test('the journal of a process that cannot be looked at is watched, and the process finds out that it lost it', async (t) => {
  const { disk, tree } = await setup()
  const elsewhere = { ...DEAD, host: 'elsewhere' }
  const renewals = new FakeClock()
  const journal = await Journal.create(tree, ID, { durability: 'crash', owner: elsewhere, renewals })
  await journal.begin([FILE])
  disk.put('/d/x.part', 'abc')
  // as long as it shows that it lives, whoever waits leaves it alone
  const clock = new FakeClock({ auto: true })
  disk.hook = ({ call, path }) => {
    if (call === 'open' && path === PATH) renewals.advance(RENEW_EVERY)
  }
  let time = Date.now()
  const renewed = { system: GRAVE, wait: true, clock, now: () => time++ }
  t.deepEqual(await collectLeftovers(tree, renewed), [])
  await journal.check()
  disk.hook = undefined
  // a single look decides nothing, and does not wait
  t.deepEqual(await collectLeftovers(tree, { system: GRAVE, clock: new FakeClock() }), [])
  const states = (await collectLeftovers(tree, { ...renewed, clock: new FakeClock({ auto: true }) })).map(
    ({ state }) => state,
  )
  t.deepEqual(states, ['part', 'journal'])
  await t.throwsAsync(journal.check(), { code: 'ERR_LOCK_LOST' })
  t.false(journal.isOurs(disk.sync ?? t.fail()!))
  // what stands under its name by now is not its own
  const next = await Journal.create(tree, ID, { durability: 'crash' })
  await next.begin([FILE])
  journal.end(0, { state: 'completed', part: 'gone' })
  await journal.finish()
  await next.check()
  await next.close()
  await tree.close()
  t.deepEqual(disk.openHandles(), [])
})

test('by force it is taken at once', async (t) => {
  const { disk, tree } = await setup()
  const journal = await Journal.create(tree, ID, {
    durability: 'crash',
    owner: { ...DEAD, host: 'elsewhere' },
  })
  await journal.begin([FILE])
  disk.put('/d/x.part', 'abc')
  const found = await collectLeftovers(tree, { system: GRAVE, force: true, clock: new FakeClock() })
  t.is(found.length, 2)
  await journal.close().catch(() => {})
  await tree.close()
})

test('HOSTILE-INPUT 65: of several that collect at once one wins, and what it holds is not taken from it', async (t) => {
  const { disk, tree } = await leave(t)
  disk.put('/d/x.part', 'abc')
  const found = await Promise.all(
    Array.from({ length: 5 }, () =>
      collectLeftovers(tree, { system: { ...GRAVE, isAlive: (pid) => pid === 1 } }),
    ),
  )
  t.is(found.flat().filter(({ state }) => state === 'part').length, 1)
  t.deepEqual(
    disk.list().filter((path) => path.startsWith('/d/') && path !== '/d/'),
    [],
  )
})

test('a collector that dies leaves a journal that the next one takes over, one that lives keeps it', async (t) => {
  const { disk, tree, collect } = await leave(t)
  disk.put('/d/x.part', 'abc')
  const living = { ...thisOwner(GRAVE), pid: 7 }
  await disk.rename(PATH, `/d/.sluice/${nameOfOwner(`${ID}.journal`, living)}`)
  t.deepEqual(await collectLeftovers(tree, { system: { ...GRAVE, isAlive: (pid) => pid === 7 } }), [])
  t.true(disk.list().includes('/d/x.part'))
  t.is((await collect())[0]!.state, 'part')
  const here = thisOwner()
  t.deepEqual(ownerOfName(nameOfOwner(`${ID}.journal`, here)), here)
})

test('a part that cannot be removed keeps its journal, for the next time', async (t) => {
  const { disk, collect } = await leave(t)
  disk.put('/d/x.part', 'abc')
  disk.fail({ call: 'unlink', error: 'EACCES' })
  const [found] = await collect()
  t.is(found!.error!.code, 'ERR_PERMISSION')
  t.true(hasJournal(disk))
  t.is((await collect())[0]!.state, 'part')
})

test('whatever the clock of the process says, a part is as old as the disk says', async (t) => {
  for (const hours of [-48, -1, 1, 48]) {
    const now = () => Date.now() + hours * 3_600_000
    const disk = new MemoryDisk({ now })
    disk.putFolder('/d')
    const tree = await Tree.open('/d', { fs: disk })
    const { clock, pass } = manual()
    const journal = await Journal.create(tree, ID, { durability: 'crash', owner: DEAD, clock })
    await journal.begin([FILE])
    disk.put('/d/x.part', 'abc')
    pass(3000)
    await journal.alive()
    const found = await collectLeftovers(tree, { system: GRAVE, now })
    t.like(found, [{ state: 'part', path: 'x.part' }], `${hours} h`)
    t.false(disk.list().includes('/d/x.part'))
  }
})

test('a part that was copied, or given to another user, is not forgotten: it is reported until it is gone', async (t) => {
  for (const change of ['copied', 'given']) {
    let later = 0
    const disk = new MemoryDisk({ now: () => Date.now() + later })
    disk.putFolder('/d')
    const tree = await Tree.open('/d', { fs: disk })
    const journal = await Journal.create(tree, ID, { durability: 'crash', owner: DEAD })
    await journal.begin([FILE])
    disk.put('/d/x.part', 'abc')
    if (change === 'copied') later = 1e6
    const fd = await disk.open('/d/x.part', 2)
    if (change === 'copied') await disk.fchmod(fd, 0o600)
    else await disk.fchown(fd, 77, 77)
    await disk.close(fd)
    for (let times = 0; times < 2; times++) {
      const [found] = await collectLeftovers(tree, { system: GRAVE })
      t.like(found, { state: 'kept', path: 'x.part', error: { code: 'ERR_WRITE' } }, change)
      t.true(disk.list().includes('/d/x.part'))
      t.true(hasJournal(disk))
    }
    disk.remove('/d/x.part')
    t.like(await collectLeftovers(tree, { system: GRAVE }), [{ state: 'journal' }])
    t.false(hasJournal(disk))
  }
})

test('no clock that is set back while a file arrives makes its part forgotten: it is removed', async (t) => {
  let back = 0
  const disk = new MemoryDisk({ now: () => Date.now() - back })
  disk.putFolder('/d')
  const tree = await Tree.open('/d', { fs: disk })
  t.teardown(() => tree.close())
  const journal = await Journal.create(tree, ID, { durability: 'crash', owner: DEAD })
  const [n] = await journal.begin([FILE])
  back = 3_600_000
  disk.put('/d/x.part', 'abc')
  await journal.made(n!, await disk.lstat('/d/x.part'), false)
  const collect = (options = {}) => collectLeftovers(tree, { system: GRAVE, ...options })
  const left = await collect({ dryRun: true })
  t.like(left, [{ state: 'part', path: 'x.part' }, { state: 'journal' }])
  t.deepEqual(await collect(), left)
  t.false(disk.list().includes('/d/x.part'))
})

test('parts that were copied without their times, with their journal, are kept and said, not forgotten', async (t) => {
  let later = 0
  const disk = new MemoryDisk({ now: () => Date.now() + later })
  disk.putFolder('/d')
  const tree = await Tree.open('/d', { fs: disk })
  t.teardown(() => tree.close())
  const journal = await Journal.create(tree, ID, { durability: 'crash', owner: DEAD })
  const [n] = await journal.begin([FILE])
  disk.put('/d/x.part', 'abc')
  await journal.made(n!, await disk.lstat('/d/x.part'), false)
  for (const path of [PATH, '/d/x.part']) {
    const bytes = disk.snapshot().get(path)!
    disk.remove(path)
    disk.put(path, bytes)
    later = 60_000
  }
  const collect = (options = {}) => collectLeftovers(tree, { system: GRAVE, ...options })
  for (const dryRun of [true, false])
    t.like(await collect({ dryRun }), [{ state: 'kept', path: 'x.part', error: { code: 'ERR_WRITE' } }])
  t.true(hasJournal(disk))
  disk.remove('/d/x.part')
  t.like(await collect(), [{ state: 'journal' }])
})

// ——— a part is one very file ———

/** A journal whose owner is dead, with the part `x.part` of a file, made as the journal says. */
async function made(t: { teardown(end: () => void): void }, others: (typeof FILE)[] = []) {
  const { disk, tree, open, records } = await setup()
  t.teardown(() => tree.close())
  const journal = await open()
  const [n] = await journal.begin([FILE, ...others])
  disk.put('/d/x.part', 'abc')
  await journal.made(n!, await disk.lstat('/d/x.part'), false)
  return {
    disk,
    tree,
    records,
    collect: (options = {}) => collectLeftovers(tree, { system: GRAVE, ...options }),
  }
}

test('which file a part is stands in the journal before more of it comes, with 64 bits', async (t) => {
  const { disk, tree, open, records } = await setup()
  t.teardown(() => tree.close())
  const journal = await open()
  const numbers = await journal.begin([FILE, { ...FILE, path: 'y', part: 'y.part' }])
  const before = disk.calls
  const ino = 2n ** 63n + 1n
  await journal.made(numbers[0]!, { dev: 3n, ino }, false)
  t.like(records().at(-1), { kind: 'made', n: 0, dev: '3', ino: String(ino) })
  t.is(disk.calls, before + 1)
  // one that is complete already waits for the next batch
  await journal.made(numbers[1]!, { dev: 3n, ino }, true)
  t.is(disk.calls, before + 1)
  await journal.flush()
  t.like(records().at(-1), { kind: 'made', n: 1 })
  t.like((await readJournal(disk, PATH))!.unfinished, [{ made: { dev: '3', ino: String(ino) } }, { n: 1 }])
  // and when it was made, where the disk says so
  await journal.made(numbers[1]!, { dev: 3n, ino, birthtimeMs: 5.25 }, false)
  t.is((await readJournal(disk, PATH))!.unfinished[1]!.made!.born, 5.25)
})

test('the very file that was made is collected', async (t) => {
  const { disk, collect } = await made(t)
  t.like(await collect(), [{ path: 'x.part', state: 'part' }, { state: 'journal' }])
  t.false(disk.list().includes('/d/x.part'))
})

test('a file that has the name of a dead part by now is not taken for it, as a second name either', async (t) => {
  for (const second of [false, true]) {
    const { disk, collect } = await made(t)
    disk.remove('/d/x.part')
    disk.put('/d/x.part', 'abc')
    if (second) await disk.link('/d/x.part', '/d/x')
    t.like(await collect(), [{ state: 'journal' }])
    t.true(disk.list().includes('/d/x.part'))
  }
})

test('where disks have other numbers by now, the part is still on the disk of its journal', async (t) => {
  for (const [moved, isFound] of [
    [{ part: 0n, journal: 0n }, true],
    [{ part: 1n, journal: 1n }, true],
    [{ part: 1n, journal: 0n }, false],
    [{ part: 0n, journal: 1n }, false],
    [{ part: 2n, journal: 1n }, false],
  ] as const) {
    const { disk, collect } = await made(t)
    const { ino } = await disk.lstat('/d/x.part')
    const renumber = (stats: FileStats): FileStats => {
      const dev = stats.dev + (stats.ino === ino ? moved.part : moved.journal)
      return Object.assign(Object.create(stats), { dev })
    }
    const [lstat, fstat] = [disk.lstat.bind(disk), disk.fstat.bind(disk)]
    disk.lstat = async (path) => renumber(await lstat(path))
    disk.fstat = async (fd) => renumber(await fstat(fd))
    await collect()
    t.is(disk.list().includes('/d/x.part'), !isFound, `${moved.part} ${moved.journal}`)
  }
})

test('in a journal that is a copy no inode says anything: nothing is removed for it, and that is said', async (t) => {
  const { disk, collect } = await made(t)
  const bytes = disk.snapshot().get(PATH)!
  disk.remove(PATH)
  disk.put(PATH, bytes)
  const [found] = await collect()
  t.like(found, { path: 'x.part', state: 'kept' })
  t.regex(
    found!.error!.message,
    /^x\.part is called a part by a journal that is a copy, or that somebody made up: remove it/,
  )
  disk.remove('/d/x.part')
  t.like(await collect(), [{ state: 'journal' }])
})

test('for a journal that somebody made up, as one in an archive, no file of the user is removed, whatever it says', async (t) => {
  const begin: JournalRecord = { kind: 'begin', n: 0, ...FILE, size: null, at: 0 }
  const released: JournalRecord = { kind: 'released', at: Number.MAX_SAFE_INTEGER }
  const forged = (disk: MemoryDisk): [JournalRecord, ...JournalRecord[]][] => {
    const { journal, part } = {
      journal: idOf(disk.sync!.lstat(PATH)),
      part: idOf(disk.sync!.lstat('/d/x.part')),
    }
    const owner = { ...OWNER, owner: DEAD } as typeof OWNER & { kind: 'owner' }
    return [
      [owner, begin],
      [owner, begin, { kind: 'made', n: 0, ...part, at: 0 }],
      [owner, { kind: 'run', n: 0, files: [['x', null, 1]], at: 0 }],
      [{ ...owner, journal: { ...journal, ino: `${journal.ino}1` } }, begin],
      [{ ...owner, journal: { ...journal, born: journal.born! - 1 } }, begin],
    ]
  }
  for (let n = 0; n < 5; n++) {
    const { disk, collect } = await leave(t)
    disk.put('/d/x.part', 'mine')
    const { ino } = disk.sync!.lstat(PATH)
    const [owner, ...others] = forged(disk)[n]!
    const fd = disk.sync!.open(PATH, OPEN.update)
    disk.sync!.write(fd, [encodeRecords([owner, ...others, released])], 0)
    disk.sync!.close(fd)
    t.is(disk.sync!.lstat(PATH).ino, ino)
    for (const dryRun of [true, false])
      t.like(await collect({ dryRun }), [{ path: 'x.part', state: 'kept' }], `${n}`)
    t.is(`${disk.snapshot().get('/d/x.part')}`, 'mine')
  }
})

test("what is not where a journal says that a part was stays nobody's part, although the journal stays", async (t) => {
  const { disk, collect } = await made(t, [
    { ...FILE, path: 'gone', part: 'gone.part' },
    { ...FILE, path: 'never', part: 'never.part' },
  ])
  disk.put('/d/gone.part', 'abc')
  const keep = ({ path }: { path: string }) => path === 'x'
  const { mtimeMs } = await disk.lstat(PATH)
  // where it cannot say so, it stays all the same
  disk.fail({ call: 'write', error: 'ENOSPC' })
  t.like(await collect({ keep }), [
    { state: 'kept' },
    { state: 'part' },
    { error: { code: 'ERR_DISK_FULL' } },
  ])
  t.true(hasJournal(disk))
  t.like(await collect({ keep }), [{ state: 'kept' }])
  const path = disk.list().find((there) => there.endsWith('.journal'))!
  t.is((await disk.lstat(path)).mtimeMs, mtimeMs)
  // names that another transfer gives to its files at once
  disk.put('/d/gone.part', 'of another')
  disk.put('/d/never.part', 'of another')
  t.like(await collect({ keep }), [{ state: 'kept', path: 'x.part' }])
  t.like(await collect(), [{ state: 'part', path: 'x.part' }, { state: 'journal' }])
  t.deepEqual(
    disk.list().filter((path) => path.startsWith('/d/') && path !== '/d/'),
    ['/d/gone.part', '/d/never.part'],
  )
})
