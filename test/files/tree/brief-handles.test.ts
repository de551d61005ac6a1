import test from 'ava'
import {
  checkFile,
  createAtomicWriteStream,
  OPEN,
  readFileRetry,
  removeOrphans,
  renameAtomic,
  SystemError,
  updateJson,
  writeJson,
} from '../../../lib/files/index.js'
import { HandleBudget } from '../../../lib/files/tree/handle-budget.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { scale } from '../../helpers/scale.js'

/** A system that has so many handles, and no more. */
function few(handles: number) {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  let most = 0
  const open: MemoryDisk['open'] = async (path, flags, mode) => {
    if (disk.openHandles().length >= handles) throw new SystemError('EMFILE', 'open', path)
    const fd = await disk.open(path, flags, mode)
    // a file that is opened twice is so for a moment, in which the system begins to write it, or does without
    const all = disk.openHandles()
    const isAgain = (one: string, i: number) => one.endsWith('.sluice-tmp') && all.indexOf(one) < i
    most = Math.max(most, all.length - all.filter(isAgain).length)
    return fd
  }
  // a list of names takes a handle for a moment, as it does on a real disk
  const readdir: MemoryDisk['readdir'] = async (path) => {
    if (disk.openHandles().length >= handles) throw new SystemError('EMFILE', 'scandir', path)
    return disk.readdir(path)
  }
  const fs = new Proxy(disk, {
    get(target, key) {
      if (key === 'open') return open
      if (key === 'readdir') return readdir
      if (key === 'sync') return undefined
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { disk, fs, most: () => most }
}

/** Several times as many as there are handles. */
const MANY = scale(300, 1000)

const OPERATIONS: Record<string, (fs: MemoryDisk, i: number) => Promise<unknown>> = {
  'a write': (fs, i) => writeJson(`/d/${i}.json`, i, { fs }),
  'a write with a backup': (fs, i) => writeJson(`/d/${i % 300}.json`, i, { fs, backup: true }),
  'an update': (fs, i) => updateJson(`/d/${i}.json`, () => i, { fs }),
  'a read': (fs) => readFileRetry('/d/there', { fs }),
  'a rename': (fs, i) => renameAtomic(`/d/old/${i}`, `/d/${i}`, { fs }),
  'a rename to a free name': (fs, i) => renameAtomic(`/d/old/${i}`, `/d/${i}`, { fs, conflict: 'fail' }),
  'a search for orphans': async (fs) => {
    const { errors } = await removeOrphans('/d', { fs })
    if (errors[0]) throw errors[0]
  },
  'a check': async (fs) => (await checkFile('/d/there', { fs, encoding: 'utf8' })).ok || Promise.reject(),
}

for (const [what, act] of Object.entries(OPERATIONS)) {
  test(`many at once wait for each other, not for handles: ${what}`, async (t) => {
    const { disk, fs, most } = few(100)
    disk.put('/d/there', 'content')
    disk.putFolder('/d/old')
    for (let i = 0; i < MANY; i++) disk.put(`/d/old/${i}`, 'content')
    await Promise.all(Array.from({ length: MANY }, (_, i) => act(fs, i)))
    t.true(most() <= 65, `${most()}: files, and the folder`)
    t.deepEqual(disk.openHandles(), [])
  })
}

test('where others have nearly all handles, each waits until there is one', async (t) => {
  const { disk, fs } = few(3)
  const taken = await disk.open('/d', OPEN.folder)
  const writeAll = () =>
    Promise.all(Array.from({ length: 40 }, (_, i) => writeJson(`/d/${i}.json`, i, { fs, backup: 1 })))
  for (const { warning } of [...(await writeAll()), ...(await writeAll())]) t.is(warning, undefined)
  const stream = createAtomicWriteStream('/d/s', { fs, durability: 'crash' })
  stream.end('s')
  await stream.result
  await disk.close(taken)
  t.is(disk.snapshot().size, 81)
})

test('so many brief ones run at once as there is room for', async (t) => {
  const budget = new HandleBudget(8)
  let running = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
  }
  await Promise.all(Array.from({ length: 10 }, () => budget.brief(work)))
  t.is(most, 2)
})
