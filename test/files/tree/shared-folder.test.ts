import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import {
  createAtomicWriteStream,
  renameAtomic,
  type Written,
  writeFileAtomic,
  writeJson,
} from '../../../lib/files/index.js'
import { shareFolder, syncFolder } from '../../../lib/files/tree/shared-folder.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { randomBySeed } from '../../../lib/testing/splits.js'
import { scale } from '../../helpers/scale.js'

const FOLDERS = ['/a', '/a/b', '/c']

/**
 * A disk that takes its time, and answers a sync long after it has begun: what changed meanwhile is not in it. Counts
 * the syncs of folders.
 */
class SlowDisk extends MemoryDisk {
  syncs = 0
  readonly #random: () => number

  constructor(seed: number) {
    super({ crashes: true })
    this.#random = randomBySeed(seed)
    for (const path of FOLDERS) this.putFolder(path)
    this.syncAll()
    this.delay = () => this.#turns(3)
  }

  override async fsync(fd: number): Promise<void> {
    const isFolder = (await this.fstat(fd)).isDirectory()
    if (isFolder) this.syncs++
    await super.fsync(fd)
    if (isFolder) await this.#turns(12)
  }

  async #turns(most: number): Promise<void> {
    for (let n = Math.floor(this.#random() * most); n > 0; n--) await setImmediate()
  }
}

/** Several ways to give a file its name, at once, in several folders. */
function writeMany(fs: SlowDisk, count: number): { path: string; written: Promise<unknown> }[] {
  return Array.from({ length: count }, (_, i) => {
    const path = `${FOLDERS[i % FOLDERS.length]}/${i}`
    return { path, written: write(fs, path, i) }
  })
}

async function write(fs: SlowDisk, path: string, i: number): Promise<unknown> {
  if (i % 5 === 0) return writeJson(path, 'new', { fs, indent: 0 })
  if (i % 7 === 0) {
    const stream = createAtomicWriteStream(path, { fs })
    stream.end('"new"\n')
    return stream.result
  }
  if (i % 11 === 0) {
    await writeFileAtomic(`${path}.before`, '"new"\n', { fs, conflict: 'fail' })
    return renameAtomic(`${path}.before`, path, { fs })
  }
  return writeFileAtomic(path, '"new"\n', { fs })
}

test('what was acknowledged of many writes at once survives a power cut at any moment', async (t) => {
  for (let seed = 0; seed < scale(12, 300); seed++) {
    const disk = new SlowDisk(seed)
    const acknowledged = new Set<string>()
    const lost: string[] = []
    const look = () => {
      const found = disk.crash(seed).snapshot()
      for (const path of acknowledged) {
        if (`${found.get(path)}` !== '"new"\n') lost.push(`seed ${seed}: ${path} after ${disk.calls} calls`)
      }
    }
    const all = writeMany(disk, 30).map(({ path, written }) =>
      written.then(() => {
        acknowledged.add(path)
        look()
      }),
    )
    await Promise.all(all)
    t.deepEqual(lost, [])
    t.is(acknowledged.size, 30)
    t.deepEqual(disk.openHandles(), [])
  }
})

test('many writes at once share the syncs of their folder', async (t) => {
  const disk = new SlowDisk(1)
  await Promise.all(Array.from({ length: 100 }, (_, i) => writeFileAtomic(`/a/${i}`, 'new', { fs: disk })))
  t.true(disk.syncs <= 50, `${disk.syncs} syncs`)
})

test('a sync that fails fails all who hold the folder, also later, and nobody who opens it afterwards', async (t) => {
  const disk = new SlowDisk(2)
  const folder = await shareFolder(disk, '/a')
  const also = await shareFolder(disk, '/a')
  const late = await shareFolder(disk, '/a')
  t.is(folder.fd, also.fd)
  disk.fail({ call: 'fsync', path: '/a', error: 'EIO' })
  const together = [folder.sync(), also.sync()]
  for (const { status } of await Promise.allSettled(together)) t.is(status, 'rejected')
  // its names may be among those that the failed one was to make last
  await t.throwsAsync(late.sync(), { code: 'EIO' })
  const after = await shareFolder(disk, '/a')
  t.not(after.fd, folder.fd)
  await after.sync()
  for (const one of [folder, also, late, after]) await one.release()
  t.is(disk.syncs, 2)
  t.deepEqual(disk.openHandles(), [])
})

test('each of the writes that a failed sync was for fails', async (t) => {
  const disk = new SlowDisk(3)
  disk.fail({ call: 'fsync', path: '/a', error: 'EIO', once: false })
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => writeFileAtomic(`/a/${i}`, 'new', { fs: disk })),
  )
  for (const result of results) {
    t.like(result, { status: 'rejected', reason: { code: 'ERR_WRITE', cause: { code: 'EIO' } } })
  }
  t.deepEqual(disk.openHandles(), [])
})

test('a folder that took the place of another is not taken for it', async (t) => {
  const disk = new SlowDisk(4)
  const before = await shareFolder(disk, '/a')
  await disk.rename('/a', '/moved')
  await disk.mkdir('/a')
  await syncFolder(disk, '/')
  const written: Written = await writeFileAtomic('/a/file', 'new', { fs: disk })
  t.is(written.path, '/a/file')
  for (let seed = 0; seed < 20; seed++) t.is(`${disk.crash(seed).snapshot().get('/a/file')}`, 'new')
  await before.release()
  t.deepEqual(disk.openHandles(), [])
})

test('a folder is not held that is gone, is a file by now, or could not be opened', async (t) => {
  const disk = new SlowDisk(5)
  const before = await shareFolder(disk, '/c')
  await disk.rmdir('/c')
  await t.throwsAsync(shareFolder(disk, '/c'), { code: 'ENOENT' })
  disk.put('/c')
  await t.throwsAsync(shareFolder(disk, '/c'), { code: 'ENOTDIR' })
  await before.release()
  disk.fail({ call: 'open', path: '/a', error: 'EMFILE' })
  const opening = await Promise.allSettled([shareFolder(disk, '/a'), shareFolder(disk, '/a')])
  t.deepEqual(
    opening.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  )
  for (const one of opening) if (one.status === 'fulfilled') await one.value.release()
  t.deepEqual(disk.openHandles(), [])
})
