import test from 'ava'
import { SystemError } from '../../../lib/files/index.js'
import { readJournal } from '../../../lib/files/journal/read-journal.js'
import type { FinalizerOptions } from '../../../lib/stages/finalizer.js'
import type { DiskEvent } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import type { MemoryDiskOptions } from '../../../lib/testing/disk/memory-store.js'
import { arrivingOf, type Content } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'

// Many small files by calls that are made at once, with durability 'power'. What the power may do to them:
// small-files-killed.test.ts.

const COUNT = 100
const FILES: Content = { d: null }
for (let i = 0; i < COUNT; i++) FILES[`d/${i}`] = `file ${i}`

async function receive(
  watch: (event: DiskEvent, disk: MemoryDisk) => void,
  options: FinalizerOptions = {},
  diskOptions: MemoryDiskOptions = {},
) {
  const disk = new MemoryDisk(diskOptions)
  disk.putFolder('/dst')
  disk.hook = (event) => watch(event, disk)
  const settings = { dir: '/dst', fs: disk, durability: 'power', ...options } as const
  return { disk, ...(await receiveItems(arrivingOf(FILES), settings)) }
}

const isSaidSuspect = (disk: MemoryDisk) =>
  [...disk.snapshot()].some(([path, content]) => path.endsWith('journal') && content.includes('suspect'))

const isPart = ({ path }: DiskEvent) => path.endsWith('.part')

test('many are written before the first of them is synced, and the system was asked to write them by then', async (t) => {
  const before = { written: 0, closed: 0 }
  let syncs = 0
  const { outcomes } = await receive((event) => {
    if (!isPart(event)) return
    if (event.call === 'fsync') syncs++
    if (syncs > 0) return
    if (event.call === 'write') before.written++
    if (event.call === 'close') before.closed++
  })
  t.true(outcomes.every(({ status }) => status === 'published'))
  t.is(syncs, COUNT)
  t.deepEqual(before, { written: 64, closed: 64 })
})

test('no more of them are open than the budget of handles allows, and one more', async (t) => {
  let most = 0
  await receive((_, disk) => {
    most = Math.max(most, disk.openHandles().filter((path) => path.endsWith('.part')).length)
  })
  t.is(most, 65)
})

/** The steps of a receive, each told once however often it follows itself; of the calls on parts those that are named. */
async function steps(
  ofParts: readonly string[],
  ...options: [] | [{ renameNoReplace: true }]
): Promise<string[]> {
  const calls: string[] = []
  const note = (call: string) => {
    if (calls.at(-1) !== call) calls.push(call)
  }
  await receive(
    ({ call, path }) => {
      if (path === '/dst/d' && call === 'fsync') note('sync')
      const isOfPart = path.startsWith('/dst/d/') && path.endsWith('.part')
      if (isOfPart && ofParts.includes(call)) note(call)
    },
    { onOutcome: (batch) => void (batch.some(({ path }) => path === 'd/0') && note('told')) },
    ...options,
  )
  return calls
}

test('their folder is synced once for the names of all, and once more when those of the parts are gone, before that is told', async (t) => {
  const calls = await steps(['link', 'unlink'])
  t.deepEqual(calls.slice(0, 5), ['link', 'sync', 'unlink', 'sync', 'told'])
})

test('where their names are given by a rename their folder is synced once, before that is told', async (t) => {
  const calls = await steps(['fsync', 'link', 'unlink', 'renameNoReplace'], { renameNoReplace: true })
  t.deepEqual(calls.slice(0, 4), ['fsync', 'renameNoReplace', 'sync', 'told'])
})

test('one whose sync fails is not published, and the journal says that its part is suspect; the others are', async (t) => {
  let whenNextBegins: boolean | undefined
  const { disk, outcomes, error } = await receive((event, there) => {
    // at once: a process that is killed now must not leave it for one that may be gone on with
    if (event.path.endsWith('/80.part')) whenNextBegins ??= isSaidSuspect(there)
    if (event.call === 'fsync' && event.path.endsWith('/7.part'))
      throw new SystemError('EIO', 'fsync', 'of the test')
  })
  t.is(error?.code, 'ERR_FILES_FAILED')
  t.true(whenNextBegins)
  const { 'd/7': failed, ...others } = statuses(outcomes)
  t.is(failed, 'failed ERR_WRITE')
  t.deepEqual(new Set(Object.values(others)), new Set(['published']))
  t.false(disk.snapshot().has('/dst/d/7'))
  const journal = disk.list().find((path) => path.endsWith('journal'))
  const content = await readJournal(disk, journal!)
  t.like(content!.unfinished, [{ path: 'd/7', isSuspect: true }])
  t.deepEqual(disk.openHandles(), [])
})

test('where the sync of a folder fails nothing is told of what is in it', async (t) => {
  const told: string[] = []
  const { error } = await receive(
    ({ call, path }) => {
      if (call === 'fsync' && path === '/dst/d') throw new SystemError('EIO', 'fsync', 'of the test')
    },
    { onOutcome: (batch) => void told.push(...batch.map(({ path }) => path)) },
  )
  t.is(error?.code, 'ERR_WRITE')
  t.deepEqual(told, [])
})
