import test, { type ExecutionContext } from 'ava'
import {
  type MemoryParts,
  memoryParts,
  type Outcome,
  type ReceiveOptions,
  receive,
  type SluiceError,
  send,
} from '../../lib/index.js'
import { claimed, complete, entriesOf } from '../helpers/claims-scene.js'
import { type Contents, manifestOfContents, TIME } from '../helpers/contents.js'
import { arrivingOf } from '../helpers/items.js'
import { receiveItems } from '../helpers/river.js'
import { connection } from '../helpers/sockets.js'

/** Receives into the store over a socket; gives what became of each entry. */
async function arrive(
  t: ExecutionContext,
  store: MemoryParts,
  contents: Contents,
  options: Partial<ReceiveOptions> = {},
) {
  const [near, far] = await connection(t)
  const received = receive(far, { store, accept: 'all', ...options }).finished
  await Promise.allSettled([send(near, manifestOfContents(contents)).finished])
  const files = await received.then(
    (result) => result.files,
    (error: SluiceError) => error.outcomes as Outcome[],
  )
  return Object.fromEntries(
    files.map(({ path, status, name, reason, code }) => [
      path,
      [status, name && `as ${name}`, reason, code].filter(Boolean).join(' '),
    ]),
  )
}

const put = (store: MemoryParts, path: string, content: string, mtime = TIME) =>
  store.files.set(path, { bytes: Buffer.from(content), mode: 0o600, mtime })

const texts = ({ files }: MemoryParts) =>
  Object.fromEntries([...files].map(([path, { bytes }]) => [path, bytes.toString()]))

test('files, folders and links arrive in memory with mode and time', async (t) => {
  const store = memoryParts()
  const contents = { docs: null, 'docs/a.txt': 'hello', 'docs/empty': '', link: { target: 'docs/a.txt' } }
  t.deepEqual(await arrive(t, store, contents, { symlinks: 'keep' }), {
    docs: 'published',
    'docs/a.txt': 'published',
    'docs/empty': 'published',
    link: 'published',
  })
  const common = { mode: 0o640, mtime: TIME }
  t.deepEqual(Object.fromEntries(store.files), {
    'docs/a.txt': { bytes: Buffer.from('hello'), ...common },
    'docs/empty': { bytes: Buffer.alloc(0), ...common },
  })
  t.deepEqual(Object.fromEntries(store.folders), { docs: { mode: 0o750, mtime: TIME } })
  t.deepEqual(Object.fromEntries(store.links), { link: 'docs/a.txt' })
})

test('a store may be used for one transfer after the other, and a folder that stood there keeps its mode', async (t) => {
  const store = memoryParts()
  store.folders.set('docs', { mode: 0o700, mtime: 0 })
  await arrive(t, store, { docs: null, 'docs/a': 'a' })
  const outcomes = await arrive(t, store, { docs: null, 'docs/b': 'b', other: null })
  t.deepEqual(outcomes, { docs: 'skipped identical', 'docs/b': 'published', other: 'published' })
  t.deepEqual(texts(store), { 'docs/a': 'a', 'docs/b': 'b' })
  t.deepEqual(store.folders.get('docs'), { mode: 0o700, mtime: TIME })
  t.deepEqual(store.folders.get('other'), { mode: 0o750, mtime: TIME })
})

test('a name that is taken gets a suffix before its ending', async (t) => {
  const store = memoryParts()
  put(store, 'a.tar.gz', 'old')
  put(store, 'a_1.tar.gz', 'old, too')
  t.deepEqual(await arrive(t, store, { 'a.tar.gz': 'new' }), { 'a.tar.gz': 'published as a_2.tar.gz' })
  t.is(texts(store)['a_2.tar.gz'], 'new')
})

test('the same content is not stored twice, also not under a suffix', async (t) => {
  const store = memoryParts()
  put(store, 'a', 'old')
  put(store, 'a_1', 'new')
  t.deepEqual(await arrive(t, store, { a: 'new' }), { a: 'skipped as a_1 identical' })
  t.deepEqual(texts(store), { a: 'old', a_1: 'new' })
})

test("with unless 'newer' what is newer stays, with 'unchanged' what has the same size and time", async (t) => {
  const store = memoryParts()
  put(store, 'newer', 'old', TIME + 1)
  put(store, 'same', 'old')
  put(store, 'older', 'old', TIME - 1)
  const contents = { newer: 'new', same: 'new', older: 'new' }
  t.deepEqual(await arrive(t, store, contents, { unless: 'newer', conflict: 'overwrite' }), {
    newer: 'skipped newer',
    same: 'skipped newer',
    older: 'published',
  })
  put(store, 'older', 'old', TIME - 1)
  t.deepEqual(await arrive(t, store, contents, { unless: 'unchanged', conflict: 'overwrite' }), {
    newer: 'published',
    same: 'skipped unchanged',
    older: 'published',
  })
})

