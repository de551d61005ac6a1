import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { Transform as Streamx } from 'streamx'
import { type Code, SluiceError } from '../../lib/errors.js'
import { receive } from '../../lib/receive.js'
import { send } from '../../lib/send.js'
import { manifestOfEntries } from '../../lib/stages/manifest/manifest-from.js'
import { type CutChange, mapCuts } from '../../lib/stages/map-cuts.js'
import type { DigestsItem, Item } from '../../lib/stages/river/items.js'
import { memoryParts } from '../../lib/stores/memory-parts.js'
import { memorySources } from '../../lib/stores/memory-sources.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import type { Entry } from '../../lib/wire/entry.js'
import { type Outcome, type TransferResult, told } from '../../lib/wire/outcome.js'
import { type Cut, cutsOf, runOf } from '../../lib/wire/run.js'
import { plant, temporary } from '../helpers/folders.js'
import { connection } from '../helpers/sockets.js'

/** A file stage of a user's own: gives other cuts, and says of a file what the code is with which it fails. */
function stage(
  change: (cut: Cut) => Cut | undefined,
  refuse: (path: string) => Code | undefined = () => undefined,
) {
  let entries: readonly Entry[] = []
  const failing = (item: DigestsItem): DigestsItem => {
    const failures = new Map(item.failures)
    const bytes = Buffer.from(item.bytes)
    const slot = bytes.length / item.count
    for (let index = item.first; index < item.first + item.count; index++) {
      const code = refuse(entries[index]!.path)
      if (code === undefined || entries[index]!.type !== 'file') continue
      failures.set(index, code)
      bytes.fill(0, (index - item.first) * slot, (index - item.first + 1) * slot)
    }
    return { ...item, bytes, failures }
  }
  const changed = (item: Item): Item => {
    if (item.kind === 'offer') ({ entries } = item.offer)
    if (item.kind === 'run')
      return runOf(
        item,
        Array.from(cutsOf(item), change).filter((cut) => cut !== undefined),
      )
    return item.kind === 'digests' ? failing(item) : item
  }
  return () =>
    new Transform({
      objectMode: true,
      highWaterMark: 1,
      transform: (item: Item, _encoding, done) => done(null, changed(item)),
    })
}

test('what stands there is compared with what a file stage made, and not with what was sent', async (t) => {
  const source = await plant(await temporary(t), { a: 'abcdef' })
  const dir = await plant(await temporary(t), { a: 'abcdef' })
  const upper = stage((cut) => ({ ...cut, bytes: Buffer.from(cut.bytes.toString().toUpperCase()) }))
  const move = async () => {
    const [near, far] = await connection(t)
    const { finished } = receive(far, {
      dir,
      accept: 'all',
      conflict: 'overwrite',
      stages: { file: [upper] },
    })
    await send(near, [join(source, 'a')]).finished
    const { files } = await finished
    return [files[0]?.status, await readFile(join(dir, 'a'), 'utf8')]
  }
  t.deepEqual(await move(), ['published', 'ABCDEF'])
  t.deepEqual(await move(), ['skipped', 'ABCDEF'])
})

/** Sends three files and a folder through the stage. */
async function through(t: ExecutionContext<unknown>, file: () => Transform, isEqual = true) {
  const source = await plant(await temporary(t), {
    't/a.txt': 'a'.repeat(100),
    't/b.exe': 'b'.repeat(100),
    't/c.txt': 'c'.repeat(100),
    't/empty.exe': '',
  })
  const dir = await temporary(t)
  const [near, far] = await connection(t)
  const receiving = receive(far, { dir, accept: 'all', stages: { file: [file] } })
  const sending = send(near, [join(source, 't')])
  const results = [sending, receiving].map(({ finished }) =>
    finished.then(
      ({ files }) => files,
      (error: SluiceError) => error,
    ),
  )
  const settled = await Promise.all(results)
  const [sent, received] = settled.map((end) =>
    end instanceof SluiceError ? ((end.outcomes as Outcome[])?.map(told) ?? end.code) : end.map(told),
  )
  if (isEqual) t.deepEqual(sent, received)
  return { ends: sent!, settled, read: (path: string) => readFile(join(dir, path), 'latin1') }
}

