import test from 'ava'
import { OPEN } from '../../lib/files/disk/fs.js'
import { type ReceiveOptions, receive, send } from '../../lib/index.js'
import { duplexPair, MemoryDisk } from '../../lib/testing/index.js'
import { type Contents, manifestOfContents, TIME } from '../helpers/contents.js'

// Folders that stand already, where files are there by their times.

const TREE: Contents = { d: null, 'd/a': 'aaa', 'd/e': null, 'd/e/b': 'bbb', 'd/f': null, 'd/f/c': 'ccc' }

/** Sends the tree to `/in`; gives what became of its entries, by their paths, and the calls that changed a folder. */
async function transfer(disk: MemoryDisk, receiving: Partial<ReceiveOptions> = {}) {
  const calls: string[] = []
  disk.hook = ({ call, path }) => {
    if (['mkdir', 'futimes', 'fsync'].includes(call) && !path?.includes('.sluice'))
      calls.push(`${call} ${path}`)
  }
  const [near, far] = duplexPair()
  const sent = send(near, manifestOfContents(TREE)).finished
  const { files } = await receive(far, { accept: 'all', dir: '/in', fs: disk, ...receiving }).finished
  await sent
  disk.hook = undefined
  return {
    calls,
    became: Object.fromEntries(files.map(({ path, status, reason }) => [path, reason ?? status])),
  }
}

async function diskWithTree(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await transfer(disk)
  return disk
}

const timeOf = async (disk: MemoryDisk, path: string) => Math.floor((await disk.lstat(`/in/${path}`)).mtimeMs)

for (const unless of ['unchanged', 'newer'] as const)
  test(`unless ${unless}: folders that stand with their times are left alone`, async (t) => {
    const disk = await diskWithTree()
    const { calls, became } = await transfer(disk, { unless })
    t.deepEqual(new Set(Object.values(became)), new Set([unless]))
    t.deepEqual(
      calls.filter((call) => call.includes('/in/')),
      [],
    )
  })

test('a folder into which something comes has its time again at the end, and the others are left alone', async (t) => {
  const disk = await diskWithTree()
  await disk.unlink('/in/d/e/b')
  t.not(await timeOf(disk, 'd/e'), TIME)
  const { became } = await transfer(disk, { unless: 'unchanged' })
  t.is(await timeOf(disk, 'd/e'), TIME)
  const there = { 'd/a': 'unchanged', 'd/f': 'unchanged', 'd/f/c': 'unchanged' }
  t.deepEqual(became, { ...there, d: 'identical', 'd/e': 'identical', 'd/e/b': 'published' })
})

test('a folder that stands with another time gets its own, also where nothing comes into it', async (t) => {
  const disk = await diskWithTree()
  await disk.unlink('/in/d/e/b')
  const { became } = await transfer(disk, {
    unless: 'unchanged',
    accept: () => ({ accept: true, select: ({ path }) => path !== 'd/e/b' }),
  })
  t.is(became['d/e'], 'identical')
  t.is(await timeOf(disk, 'd/e'), TIME)
})

test('a folder in which a folder is missing, or a file took its place, is not left alone', async (t) => {
  for (const put of [undefined, 'a file']) {
    const disk = await diskWithTree()
    await disk.unlink('/in/d/f/c')
    await disk.rmdir('/in/d/f')
    if (put) disk.put('/in/d/f', Buffer.from(put))
    const fd = await disk.open('/in/d', OPEN.folder)
    await disk.futimes(fd, TIME / 1000, TIME / 1000)
    await disk.close(fd)
    const { became } = await transfer(disk, { unless: 'unchanged' })
    t.is(became.d, 'identical')
    t.is(became['d/f'], 'published')
    t.is(await timeOf(disk, 'd'), TIME)
  }
})

test('with the durability power, the names of folders that are left alone last', async (t) => {
  const disk = await diskWithTree()
  const { calls } = await transfer(disk, { unless: 'unchanged', durability: 'power' })
  const synced = new Set(calls.filter((call) => call.startsWith('fsync')))
  for (const path of ['/in', '/in/d', '/in/d/e', '/in/d/f']) t.true(synced.has(`fsync ${path}`), path)
})
