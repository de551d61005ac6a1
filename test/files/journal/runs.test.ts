import test, { type ExecutionContext } from 'ava'
import { collectLeftovers, Tree } from '../../../lib/files/index.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import {
  encodeRecords,
  type JournalRecord,
  RecordReader,
} from '../../../lib/files/journal/journal-records.js'
import { readJournal } from '../../../lib/files/journal/read-journal.js'
import { RunIds } from '../../../lib/files/journal/run-records.js'
import { type ProcessSystem, thisOwner } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { randomBySeed } from '../../../lib/testing/splits.js'
import { scale } from '../../helpers/scale.js'

// Files of a run stand in one record, and end in one.

const ID = 'ab'.repeat(16)
const PATH = `/d/.sluice/${ID}.journal`
/** No line is longer; the reader drops those that are. */
const LONGEST_LINE = 64 * 1024

/** A machine on which every other process is dead. */
const GRAVE: ProcessSystem = { pid: 1, hostname: () => 'h', read: () => undefined, isAlive: () => false }
const DEAD = { ...thisOwner(GRAVE), pid: 99 }
const OWNER: JournalRecord = { kind: 'owner', version: 1, transfer: ID, owner: DEAD }

const file = (path: string, target = path) => ({ path, size: 3, mtime: 1, target })

/** Announces files as a run. */
function begin(journal: Journal, files: readonly ReturnType<typeof file>[]): Promise<number> {
  const targets = files.map(({ target }) => target)
  return journal.beginRun(files, () => targets.shift()!)
}

async function setup(t: ExecutionContext) {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const tree = await Tree.open('/d', { fs: disk })
  t.teardown(() => tree.close())
  const journal = () => Journal.create(tree, ID, { durability: 'crash', owner: DEAD })
  const read = async () => (await readJournal(disk, PATH))!
  const unfinished = async () => (await read()).unfinished.map(({ path }) => path)
  const lines = () => disk.snapshot().get(PATH)!.toString().split('\n').slice(0, -1)
  return { disk, tree, journal, read, unfinished, lines }
}

test('files of a run are announced by one record, and end by one; those between stay', async (t) => {
  const { journal, read, unfinished, lines } = await setup(t)
  const open = await journal()
  t.is(await begin(open, [file('a'), file('d/b', 'd_1/b'), file('c')]), 0)
  t.is(await begin(open, [file('e')]), 3)
  t.is(lines().length, 3)
  t.like((await read()).unfinished, [
    { path: 'a', target: 'a', part: 'a.part' },
    { path: 'd/b', target: 'd_1/b', part: 'b.part', size: 3, mtime: 1 },
    { path: 'c', part: 'c.part' },
    { path: 'e', part: 'e.part' },
  ])
  await open.rename(1, 'b.1.part')
  t.is((await read()).unfinished[1]!.part, 'b.1.part')
  open.endRun(0, 1)
  open.endRun(2, 2)
  await open.flush()
  t.is(lines().length, 6)
  t.deepEqual(await unfinished(), ['d/b'])
  await open.close()
})

test('where all of a run ended the journal goes, and stays where one of it did not', async (t) => {
  for (const count of [2, 3]) {
    const { disk, journal } = await setup(t)
    const open = await journal()
    await begin(open, [file('a'), file('b'), file('c')])
    open.endRun(0, count)
    await open.finish()
    t.is(disk.snapshot().has(PATH), count < 3)
  }
})

test('the journal cut off at any byte knows each file of whose record all is there, and no other', async (t) => {
  const { disk, tree, journal, unfinished } = await setup(t)
  const open = await journal()
  await begin(
    open,
    Array.from({ length: 9 }, (_, i) => file(`a${i}`)),
  )
  open.endRun(2, 5)
  await open.flush()
  await begin(
    open,
    Array.from({ length: 4 }, (_, i) => file(`b${i}`)),
  )
  const whole = disk.snapshot().get(PATH)!
  const records = new RecordReader().push(whole)
  const ends = records.map((_, i) => encodeRecords(records.slice(0, i + 1)).length)
  const expected = ['a0 a1 a2 a3 a4 a5 a6 a7 a8', 'a0 a1 a7 a8', 'a0 a1 a7 a8 b0 b1 b2 b3']
  t.is(records.length, 4)
  for (let length = ends[0]!; length <= whole.length; length++) {
    const complete = ends.filter((end) => end <= length).length
    for (const tail of ['', '\0\0\0', 'x\n']) {
      disk.put(PATH, Buffer.concat([whole.subarray(0, length), Buffer.from(tail)]))
      // the line end is what completes a record: what comes instead of it tears the record
      t.is((await unfinished()).join(' '), expected[complete - 2] ?? '', `${length}, ${JSON.stringify(tail)}`)
    }
  }
  await open.close()
  await tree.close()
})

