import test from 'ava'
import { collectLeftovers, OPEN, Tree } from '../../../lib/files/index.js'
import { claimJournal, leaveJournal, watchOf } from '../../../lib/files/journal/claim-journal.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import { encodeRecords } from '../../../lib/files/journal/journal-records.js'
import { readJournal } from '../../../lib/files/journal/read-journal.js'
import { isReleasedName, ownerOfName, releasedName } from '../../../lib/files/own/names.js'
import { findOwnFolder } from '../../../lib/files/own/own-folder.js'
import { type ProcessSystem, thisOwner } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/index.js'

// A journal whose owner is no more belongs to one process at a time, and none of its records is lost on the way.

const ID = 'ab'.repeat(16)
const NAME = `${ID}.journal`
const PATH = `/d/.sluice/${NAME}`
const FILES = ['x', 'y'].map((path) => ({ path, size: 10, mtime: 1, part: `${path}.part` }))
/** A machine on which this process lives and every other one is dead. */
const GRAVE: ProcessSystem = {
  pid: 1,
  hostname: () => 'h',
  read: () => undefined,
  isAlive: (pid) => pid === 1,
}
const DEAD = { ...thisOwner(GRAVE), pid: 99 }

async function left() {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const tree = await Tree.open('/d', { fs: disk })
  const journal = await Journal.create(tree, ID, { durability: 'crash', owner: DEAD })
  await journal.begin(FILES)
  const folder = (await findOwnFolder(tree, '.sluice'))!
  const options = { system: GRAVE }
  const candidate = { tree, folder, name: NAME, watch: watchOf(options) }
  const names = () =>
    disk
      .list()
      .filter((path) => path.endsWith('.journal'))
      .map((path) => path.slice('/d/.sluice/'.length))
  return { disk, tree, candidate, names, claim: () => claimJournal(candidate, options, () => {}) }
}

/** Does something just before the journal is taken by its new name. */
function beforeRename(disk: MemoryDisk, act: () => Promise<void>): void {
  disk.delay = async ({ call, path }) => {
    if (call !== 'rename' || path !== PATH) return
    disk.delay = undefined
    await act()
  }
}

test('what is left of it is put back by one call, under a name that says that nobody owns it', async (t) => {
  const { disk, candidate, names, claim } = await left()
  const claimed = (await claim())!
  t.is(ownerOfName(names()[0]!)?.pid, 1)
  const calls: string[] = []
  disk.hook = ({ call, path }) => {
    if (['link', 'unlink', 'rename'].includes(call) && path.endsWith('.journal')) calls.push(call)
    // a crash at whatever call: it can be read
    t.is(names().length, 1)
  }
  await leaveJournal(candidate, claimed, [0], false)
  disk.hook = undefined
  t.deepEqual(calls, ['rename'])
  t.true(isReleasedName(names()[0]!))
  const content = await readJournal(disk, `/d/.sluice/${names()[0]}`)
  t.deepEqual(
    content?.unfinished.map(({ path }) => path),
    ['y'],
  )
})

test('a journal that another one gave away is lost to its owner, which may only have been suspended', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const tree = await Tree.open('/d', { fs: disk })
  const journal = await Journal.create(tree, ID, { durability: 'crash', owner: DEAD })
  await journal.begin(FILES)
  disk.put('/d/x.part', 'abc')
  await collectLeftovers(tree, { system: GRAVE, keep: () => true })
  await t.throwsAsync(journal.check(), { code: 'ERR_LOCK_LOST' })
})

test('what its owner wrote while it was being taken counts', async (t) => {
  const { disk, claim } = await left()
  const record = { kind: 'begin', n: 2, path: 'z', size: 1, mtime: 1, part: 'z.part', at: 1 } as const
  beforeRename(disk, async () => {
    const fd = await disk.open(PATH, OPEN.update)
    await disk.write(fd, [encodeRecords([record])], (await disk.fstat(fd)).size)
    await disk.close(fd)
  })
  const { journal } = (await claim())!
  t.deepEqual(
    journal.unfinished.map(({ path }) => path),
    ['x', 'y', 'z'],
  )
})

test('another journal that gets its name while it is being taken keeps that', async (t) => {
  const { disk, tree, names, claim } = await left()
  let living: Journal | undefined
  beforeRename(disk, async () => {
    disk.remove(PATH)
    living = await Journal.create(tree, ID, { durability: 'crash', owner: thisOwner(GRAVE) })
  })
  t.is(await claim(), undefined)
  t.deepEqual(names(), [NAME])
  await t.notThrowsAsync(living!.check())
})

test('where it cannot be said what is gone, it stays with the process that has it, as long as that lives', async (t) => {
  const { disk, tree, candidate, names, claim } = await left()
  const claimed = (await claim())!
  disk.fail({ call: 'write', error: 'ENOSPC' })
  await t.throwsAsync(leaveJournal(candidate, claimed, [0], false), { code: 'ENOSPC' })
  t.deepEqual(names(), [claimed.current])
  t.deepEqual(await collectLeftovers(tree, { system: GRAVE }), [])
  t.deepEqual(names(), [claimed.current])
  t.like(await collectLeftovers(tree, { system: { ...GRAVE, isAlive: () => false } }), [{ state: 'journal' }])
})

test('very many files that are gone are said in pieces', async (t) => {
  const { disk, candidate, claim } = await left()
  const claimed = (await claim())!
  const sizes: number[] = []
  const write = disk.write.bind(disk)
  disk.write = (fd, buffers, position) => {
    sizes.push(buffers.reduce((sum, { length }) => sum + length, 0))
    return write(fd, buffers, position)
  }
  const settled = Array.from({ length: 10_000 }, (_, n) => n)
  await leaveJournal(candidate, claimed, settled, false)
  t.true(Math.max(...sizes) < 100_000)
  const [path] = disk.list().filter((one) => one.endsWith('.journal'))
  const fd = await disk.open(path!, OPEN.read)
  t.deepEqual((await readJournal(disk, path!))!.unfinished, [])
  await disk.close(fd)
})

test('a journal that has two names of ours after a power cut is known by one of them, whoever comes first', async (t) => {
  const { disk, tree, names } = await left()
  disk.put('/d/x.part', 'abc')
  const other = releasedName(NAME)
  await disk.link(PATH, `/d/.sluice/${other}`)
  t.is((await collectLeftovers(tree, { system: GRAVE, dryRun: true })).length, 2)
  t.is(names().length, 2)
  const found = await Promise.all([1, 2, 3].map(() => collectLeftovers(tree, { system: GRAVE })))
  t.is(found.flat().filter(({ state }) => state === 'part').length, 1)
  t.deepEqual(names(), [])
})
