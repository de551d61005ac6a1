import test from 'ava'
import { FileTransaction } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

const PLATFORMS = ['darwin', 'linux'] as const

/** A disk that ignores case. */
function caseless(platform: (typeof PLATFORMS)[number]): MemoryDisk {
  const disk = new MemoryDisk({ platform, fold: (name) => name.toLowerCase() })
  disk.put('/d/sub/File', 'old')
  disk.put('/d/other', 'other')
  return disk
}

const CONTRADICTIONS: Record<string, (one: FileTransaction) => Promise<unknown>> = {
  'a file moved to another spelling': (one) => one.move('sub/File', 'sub/file'),
  'one copied to another spelling': (one) => one.copy('sub/File', 'SUB/file'),
  'one deleted, and written in another spelling': async (one) => {
    await one.delete('sub/FILE')
    await one.write('sub/File', 'new')
  },
  'a new one written twice': (one) =>
    Promise.all([one.write('new', '1'), one.write('other', 'x'), one.write('New', '2')]),
}

for (const platform of PLATFORMS) {
  for (const [name, act] of Object.entries(CONTRADICTIONS)) {
    test(`one file under two spellings is refused, and nothing is lost: ${name}, ${platform}`, async (t) => {
      const disk = caseless(platform)
      const transaction = await FileTransaction.begin('/d', { fs: disk })
      await act(transaction).catch(() => {})
      await t.throwsAsync(transaction.commit(), { code: 'ERR_TRANSACTION' })
      t.deepEqual(disk.list(), ['/d/', '/d/other', '/d/sub/', '/d/sub/File'])
      t.deepEqual([...disk.snapshot().values()].map(String).sort(), ['old', 'other'])
    })
  }
}

test('where case counts, files whose names differ in nothing else are two, even if they are one inode', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/a', 'old')
  await disk.link('/d/a', '/d/A')
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  await transaction.write('A', 'new')
  await transaction.move('a', 'B')
  await transaction.write('b', 'also new')
  await transaction.commit()
  t.deepEqual([...disk.snapshot()].map(String).sort(), ['/d/A,new', '/d/B,old', '/d/b,also new'])
})