test('a record with a count, a number or a file that cannot be is dropped', (t) => {
  const run = { kind: 'run', n: 0, at: 1 } as const
  const wrong: unknown[] = [
    { kind: 'completed', n: 0, count: 65_537 },
    { kind: 'completed', n: 0, count: 2 ** 53 },
    { kind: 'completed', n: 0, count: -1 },
    { kind: 'completed', n: 0, count: 1.5 },
    { kind: 'completed', n: -1, count: 1 },
    { ...run, files: {} },
    { ...run, files: ['a'] },
    { ...run, files: [['a', 1]] },
    { ...run, files: [['a', 1, 1, 'b', 'c']] },
    { ...run, files: [['a', -1, 1]] },
    { ...run, files: [['a', 1, null]] },
    { ...run, files: [[1, 1, 1]] },
    { ...run, files: [['a', 1, 1, 2]] },
    { ...run, n: 2 ** 53, files: [] },
    { ...run, at: '1', files: [] },
  ]
  for (const record of wrong) {
    const reader = new RecordReader()
    t.deepEqual(reader.push(encodeRecords([record as JournalRecord])), [], JSON.stringify(record))
    t.is(reader.dropped, 1)
  }
})

test('a record that ends more files than began ends none', async (t) => {
  const { journal, unfinished } = await setup(t)
  const open = await journal()
  await begin(open, [file('a'), file('b')])
  open.endRun(0, 3)
  await open.flush()
  t.deepEqual(await unfinished(), ['a', 'b'])
  open.endRun(0, 2)
  await open.flush()
  t.deepEqual(await unfinished(), [])
  open.endRun(0, 2)
  await begin(open, [file('c')])
  t.deepEqual(await unfinished(), ['c'])
  await open.close()
})

test('ends that are claimed in thousands, over and over, cost no time, and end nothing that did not begin', async (t) => {
  const { disk, tree, read } = await setup(t)
  const few: JournalRecord = {
    kind: 'run',
    n: 0,
    files: [
      ['a', 1, 1],
      ['b', 1, 1],
    ],
    at: 1,
  }
  const claim = encodeRecords([{ kind: 'completed', n: 1_000_000, count: 65_536 }])
  const claims = Buffer.concat(Array.from({ length: 6000 }, () => claim))
  disk.putFolder('/d/.sluice', 0o700)
  disk.put(
    PATH,
    Buffer.concat([
      encodeRecords([OWNER, few]),
      claims,
      encodeRecords([{ kind: 'completed', n: 0, count: 2 }]),
    ]),
  )
  const began = performance.now()
  t.deepEqual((await read()).unfinished, [])
  // all of them carried out would be 400 million ends
  t.true(performance.now() - began < 5000)
  await tree.close()
})

test('no record of a run is longer than the reader takes, whatever the paths are', async (t) => {
  const random = randomBySeed(1)
  const letters = ['a', '\u0001', '"', 'ü', '漢', '😀']
  const pathOf = (bytes: number) => {
    const letter = letters[Math.floor(random() * letters.length)]!
    return letter.repeat(Math.max(1, Math.floor(bytes / Buffer.byteLength(letter))))
  }
  for (let round = 0; round < scale(30, 300); round++) {
    const { disk, tree, journal, read, lines } = await setup(t)
    const open = await journal()
    const files = Array.from({ length: 40 }, () => {
      const path = pathOf(random() < 0.3 ? 4096 : random() * 1500)
      return file(path, random() < 0.2 ? pathOf(4096) : path)
    })
    // one of the longest, and as many as find room beside it
    files.unshift(
      file('\u0001'.repeat(4096)),
      ...Array.from({ length: 80 }, () => file('\u0002'.repeat(100))),
    )
    await begin(open, files)
    for (const line of lines()) t.true(Buffer.byteLength(line) < LONGEST_LINE)
    t.deepEqual(
      (await read()).unfinished.map(({ path, target }) => ({ path, target })),
      files.map(({ path, target }) => ({ path, target })),
    )
    await open.close()
    await tree.close()
    t.deepEqual(disk.openHandles(), [])
  }
})

