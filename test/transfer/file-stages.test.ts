import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../lib/errors.js'
import { receive } from '../../lib/receive.js'
import { send } from '../../lib/send.js'
import type { Cut, Item, SentDigest } from '../../lib/stages/items.js'
import { plant, temporary } from '../helpers/folders.js'
import { connection } from '../helpers/sockets.js'

type Change<T> = (one: T) => T | undefined

/** A file stage that changes cuts, and what the sender says; what becomes undefined does not pass. */
function stage(cut: Change<Cut>, digest: Change<SentDigest> = (one) => one): () => Transform {
  const changed = (item: Item): Item => {
    if (item.kind === 'run') return { ...item, cuts: item.cuts.flatMap((one) => cut(one) ?? []) }
    if (item.kind === 'digests') return { ...item, digests: item.digests.flatMap((one) => digest(one) ?? []) }
    return item
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
async function through(t: ExecutionContext<unknown>, file: () => Transform) {
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
  const [sent, received] = (await Promise.all(results)).map((end) =>
    end instanceof SluiceError ? (end.outcomes ?? end.code) : end,
  )
  t.deepEqual(sent, received)
  return { ends: sent, read: (path: string) => readFile(join(dir, path), 'latin1') }
}

const isProgram = ({ entry }: { entry: { path: string } }) => entry.path.endsWith('.exe')
const published = (path: string) => ({ path, status: 'published' })
const skipped = (path: string) => ({ path, status: 'skipped', code: 'ERR_SKIPPED' })

const FILTERS = {
  'the cuts': stage((cut) => (isProgram(cut) ? undefined : cut)),
  'the cuts and the digests': stage(
    (cut) => (isProgram(cut) ? undefined : cut),
    (digest) => (isProgram(digest) ? undefined : digest),
  ),
}
for (const [what, filter] of Object.entries(FILTERS)) {
  test(`an entry of which a file stage takes ${what} away is skipped, and only that one`, async (t) => {
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

test('a file that a file stage refuses fails alone, with the code of the stage', async (t) => {
  const refuse = stage(
    (cut) => (isProgram(cut) ? undefined : cut),
    (digest) => (isProgram(digest) ? { entry: digest.entry, failure: 'ERR_PERMISSION' } : digest),
  )
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

test('a file stage may refuse a file of which it let a part pass', async (t) => {
  const source = await plant(await temporary(t), { 't/a': 'a', 't/b': randomBytes(3_000_000), 't/c': 'c' })
  const dir = await temporary(t)
  let passed = 0
  const refuse = () =>
    new Transform({
      objectMode: true,
      highWaterMark: 1,
      transform(item: Item, _encoding, done) {
        if (item.kind !== 'run') return done(null, item)
        const isLarge = ({ entry }: Cut) => entry.path === 't/b'
        const large = item.cuts.find(isLarge)
        if (large && ++passed > 1) {
          if (passed === 2)
            this.push({ kind: 'digests', digests: [{ entry: large.entry, failure: 'ERR_PERMISSION' }] })
          return done(null, { ...item, cuts: item.cuts.filter((cut) => !isLarge(cut)) })
        }
        done(null, item)
      },
    })
  const [near, far] = await connection(t)
  const receiving = receive(far, { dir, accept: 'all', stages: { file: [refuse] } })
  const sending = send(near, [join(source, 't')])
  for (const { finished } of [receiving, sending]) {
    const { outcomes } = (await t.throwsAsync<SluiceError>(finished, { code: 'ERR_FILES_FAILED' }))!
    t.deepEqual(outcomes, [
      published('t'),
      published('t/a'),
      { path: 't/b', status: 'failed', code: 'ERR_PERMISSION' },
      published('t/c'),
    ])
  }
  t.true(passed > 2)
  t.deepEqual((await readdir(join(dir, 't'))).sort(), ['a', 'c'])
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
