import { randomBytes } from 'node:crypto'
import test from 'ava'
import { type ReceiveOptions, receive, send } from '../../../lib/index.js'
import { duplexPair, MemoryDisk } from '../../../lib/testing/index.js'
import { type Contents, manifestOfContents } from '../../helpers/contents.js'

// What counts as brought of files that stand, and are what the sender has.

/** Gives what became of the files, by their paths: why they were skipped, the name that they got, or that they came. */
async function transfer(
  disk: MemoryDisk,
  contents: Contents,
  receiving: Partial<ReceiveOptions> = {},
  algorithm = 'blocks',
) {
  const [near, far] = duplexPair()
  const sent = send(near, manifestOfContents(contents, algorithm)).finished
  const options = { accept: 'all', dir: '/in', fs: disk, conflict: 'overwrite', ...receiving } as const
  const { files } = await receive(far, options).finished
  await sent
  return Object.fromEntries(files.map(({ path, status, reason, name }) => [path, name ?? reason ?? status]))
}

function diskWith(contents: Record<string, Buffer>): MemoryDisk {
  const disk = new MemoryDisk()
  disk.putFolder('/in')
  for (const [path, content] of Object.entries(contents)) disk.put(`/in/${path}`, content)
  return disk
}

const SMALL = Buffer.from('small')
const LARGE = randomBytes(3_000_000)
const NEW = Buffer.from('other')

test('of a file with two names that stands, the other name can still be overwritten', async (t) => {
  for (const durability of ['crash', 'power'] as const) {
    const disk = diskWith({ one: SMALL })
    await disk.link('/in/one', '/in/two')
    t.deepEqual(await transfer(disk, { one: SMALL, two: NEW }, { durability }), {
      one: 'identical',
      two: 'published',
    })
    t.deepEqual(disk.snapshot().get('/in/one'), SMALL)
    t.deepEqual(disk.snapshot().get('/in/two'), NEW)
  }
})

test('a file that stands is overwritten by no other one whose name is one with its own', async (t) => {
  const disk = new MemoryDisk({ fold: (name) => name.toLowerCase() })
  disk.putFolder('/in')
  disk.put('/in/a', SMALL)
  t.deepEqual(await transfer(disk, { a: SMALL, A: NEW }), { a: 'identical', A: 'A_1' })
  t.deepEqual(disk.snapshot().get('/in/a'), SMALL)
})

test('a file that lost its name while it was read in pieces comes again', async (t) => {
  const disk = diskWith({ large: LARGE })
  disk.hook = ({ call, path }) => {
    if (call !== 'read' || !path?.endsWith('/large')) return
    disk.hook = undefined
    void disk.rename('/in/large', '/in/elsewhere')
  }
  // by this algorithm all of it is read without opening it again
  t.deepEqual(await transfer(disk, { large: LARGE }, {}, 'sha256'), { large: 'published' })
  // deepEqual takes seconds for so many bytes
  t.true(LARGE.equals(disk.snapshot().get('/in/large')!))
})

test('files are looked at once, before they are read', async (t) => {
  const files = { a: SMALL, b: LARGE }
  const disk = diskWith(files)
  const looks: string[] = []
  disk.hook = ({ call, path }) => {
    if (call === 'lstat' && /\/[ab]$/.test(path ?? '')) looks.push(path!.slice(-1))
  }
  t.deepEqual(await transfer(disk, files), { a: 'identical', b: 'identical' })
  t.deepEqual(looks, ['a', 'b'])
})