const isProgram = ({ entry }: { entry: { path: string } }) => entry.path.endsWith('.exe')
const published = (path: string) => ({ path, status: 'published' })
const skipped = (path: string) => ({ path, status: 'skipped', code: 'ERR_SKIPPED' })

const drop = (cut: Cut) => (isProgram(cut) ? undefined : cut)
const FILTERS = {
  'a stage of its own': stage(drop),
  mapCuts: () => mapCuts(drop),
  'mapCuts that takes its time': () => mapCuts((cut) => setImmediate(drop(cut))),
}
for (const [what, filter] of Object.entries(FILTERS)) {
  test(`an entry that a file stage takes away is skipped, and only that one: by ${what}`, async (t) => {
    const { ends, read } = await through(t, filter)
    t.deepEqual(ends, [
      published('t'),
      published('t/a.txt'),
      skipped('t/b.exe'),
      published('t/c.txt'),
      skipped('t/empty.exe'),
    ])
    await t.throwsAsync(read('t/b.exe'), { code: 'ENOENT' })
  })
}

const FOUND = 'found \u202eexe.\u001b[2J'
const CAUSE = new Error('/srv/scanner/signatures is not there')
const WORDS: [what: string, error: SluiceError, code: string, here: RegExp, there: RegExp][] = [
  [
    'a code of its own and a text',
    new SluiceError('APP_VIRUS', FOUND),
    'APP_VIRUS',
    /^2 of 5 .*: t\/b\.exe: found/,
    /^2 of 5 .*: t\/b\.exe: the receiver says: found \\u\{202e\}exe\.\\u\{1b\}\[2J$/,
  ],
  [
    'a code of ours and a text',
    new SluiceError('ERR_PERMISSION', 'no programs'),
    'ERR_PERMISSION',
    /t\/b\.exe: no programs$/,
    /t\/b\.exe: the receiver says: no programs$/,
  ],
  [
    'a text without an end',
    new SluiceError('APP_LONG', 'ä'.repeat(1 << 20)),
    'APP_LONG',
    /: ä+$/,
    /the receiver says: ä{512}$/,
  ],
  [
    'a code that is no failure',
    new SluiceError('ERR_CANCELLED', 'no'),
    'ERR_CANCELLED',
    /: no$/,
    /the receiver says: no$/,
  ],
  [
    'the error of another library below',
    new SluiceError('APP_BROKEN', `cannot scan: ${CAUSE.message}`, { cause: CAUSE }),
    'APP_BROKEN',
    /signatures/,
    /: t\/b\.exe: a stage or a store of the other program refused it$/,
  ],
]
for (const [what, error, code, here, there] of WORDS)
  test(`both sides learn why a file stage refused a file, and the sender is not blamed: ${what}`, async (t) => {
    const { settled } = await through(t, () => mapCuts((cut) => (isProgram(cut) ? error : cut)), false)
    const [sent, received] = settled as SluiceError[]
    t.regex(received!.message, here)
    t.regex(sent!.message, there)
    const [kept] = (received!.outcomes as Outcome[]).filter(({ status }) => status === 'failed')
    t.is(kept!.error, error)
    t.is(kept!.code, code as Code)
    const [told] = (sent!.outcomes as Outcome[]).filter(({ status }) => status === 'failed')
    // the failure of a file is none of a transfer
    t.is(told!.code, code === 'ERR_CANCELLED' ? 'ERR_PEER' : (code as Code))
    t.true(told!.error === undefined || told!.error.code === told!.code)
  })

const no = new SluiceError('ERR_PERMISSION', 'no programs')
const REFUSALS: Record<string, () => Transform> = {
  'a stage of its own': stage(drop, (path) => (path.endsWith('.exe') ? 'ERR_PERMISSION' : undefined)),
  mapCuts: () => mapCuts((cut) => (isProgram(cut) ? no : cut)),
}
for (const [what, refuse] of Object.entries(REFUSALS)) {
  test(`a file that a file stage refuses fails alone, with the code of the stage: by ${what}`, async (t) => {
    const { ends } = await through(t, refuse)
    const failed = (path: string) => ({ path, status: 'failed', code: 'ERR_PERMISSION' })
    t.deepEqual(ends, [
      published('t'),
      published('t/a.txt'),
      failed('t/b.exe'),
      published('t/c.txt'),
      failed('t/empty.exe'),
    ])
  })
}

/** Lets the first cut of `t/b` pass, and no other; says so once. */
function refusingLater(): Transform {
  let passed = 0
  return new Transform({
    objectMode: true,
    highWaterMark: 1,
    transform(item: Item, _encoding, done) {
      if (item.kind !== 'run') return done(null, item)
      const cuts: Cut[] = []
      for (const cut of cutsOf(item)) {
        const { index, path } = cut.entry
        if (path !== 't/b' || ++passed === 1) cuts.push(cut)
        else if (passed === 2) {
          const failures = new Map([[index, 'ERR_PERMISSION' as const]])
          this.push({ kind: 'digests', first: index, count: 1, bytes: Buffer.alloc(32), failures })
        }
      }
      done(null, runOf(item, cuts))
    },
  })
}

const LATER: Record<string, () => Transform> = {
  'a stage of its own': refusingLater,
  mapCuts: () => mapCuts((cut) => (cut.entry.path === 't/b' && cut.offset > 0 ? no : cut)),
}
for (const [what, refuse] of Object.entries(LATER)) {
  test(`a file stage may refuse a file of which it let a part pass: by ${what}`, async (t) => {
    const source = await plant(await temporary(t), { 't/a': 'a', 't/b': randomBytes(3_000_000), 't/c': 'c' })
    const dir = await temporary(t)
    const [near, far] = await connection(t)
    const receiving = receive(far, { dir, accept: 'all', stages: { file: [refuse] } })
    const sending = send(near, [join(source, 't')])
    for (const { finished } of [receiving, sending]) {
      const { outcomes } = (await t.throwsAsync<SluiceError>(finished, { code: 'ERR_FILES_FAILED' }))!
      t.deepEqual((outcomes as Outcome[]).map(told), [
        published('t'),
        published('t/a'),
        { path: 't/b', status: 'failed', code: 'ERR_PERMISSION' },
        published('t/c'),
      ])
    }
    t.deepEqual((await readdir(join(dir, 't'))).sort(), ['a', 'c'])
  })
}

test('mapCuts may give several cuts for one, and none of a run', async (t) => {
  const halves = ({ entry, offset, bytes, last }: Cut): CutChange => {
    if (entry.type !== 'file') return undefined
    const half = bytes.length >> 1
    return [
      { entry, offset, bytes: bytes.subarray(0, half), last: false },
      { entry, offset: offset + half, bytes: bytes.subarray(half), last },
    ]
  }
  const { ends, read } = await through(t, () => mapCuts(halves))
  t.deepEqual(ends, [
    skipped('t'),
    published('t/a.txt'),
    published('t/b.exe'),
    published('t/c.txt'),
    published('t/empty.exe'),
  ])
  t.is(await read('t/b.exe'), 'b'.repeat(100))
})

test('what the function of mapCuts throws ends the transfer, and it takes a function only', async (t) => {
  const { ends } = await through(t, () =>
    mapCuts(() => {
      throw new TypeError('scanner')
    }),
  )
  t.is(ends as unknown, 'ERR_DESTROYED')
  t.throws(() => mapCuts({} as () => undefined), { code: 'ERR_USAGE', message: /^change must/ })
})

const NO_ITEMS: Record<string, [give: (item: Item) => unknown, says: RegExp]> = {
  texts: [() => 'x', /gives "x", which is no item: a file stage gives the items that it was given,/],
  bytes: [() => Buffer.from('x'), /gives a Buffer of 1 byte, which is no item/],
  'a number that is false': [() => 0, /gives 0, which is no item/],
  lists: [(item) => [item], /gives a list, which is no item/],
  'cuts where runs flow': [
    (item) => (item.kind === 'run' ? cutsOf(item).next().value : item),
    /gives an object, which is no item/,
  ],
  'another kind': [
    () => ({ kind: 'nonsense' }),
    /gives an item of the kind "nonsense", which does not belong/,
  ],
  'a misspelt kind': [
    (item) => (item.kind === 'run' ? { ...item, kind: 'runs' } : item),
    /gives an item of the kind "runs", which does not belong/,
  ],
  'a run of nothing': [
    (item) => (item.kind === 'run' ? { kind: 'run', first: 0, last: 0 } : item),
    /gives an item of the kind "run" without position, length, buffers, entries, offset, ends:/,
  ],
  'no offer': [(item) => (item.kind === 'offer' ? undefined : item), /of the kind "run" before an offer/],
}
for (const [what, [give, says]] of Object.entries(NO_ITEMS))
  test(`a file stage that gives ${what} is named, and told what it has to give`, async (t) => {
    class Scanner extends Transform {}
    const scanner = () =>
      new Scanner({ objectMode: true, transform: (item: Item, _encoding, done) => done(null, give(item)) })
    const makers = {
      Scanner: scanner,
      Transform: () => new Streamx({ transform: (item, done) => done(null, give(item as Item)) }),
    }
    for (const [name, make] of Object.entries(makers)) {
      const [near, far] = duplexPair()
      const sources = memorySources(new Map([['a', 'content']]))
      const file = [() => mapCuts((cut) => cut), make, () => mapCuts((cut) => cut)]
      const receiving = receive(far, { store: memoryParts(), accept: 'all', stages: { file } })
      const sending = send(near, manifestOfEntries(sources.entries, sources, { name: 'x' }))
      sending.finished.catch(() => {})
      const error = await t.throwsAsync<SluiceError>(receiving.finished, {
        code: 'ERR_DESTROYED',
        message: says,
      })
      t.true(error.message.startsWith(`${name} of stages.file[1] gives `), error.message)
      await t.throwsAsync(sending.finished, { message: 'the peer says: a stage of the transfer stopped' })
    }
  })

test('a file stage that keeps the end to itself does not hold a transfer for ever', async (t) => {
  const keeps = () =>
    new Transform({
      objectMode: true,
      highWaterMark: 1,
      transform: (item: Item, _encoding, done) => (item.kind === 'end' ? done() : done(null, item)),
    })
  const { ends } = await through(t, keeps)
  t.is(ends.length, 5)
  t.true((ends as Outcome[]).every(({ status }) => status === 'published'))
})

test('a file stage that ends early, or is destroyed, fails the transfer', async (t) => {
  const ends: Record<string, (stage: Transform) => void> = {
    ends: (stage) => stage.push(null),
    'is destroyed': (stage) => stage.destroy(),
    fails: (stage) => stage.destroy(new SluiceError('ERR_FILES_FAILED', 'a code of another stage')),
  }
  for (const [what, end] of Object.entries(ends)) {
    const early = () =>
      new Transform({
        objectMode: true,
        highWaterMark: 1,
        transform(item: Item, _encoding, done) {
          if (item.kind !== 'run') return done(null, item)
          end(this)
          done()
        },
      })
    const { ends: codes } = await through(t, early, false)
    t.is(typeof codes, 'string', `${what}: ${JSON.stringify(codes)}`)
  }
})

test('both sides hear of the name that a file stage gave', async (t) => {
  const rename = stage((cut) => ({
    ...cut,
    entry: { ...cut.entry, path: cut.entry.path.replace('.txt', '.md') },
  }))
  const { ends, read } = await through(t, rename)
  t.deepEqual(ends, [
    published('t'),
    { ...published('t/a.txt'), name: 't/a.md' },
    published('t/b.exe'),
    { ...published('t/c.txt'), name: 't/c.md' },
    published('t/empty.exe'),
  ])
  t.is(await read('t/a.md'), 'a'.repeat(100))
})

const shorter = (cut: Cut) => ({ ...cut, bytes: cut.bytes.subarray(0, 10) })
test('a file that a file stage makes shorter without saying so is not published', async (t) => {
  const { ends, read } = await through(
    t,
    stage((cut) => (isProgram(cut) ? shorter(cut) : cut)),
  )
  t.like(ends, { 2: { path: 't/b.exe', status: 'failed', code: 'ERR_DIGEST' } })
  t.is(await read('t/a.txt'), 'a'.repeat(100))
  await t.throwsAsync(read('t/b.exe'), { code: 'ENOENT' })
})

for (const size of [10, null]) {
  test(`a file stage converts content when the entry says so: ${size} bytes`, async (t) => {
    const convert = stage((cut) =>
      cut.entry.path === 't/b.exe' ? { ...shorter(cut), entry: { ...cut.entry, size } } : cut,
    )
    const { ends, read } = await through(t, convert)
    t.like(ends, { 2: { path: 't/b.exe', status: 'published' } })
    t.is(await read('t/b.exe'), 'b'.repeat(10))
  })
}

test('a file of which a stage drops the end fails with that as the reason, and nobody else is blamed', async (t) => {
  const firstHalf = (cut: Cut): Cut =>
    isProgram(cut) ? { ...cut, bytes: cut.bytes.subarray(0, 50), last: false } : cut
  const { settled } = await through(t, () => mapCuts(firstHalf), false)
  for (const error of settled as SluiceError[])
    t.regex(error.message, /t\/b\.exe: a file stage left less of it/)
})

const COLLIDING: Record<string, [path: string, content: string | null][]> = {
  'small files': [
    ['A.txt', 'first'],
    ['a.txt', 'second'],
    ['aa', 'other'],
  ],
  'large files': [
    ['A', 'first'.repeat(500_000)],
    ['a', 'second'.repeat(500_000)],
  ],
  'four of one name': [
    ['AA', '1'],
    ['Aa', '2'],
    ['aA', '3'],
    ['aa', '4'],
  ],
  'files of folders that become one': [
    ['D', null],
    ['D/x', '1'],
    ['d', null],
    ['d/X', '2'],
  ],
  'a file and a folder': [
    ['X', 'file'],
    ['x', null],
    ['x/y', 'in'],
  ],
}
const lower = () =>
  mapCuts((cut) => ({ ...cut, entry: { ...cut.entry, path: cut.entry.path.toLowerCase() } }))

for (const [what, content] of Object.entries(COLLIDING))
  for (const conflict of ['rename', 'overwrite', 'replace', 'skip', 'fail'] as const)
    test(`names that a stage makes one lose no file that counts as published: ${what}, ${conflict}`, async (t) => {
      const sources = memorySources(new Map(content))
      const manifest = () => manifestOfEntries(sources.entries, sources, { name: 'test' })
      const store = memoryParts()
      const dir = await temporary(t)
      const placed = new Map<string, (name: string) => Promise<string | undefined>>([
        ['disk', (name) => readFile(join(dir, name), 'utf8').catch(() => undefined)],
        ['memory', async (name) => store.files.get(name)?.bytes.toString()],
      ])
      for (const [where, read] of placed) {
        const [near, far] = duplexPair()
        const place = where === 'disk' ? { dir } : { store }
        const { finished } = receive(far, { ...place, accept: 'all', conflict, stages: { file: [lower] } })
        const outcomes = (result: PromiseSettledResult<TransferResult>) =>
          result.status === 'fulfilled' ? result.value.files : (result.reason.outcomes as readonly Outcome[])
        const [, received] = await Promise.allSettled([send(near, manifest()).finished, finished])
        const names = new Set<string>()
        for (const { entry, status, name = entry.path } of outcomes(received)) {
          if (entry.type !== 'file' || status !== 'published') continue
          t.false(names.has(name), 'two files have one name')
          names.add(name)
          t.is(await read(name), new Map(content).get(entry.path)!, `${where}: ${entry.path} is ${name}`)
        }
        t.true(names.size >= 1)
        if (conflict !== 'skip' && conflict !== 'fail')
          t.is(names.size, content.filter(([, text]) => text !== null).length)
      }
    })

for (const [what, tree] of Object.entries({
  'a file': { a: 'abc', b: 'abc' },
  'a folder': { in: null },
} as Record<string, Record<string, string | null>>))
  test(`a stage that passes ${what} twice is to blame, and not the sender`, async (t) => {
    const twice = () =>
      new Transform({
        objectMode: true,
        highWaterMark: 1,
        transform(item: Item, _encoding, done) {
          this.push(item)
          done(null, item.kind === 'run' ? item : undefined)
        },
      })
    const [near, far] = duplexPair()
    const sources = memorySources(new Map(Object.entries(tree)))
    const receiving = receive(far, { store: memoryParts(), accept: 'all', stages: { file: [twice] } })
    const sending = send(near, manifestOfEntries(sources.entries, sources, { name: 'x' }))
    const blamed = { code: 'ERR_DESTROYED', message: /^\S+ came twice: a file stage has passed it on twice$/ }
    await t.throwsAsync(receiving.finished, blamed)
    await t.throwsAsync(sending.finished, { code: 'ERR_DESTROYED', message: /^the peer says: a stage / })
  })