test('very many files cost few records, and few bytes each', async (t) => {
  const { disk, journal, read, lines } = await setup(t)
  const open = await journal()
  const [runs, run] = [scale(200, 2000), 500]
  for (let i = 0; i < runs; i++) {
    const first = await begin(
      open,
      Array.from({ length: run }, (_, k) => file(`folder ${i}/file ${k}`)),
    )
    // one in each run does not end
    open.endRun(first, run - 1)
  }
  await open.flush()
  const { length } = disk.snapshot().get(PATH)!
  t.true(length < runs * run * 50, `${length} bytes`)
  t.true(lines().length < runs * 6, `${lines().length} records`)
  t.is((await read()).unfinished.length, runs)
  await open.close()
})

test('of a run whose owner died the parts are removed, and nothing that only looks like one', async (t) => {
  const { disk, tree, journal } = await setup(t)
  const open = await journal()
  disk.putFolder('/d/d_1')
  await begin(open, [
    file('a'),
    file('published'),
    file('d/b', 'd_1/b'),
    file('linked'),
    file('large'),
    file('never'),
  ])
  open.endRun(1, 1)
  await open.flush()
  disk.put('/d/a.part', 'abc')
  disk.put('/d/published', 'abc')
  disk.put('/d/published.part', 'of the user')
  disk.put('/d/d_1/b.part', 'a')
  disk.put('/d/linked.part', 'abc')
  await disk.link('/d/linked.part', '/d/linked')
  disk.put('/d/large.part', 'longer than it can be')
  const found = await collectLeftovers(tree, { system: GRAVE })
  t.deepEqual(found.map(({ path, state }) => `${path} ${state}`).sort(), [
    `.sluice/${ID}.journal journal`,
    'a.part part',
    'd_1/b.part part',
    'linked.part published',
  ])
  t.deepEqual(disk.list(), [
    '/d/',
    '/d/d_1/',
    '/d/large.part',
    '/d/linked',
    '/d/published',
    '/d/published.part',
  ])
  await open.close().catch(() => {})
})

test('of a run whose owner died before it could say which files they are: a part has the time of the file, or of its last write', async (t) => {
  const { disk, tree, journal } = await setup(t)
  const open = await journal()
  await begin(open, [file('done'), file('torn'), file('older'), file('other')])
  const times: [string, string, number | undefined][] = [
    ['done', 'abc', 1],
    ['torn', 'a', undefined],
    // moved here, or published by another transfer, with a time of its own
    ['older', 'a', 1e9],
    ['other', 'abc', 1e9],
  ]
  for (const [name, content, time] of times) {
    disk.put(`/d/${name}.part`, content)
    if (time === undefined) continue
    const fd = await disk.open(`/d/${name}.part`, 2)
    await disk.futimes(fd, time / 1000, time / 1000)
    await disk.close(fd)
  }
  const found = await collectLeftovers(tree, { system: GRAVE })
  t.deepEqual(found.map(({ path, state }) => `${path} ${state}`).sort(), [
    'done.part part',
    'other.part kept',
    'torn.part part',
  ])
  t.true(disk.list().includes('/d/older.part'))
  await open.close().catch(() => {})
})

test('which files the parts of a run are stands in few bytes, at no call more, with 64 bits', async (t) => {
  const { disk, journal, read, lines } = await setup(t)
  const open = await journal()
  await begin(
    open,
    Array.from({ length: 10 }, (_, i) => file(`f${i}`)),
  )
  const ids = new RunIds()
  const high = 2n ** 64n - 8n
  const inodes = [7n, 8n, 9n, 10n, 3n, high, high + 1n, undefined, 5n, 6n]
  const calls = disk.calls
  for (const [n, ino] of inodes.entries()) if (ino !== undefined) ids.add(n, { dev: n === 9 ? 2n : 1n, ino })
  open.madeRun(ids)
  t.is(disk.calls, calls)
  open.endRun(1, 1)
  await open.flush()
  t.is(disk.calls, calls + 1)
  t.deepEqual(
    (await read()).unfinished.map(({ n, made }) => [n, made]),
    inodes.flatMap((ino, n) => {
      if (n === 1) return []
      return [[n, ino === undefined ? undefined : { dev: n === 9 ? '2' : '1', ino: String(ino) }]]
    }),
  )
  const [first] = lines().filter((line) => line.includes('"ids"'))
  t.regex(first!, /\{"kind":"ids","n":0,"dev":"1","ino":"7","steps":\[\[1,3\],\[-7,1\]\],"at":\d+\}$/)
  await open.close()
})

