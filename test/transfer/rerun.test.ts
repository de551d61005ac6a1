import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import {
  type Manifest,
  manifestOfEntries,
  mapCuts,
  memoryParts,
  type ReceiveOptions,
  receive,
  type SourceStore,
  send,
} from '../../lib/index.js'
import { type DuplexPairOptions, duplexPair, MemoryDisk } from '../../lib/testing/index.js'
import { type Contents, manifestOfContents, TIME } from '../helpers/contents.js'
import { scale } from '../helpers/scale.js'

// What stands already under the names of what is sent.

const KIB = 1024
const MIB = 1024 * KIB
/** Bytes of a block of a file of more than 1 MiB. */
const BLOCK = 64 * KIB
const ALGORITHMS = ['blocks', 'sha256'] as const

/** How a transfer ended, and what travelled: bytes of content, and of the connection from the sender. */
interface Attempt {
  codes: string
  bytes: number
  wire: number
  proved: number
  /** What became of the files, by their paths: the reason where they were skipped. */
  files: Record<string, string>
}

async function transfer(
  manifest: Manifest,
  receiving: Partial<ReceiveOptions>,
  faults: DuplexPairOptions = {},
): Promise<Attempt> {
  const [near, far] = duplexPair({ highWaterMark: 64 * KIB, ...faults })
  let wire = 0
  const { write } = near
  near.write = ((chunk: Buffer, ...rest: [BufferEncoding]) => {
    wire += chunk.length
    return write.call(near, chunk, ...rest)
  }) as typeof write
  const sender = send(near, manifest)
  const receiver = receive(far, { accept: 'all', ...receiving })
  const results = await Promise.allSettled([sender.finished, receiver.finished])
  const codes = results
    .map((one) => (one.status === 'fulfilled' ? 'completed' : (one.reason.code as string)))
    .join(' ')
  const files: Record<string, string> = {}
  if (results[1].status === 'fulfilled')
    for (const { path, status, reason, name } of results[1].value.files)
      files[path] = (reason ?? status) + (name === undefined ? '' : ` ${name}`)
  const { bytes, resumedBytes } = receiver.progress
  return { codes, bytes, wire, proved: resumedBytes, files }
}

const DONE = 'completed completed'

/** A disk with these files in `/d`, all of the time that is sent. */
async function diskWith(contents: Contents, mtime = TIME): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  for (const [path, content] of Object.entries(contents)) {
    if (content === null) disk.putFolder(`/d/${path}`)
    else disk.put(`/d/${path}`, Buffer.from(content as Buffer))
    if (content === null) continue
    const fd = await disk.open(`/d/${path}`, 2)
    await disk.futimes(fd, mtime / 1000, mtime / 1000)
    await disk.close(fd)
  }
  return disk
}

const contentOf = (disk: MemoryDisk, path: string) => disk.snapshot().get(`/d/${path}`)

/** Calls that make or change a file. */
const CHANGES = new Set(['write', 'link', 'rename', 'unlink', 'ftruncate', 'symlink'])

function watchChanges(disk: MemoryDisk): string[] {
  const changes: string[] = []
  disk.hook = ({ call, path }) => {
    if (CHANGES.has(call)) changes.push(`${call} ${path}`)
  }
  return changes
}

const TREE: Contents = { d: null, 'd/empty': '', 'd/large': randomBytes(3 * MIB + 5), 'd/e': null }
for (let i = 0; i < 200; i++) TREE[`d/e/f${i}`] = randomBytes(i * 37)
TREE['d/e/whole'] = randomBytes(MIB)

for (const algorithm of ALGORITHMS)
  test(`of a tree that all stands only digests travel, and nothing is written, by ${algorithm}`, async (t) => {
    const disk = await diskWith(TREE)
    const changes = watchChanges(disk)
    const { codes, bytes, wire, files, proved } = await transfer(manifestOfContents(TREE, algorithm), {
      dir: '/d',
      fs: disk,
    })
    t.is(codes, DONE)
    t.is(bytes, 0)
    t.is(
      proved,
      Object.values(TREE).reduce((sum: number, one) => sum + (one === null ? 0 : (one as Buffer).length), 0),
    )
    t.deepEqual(changes, [])
    t.deepEqual(new Set(Object.values(files)), new Set(['identical']))
    t.deepEqual(Object.keys(files).sort(), Object.keys(TREE).sort())
    // 205 entries: what they are called, and a digest for each
    t.true(wire < 205 * 80, `${wire}`)
    t.deepEqual(disk.openHandles(), [])
  })