test("a folder in the way is not overwritten, but makes room under 'replace'", async (t) => {
  const store = memoryParts()
  store.folders.set('a', { mode: 0o755, mtime: 0 })
  put(store, 'a/inside', 'old')
  const outcome = await arrive(t, store, { a: 'new' }, { conflict: 'overwrite' })
  t.deepEqual(outcome, { a: 'published as a_1 ERR_CONFLICT' })
  t.deepEqual(texts(store), { 'a/inside': 'old', a_1: 'new' })
  t.deepEqual(await arrive(t, store, { a: 'newer' }, { conflict: 'replace' }), { a: 'published' })
  t.deepEqual(texts(store), { a: 'newer', a_1: 'new' })
  t.false(store.folders.has('a'))
})

test('a folder that finds a file under its name gets the suffix with all that is in it', async (t) => {
  const store = memoryParts()
  put(store, 'docs', 'a file')
  t.deepEqual(await arrive(t, store, { docs: null, 'docs/a': 'a' }, { conflict: 'replace' }), {
    docs: 'published as docs_1',
    'docs/a': 'published as docs_1/a',
  })
  t.deepEqual(texts(store), { docs: 'a file', 'docs_1/a': 'a' })
})

test('a link that is there already is skipped, another one gets a suffix, and a folder makes no room for one', async (t) => {
  const store = memoryParts()
  store.links.set('same', 'x').set('other', 'x')
  store.folders.set('folder', { mode: 0o755, mtime: 0 })
  const contents = { same: { target: 'x' }, other: { target: 'y' }, folder: { target: 'x' } }
  t.deepEqual(
    await arrive(t, store, contents, { symlinks: 'keep', unless: 'nothing', conflict: 'replace' }),
    {
      same: 'skipped identical',
      other: 'published',
      folder: 'published as folder_1 ERR_CONFLICT',
    },
  )
  t.deepEqual(Object.fromEntries(store.links), { same: 'x', other: 'y', folder_1: 'x' })
})

test('memory is taken for what comes, not for what was announced', async (t) => {
  const entry = { index: 0, start: 0, type: 'file', path: 'a', size: 2 ** 50, mtime: 0, mode: 0o644 } as const
  const part = await memoryParts().begin(entry)
  await part.write(0, [Buffer.from('few')], false)
  await part.write(3, [Buffer.from(' bytes')], false)
  t.deepEqual(await part.digest!('sha256'), await (await filled()).digest!('sha256'))

  async function filled() {
    const other = await memoryParts().begin({ ...entry, size: 9 })
    await other.write(0, [Buffer.from('few'), Buffer.from(' bytes')], true)
    return other
  }
})

test('what was acknowledged is overwritten by nothing of the same transfer, nor is a folder that it is in', async (t) => {
  for (const conflict of ['overwrite', 'replace'] as const) {
    const store = memoryParts()
    store.folders.set('folder', { mode: 0o755, mtime: 0 })
    store.files.set('folder/mine', { bytes: Buffer.from('mine'), mode: 0o644, mtime: 0 })
    store.files.set('file', { bytes: Buffer.from('mine'), mode: 0o644, mtime: 0 })
    const files = { 'file/x': '1', file_1: '2', a: '3' }
    for (let times = 0; times < 2; times++) {
      const { error } = await receiveItems(arrivingOf(files), { store, conflict, concurrency: 1 })
      t.is(error, undefined)
      const contents = [...store.files.values()].map(({ bytes }) => bytes.toString())
      t.deepEqual(contents.sort(), ['1', '2', '3', 'mine', 'mine'])
    }
  }
})

test('what did not end when a transfer was closed is there for the next, with its holes', async (t) => {
  const store = memoryParts()
  const content = Buffer.from('0123456789')
  const [entry] = entriesOf({ x: content })
  const part = await store.begin(entry!)
  part.write(0, [content.subarray(0, 3)], false)
  part.write(6, [content.subarray(6, 8)], false)
  t.is((await store.claims!([entry!])).size, 0)
  await store.close!()
  t.deepEqual([...(await store.claims!([{ ...entry!, mtime: 1 }])).keys()], [])
  const claim = (await store.claims!([entry!])).get(0)!
  t.deepEqual(claim.ranges, [
    { start: 0, end: 3 },
    { start: 6, end: 8 },
  ])
  t.deepEqual((await claimed(claim)).toString(), '01267')
  t.throws(() => claim.part.read!(7, Buffer.alloc(2)), { code: 'EIO' })
  await complete(store, entry!, content, claim)
  t.is(store.files.get('x')?.bytes.toString(), '0123456789')
  await store.close!()
  t.is((await store.claims!([entry!])).size, 0)
})

test('what is discarded, or older than what was published, is not there for the next', async (t) => {
  const store = memoryParts()
  const [x, y] = entriesOf({ x: Buffer.from('xx'), y: Buffer.from('yy') })
  for (const entry of [x!, y!]) (await store.begin(entry)).write(0, [Buffer.from('?')], false)
  await store.close!()
  await complete(store, x!, Buffer.from('xx'))
  const claims = await store.claims!([x!, y!])
  t.deepEqual([...claims.keys()], [1])
  await claims.get(1)!.part.discard(undefined!)
  await store.close!()
  t.is((await store.claims!([y!])).size, 0)
})