test('a run says by when its parts were made: a power cut may take the time of the journal back, but not what it says', async (t) => {
  const { tree, read } = await setup(t)
  const clock = new FakeClock()
  const open = await Journal.create(tree, ID, { durability: 'crash', owner: DEAD, clock })
  await begin(open, [file('a'), file('b')])
  const { until } = await read()
  clock.advance(1000)
  const ids = new RunIds()
  for (const n of [0, 1]) ids.add(n, { dev: 1n, ino: BigInt(n) })
  open.madeRun(ids)
  await open.flush()
  t.is((await read()).until, until + 1000)
  await open.close()
})

test('very many inodes in no order are said in lines that the reader takes', async (t) => {
  const { journal, read } = await setup(t)
  const open = await journal()
  const many = 5000
  await begin(
    open,
    Array.from({ length: many }, (_, i) => file(`${i}`)),
  )
  const ids = new RunIds()
  const inodeOf = (n: number) => BigInt(n % 2 === 0 ? n : Number.MAX_SAFE_INTEGER - n)
  for (let n = 0; n < many; n++) ids.add(n, { dev: 1n, ino: inodeOf(n) })
  open.madeRun(ids)
  await open.flush()
  t.true((await read()).unfinished.every(({ n, made }) => made?.ino === String(inodeOf(n))))
  await open.close()
})

test('a file that has the name of a part of a run by now is not taken for it', async (t) => {
  const { disk, tree, journal } = await setup(t)
  const open = await journal()
  await begin(open, [file('mine'), file('part')])
  const ids = new RunIds()
  for (const [n, name] of ['mine', 'part'].entries()) {
    disk.put(`/d/${name}.part`, 'abc')
    ids.add(n, await disk.lstat(`/d/${name}.part`))
  }
  open.madeRun(ids)
  await open.flush()
  disk.remove('/d/mine.part')
  disk.put('/d/mine.part', 'abc')
  const found = await collectLeftovers(tree, { system: GRAVE })
  t.deepEqual(found.map(({ path, state }) => `${path} ${state}`).sort(), [
    `.sluice/${ID}.journal journal`,
    'part.part part',
  ])
  t.is(disk.snapshot().get('/d/mine.part')!.toString(), 'abc')
  await open.close().catch(() => {})
})

test('a record that knows more files than began knows none, and costs no time', async (t) => {
  const { disk, read } = await setup(t)
  const run: JournalRecord = {
    kind: 'run',
    n: 0,
    files: [
      ['a', 1, 1],
      ['b', 1, 1],
    ],
    at: 1,
  }
  const idsOf = (count: number): JournalRecord => ({
    kind: 'ids',
    n: 0,
    dev: '1',
    ino: '5',
    steps: [[1, count]],
    at: 1,
  })
  const far = { kind: 'ids', n: 0, dev: '1', ino: 'x', steps: [], at: 1 }
  disk.putFolder('/d/.sluice', 0o700)
  for (const [count, known] of [
    [Number.MAX_SAFE_INTEGER, undefined],
    [2, undefined],
    [1, ['5', '6']],
  ] as const) {
    disk.put(PATH, encodeRecords([OWNER, run, idsOf(count), far as JournalRecord]))
    t.deepEqual(
      (await read()).unfinished.map(({ made }) => made?.ino),
      known ? [...known] : [undefined, undefined],
    )
  }
})

test('a run with paths that lead out of the folder removes nothing there', async (t) => {
  const { disk, tree, journal } = await setup(t)
  const open = await journal()
  await begin(open, [file('../outside'), file('/d/a'), file('a/../a'), file('a', '../outside')])
  for (const path of ['/outside.part', '/d/a.part']) disk.put(path, 'abc')
  disk.putFolder('/d/a')
  const before = disk.list()
  for (const { state } of await collectLeftovers(tree, { system: GRAVE })) t.is(state, 'kept')
  t.deepEqual(
    disk.list().filter((path) => !path.includes('.sluice')),
    before.filter((path) => !path.includes('.sluice')),
  )
  await open.close().catch(() => {})
})