for (const conflict of ['rename', 'overwrite', 'replace'] as const)
  for (const algorithm of ALGORITHMS)
    test(`of a large file with one other byte one block travels, by ${algorithm}; ${conflict}`, async (t) => {
      const before = randomBytes(conflict === 'rename' ? 16 * MIB : 6 * MIB)
      const after = Buffer.from(before)
      after[5 * MIB + 77]! ^= 1
      for (const kind of ['disk', 'memory']) {
        const disk = await diskWith({ large: before }, TIME - 60_000)
        const store = memoryParts()
        store.files.set('large', { bytes: before, mode: 0o644, mtime: TIME - 60_000 })
        const where = kind === 'disk' ? { dir: '/d', fs: disk } : { store }
        const one = await transfer(manifestOfContents({ large: after }, algorithm), { ...where, conflict })
        t.is(one.codes, DONE)
        t.is(one.bytes, BLOCK)
        t.true(one.wire < BLOCK + 16 * KIB, `${one.wire}`)
        const read = (path: string) =>
          kind === 'disk' ? contentOf(disk, path) : store.files.get(path)?.bytes
        t.true(read(conflict === 'rename' ? 'large_1' : 'large')?.equals(after))
        if (conflict === 'rename') t.true(read('large')?.equals(before))
        // and then it stands
        const again = await transfer(manifestOfContents({ large: after }, algorithm), { ...where, conflict })
        t.is(again.bytes, 0)
        t.is(again.files.large, conflict === 'rename' ? 'identical large_1' : 'identical')
      }
    })

test('under the policies skip and fail nothing of the old version is changed either', async (t) => {
  const before = randomBytes(2 * MIB)
  const after = Buffer.from(before)
  after[0]! ^= 1
  for (const [conflict, found] of [
    ['skip', 'conflict'],
    ['fail', undefined],
  ] as const) {
    const disk = await diskWith({ large: before })
    const { bytes, files } = await transfer(manifestOfContents({ large: after }), {
      dir: '/d',
      fs: disk,
      conflict,
    })
    t.is(bytes, BLOCK)
    t.is(files.large, found)
    t.true(contentOf(disk, 'large')?.equals(before))
    t.deepEqual([...disk.snapshot().keys()], ['/d/large'])
  }
})

for (const algorithm of ALGORITHMS)
  test(`of many files of which ten changed, those travel, by ${algorithm}`, async (t) => {
    const before: Record<string, Buffer> = {}
    for (let i = 0; i < scale(300, 1000); i++) before[`f${i}`] = randomBytes(1 + ((i * 131) % 3000))
    const after = { ...before }
    for (let i = 0; i < 10; i++) {
      const other = Buffer.from(before[`f${i * 29}`]!)
      other[other.length - 1]! ^= 1
      after[`f${i * 29}`] = other
    }
    const disk = await diskWith(before)
    const { codes, bytes, files } = await transfer(manifestOfContents(after, algorithm), {
      dir: '/d',
      fs: disk,
      conflict: 'overwrite',
    })
    t.is(codes, DONE)
    t.is(Object.values(files).filter((one) => one === 'published').length, 10)
    t.is(
      bytes,
      Array.from({ length: 10 }, (_, i) => after[`f${i * 29}`]!.length).reduce((sum, one) => sum + one, 0),
    )
    for (const [path, content] of Object.entries(after)) t.true(contentOf(disk, path)?.equals(content))
  })

for (const unless of ['unchanged', 'newer'] as const)
  test(`unless ${unless}: nothing is read or sent of what is there by its time, and what has a suffix is there, too`, async (t) => {
    const disk = await diskWith({ a: 'aaa', b: 'mine', b_1: 'bbb', c: 'ccc' })
    const fd = await disk.open('/d/c', 2)
    await disk.futimes(fd, 1, 1)
    await disk.close(fd)
    const reads: string[] = []
    disk.hook = ({ call, path }) => {
      if (call === 'read') reads.push(`${path}`)
    }
    const manifest = manifestOfContents({ a: 'AAA', b: 'BBB', c: 'CCC' })
    const { codes, bytes, files } = await transfer(manifest, { dir: '/d', fs: disk, unless })
    t.is(codes, DONE)
    t.is(bytes, 3)
    t.deepEqual(files, {
      a: unless,
      b: unless === 'newer' ? 'newer' : 'unchanged b_1',
      c: 'published c_1',
    })
    t.deepEqual(
      reads.filter((path) => /[ab]$/.test(path)),
      [],
    )
    const store = memoryParts()
    store.files.set('a', { bytes: Buffer.from('aaa'), mode: 0o644, mtime: TIME })
    const inMemory = await transfer(manifestOfContents({ a: 'AAA' }), { store, unless })
    t.deepEqual(inMemory.files, { a: unless })
    t.is(inMemory.bytes, 0)
  })

test('a file that changes while it is read is asked for, and is not touched', async (t) => {
  const content = randomBytes(3 * MIB)
  for (const [call, times] of [
    ['read', 1],
    ['read', 3],
    ['read', 4],
    ['close', 1],
  ] as const)
    for (const [path, old] of [
      ['small', Buffer.from('what is sent')],
      ['large', content],
    ] as const) {
      const disk = await diskWith({ [path]: old })
      const mine = Buffer.from(old)
      mine[0]! ^= 1
      mine[mine.length - 1]! ^= 1
      let seen = 0
      disk.hook = (event) => {
        if (event.call !== call || ++seen !== times) return
        disk.hook = undefined
        disk.put(`/d/${path}`, mine)
      }
      const { codes, files } = await transfer(manifestOfContents({ [path]: old }, 'blocks'), {
        dir: '/d',
        fs: disk,
      })
      t.is(codes, DONE)
      const isChanged = disk.hook === undefined
      // it was what is sent when it was proved
      if (files[path] === 'identical') t.true(!isChanged || call === 'close', `${path} ${call} ${times}`)
      else t.true(contentOf(disk, files[path]!.split(' ')[1] ?? path)?.equals(old))
      t.true(contentOf(disk, path)?.equals(isChanged ? mine : old))
    }
})

test('a block that changed between its proof and its copy comes from the sender', async (t) => {
  const before = randomBytes(2 * MIB)
  const after = Buffer.from(before)
  after[MIB]! ^= 1
  const store = memoryParts()
  const standing = { bytes: Buffer.from(before), mode: 0o644, mtime: TIME }
  store.files.set('large', standing)
  const { begin } = store
  store.begin = (entry) => {
    // proved by now, and is copied next: not even its time says that it is another one
    standing.bytes[BLOCK + 5]! ^= 1
    return begin.call(store, entry)
  }
  for (const algorithm of ALGORITHMS) {
    const { codes, bytes } = await transfer(manifestOfContents({ large: after }, algorithm), { store })
    t.is(codes, DONE)
    t.is(bytes, 2 * BLOCK)
    t.true(store.files.get('large_1')?.bytes.equals(after))
    store.files.delete('large_1')
    standing.bytes[BLOCK + 5]! ^= 1
  }
})

test('what cannot be read, or is no file, is not claimed', async (t) => {
  const disk = await diskWith({ a: 'aaa', b: 'bbb' })
  disk.hook = ({ call, path }) => {
    if (call === 'read' && path?.endsWith('/a')) throw Object.assign(new Error('no'), { code: 'EIO' })
  }
  const { codes, files } = await transfer(manifestOfContents({ a: 'aaa', b: 'bbb' }), { dir: '/d', fs: disk })
  t.regex(codes, /completed|ERR/)
  t.is(files.b ?? 'identical', 'identical')
  disk.hook = undefined
  const folder = new MemoryDisk()
  folder.putFolder('/d/a')
  await folder.symlink('/etc/passwd', '/d/b')
  const other = await transfer(manifestOfContents({ a: 'aaa', b: 'bbb' }), { dir: '/d', fs: folder })
  t.is(other.proved, 0)
  t.deepEqual(other.files, { a: 'published a_1', b: 'published b_1' })
})

test('nothing is looked for before the offer was accepted, nor of entries that are not wanted', async (t) => {
  const store = memoryParts()
  const looked: string[] = []
  const { lookup } = store
  store.lookup = (entries, signal) => {
    looked.push(...entries.map(({ path }) => path))
    return lookup!.call(store, entries, signal)
  }
  const manifest = () => manifestOfContents({ a: 'aaa', b: 'bbb' })
  const rejected = await transfer(manifest(), { store, accept: () => false })
  t.is(rejected.codes, 'ERR_REJECTED ERR_REJECTED')
  t.deepEqual(looked, [])
  const select = ({ path }: { path: string }) => path === 'b'
  await transfer(manifest(), { store, accept: () => ({ accept: true, select }) })
  t.deepEqual(looked, ['b'])
})

test('what can be read only once is sent, whatever stands there', async (t) => {
  const files = new Map([
    ['a', 'new'],
    ['b', 'old'],
  ])
  const source: SourceStore = {
    rereadable: () => false,
    stream: ({ path }) => Readable.from([Buffer.from(files.get(path)!)]),
  }
  const entries = [...files].map(([path]) => ({ path, size: 3, mtime: TIME }))
  const disk = await diskWith({ a: 'old', b: 'old' })
  const {
    codes,
    bytes,
    files: found,
  } = await transfer(manifestOfEntries(entries, source, { name: 'once' }), { dir: '/d', fs: disk })
  t.is(codes, DONE)
  t.is(bytes, 6)
  t.deepEqual(found, { a: 'published a_1', b: 'identical' })
})

test('behind a file stage everything comes', async (t) => {
  const store = memoryParts()
  store.files.set('a', { bytes: Buffer.from('aaa'), mode: 0o644, mtime: TIME })
  const { bytes } = await transfer(manifestOfContents({ a: 'aaa' }), {
    store,
    stages: { file: [() => mapCuts((cut) => cut)] },
  })
  t.is(bytes, 3)
})

/** A version of a file: some bytes of it are others. */
const older = (content: Buffer, places: readonly number[]) => {
  const other = Buffer.from(content)
  for (const place of places) if (other.length > 0) other[place % other.length]! ^= 0xff
  return other
}

async function goOnUntilDone(
  t: ExecutionContext,
  disk: MemoryDisk,
  contents: Record<string, Buffer>,
  rules: {
    algorithm: string
    cuts: readonly number[]
    standing: Record<string, Buffer>
  },
) {
  const { algorithm, cuts, standing } = rules
  const options = { dir: '/d', fs: disk, conflict: 'overwrite' as const }
  for (const cutAfter of cuts) {
    await transfer(manifestOfContents(contents, algorithm), options, { forth: { cutAfter } })
    for (const [path, old] of Object.entries(standing)) {
      const now = contentOf(disk, path)
      t.true(now?.equals(old) || now?.equals(contents[path]!), path)
    }
  }
  return transfer(manifestOfContents(contents, algorithm), options)
}

test('any older versions, cut anywhere and gone on with, become what is sent, and are intact until then', async (t) => {
  const file = fc.record({
    size: fc.oneof(fc.nat(300), fc.integer({ min: MIB - 2, max: 3 * MIB })),
    stands: fc.boolean(),
    changes: fc.array(fc.nat(3 * MIB), { maxLength: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(file, { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 100, max: 6 * MIB }), { maxLength: 3 }),
      fc.constantFrom(...ALGORITHMS),
      async (files, cuts, algorithm) => {
        const contents: Record<string, Buffer> = {}
        const standing: Record<string, Buffer> = {}
        for (const [i, { size, stands, changes }] of files.entries()) {
          contents[`f${i}`] = randomBytes(size)
          if (stands) standing[`f${i}`] = older(contents[`f${i}`]!, changes)
        }
        const disk = await diskWith(standing)
        const last = await goOnUntilDone(t, disk, contents, { algorithm, cuts, standing })
        t.is(last.codes, DONE)
        for (const [path, content] of Object.entries(contents))
          t.true(contentOf(disk, path)?.equals(content), path)
        t.deepEqual(
          [...disk.snapshot().keys()].sort(),
          Object.keys(contents)
            .map((path) => `/d/${path}`)
            .sort(),
        )
        t.deepEqual(disk.openHandles(), [])
      },
    ),
    { numRuns: scale(8, 1000) },
  )
})
