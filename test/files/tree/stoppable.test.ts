import test from 'ava'
import {
  collectLeftovers,
  type FileSystem,
  FileTransaction,
  recoverReplaced,
  recoverTransactions,
  removeBackups,
  removeOrphans,
  Tree,
  unfinishedTransfers,
} from '../../../lib/files/index.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { temporaryName } from '../../../lib/files/own/temporary-name.js'
import { collectStaged, makeStaged } from '../../../lib/stores/together/staged-folders.js'
import { MemoryDisk } from '../../../lib/testing/index.js'
import { deadAside } from '../../helpers/asides.js'
import { beginSome, entriesOf, Receivers } from '../../helpers/claims-scene.js'
import { eachAnother } from '../transaction/scenarios.js'

/** Names of many files. */
const MANY = Array.from({ length: 40 }, (_, i) => `f${String(i).padStart(2, '0')}`)

/** Milliseconds that a call takes of a disk that blocks: many hold the event loop for long, if nobody lets it turn. */
const SLOW = 1

interface Walk {
  /** A folder `/d` with what is searched, or removed. */
  plant(disk: MemoryDisk): Promise<void> | void
  act(fs: FileSystem, signal?: AbortSignal): Promise<unknown>
}

/** Each process that leaves something, or recovers, after the one before. */
const processes = eachAnother()

const receivers = new Receivers()

const gone = { ...thisOwner(), pid: 0x7fffffff }

const inTree = async <T>(fs: FileSystem, act: (tree: Tree) => Promise<T>): Promise<T> => {
  const tree = await Tree.open('/d', { fs })
  return act(tree).finally(() => tree.close())
}

/** What a transfer left whose process is dead. */
async function leaveParts(disk: MemoryDisk): Promise<void> {
  disk.putFolder('/d')
  const content = Buffer.from('content')
  const entries = entriesOf(Object.fromEntries(MANY.map((name) => [name, content])))
  await beginSome(
    receivers.start(disk),
    entries,
    entries.map(() => content.subarray(0, 3)),
  )
  receivers.kill()
}

/** What a transfer left staged that was to be published together. */
async function leaveStaged(disk: MemoryDisk): Promise<void> {
  disk.putFolder('/d')
  await inTree(disk, async (tree) => {
    const held = await makeStaged(tree, {})
    for (const name of MANY) disk.put(`/d/${held.path}/src/${name}`, name)
    await held.tree.close()
    await held.lock.release()
  })
}

/** A transaction whose process died right after the commit. */
async function leaveTransaction(disk: MemoryDisk): Promise<void> {
  disk.putFolder('/d')
  let isDead = false
  disk.hook = ({ call, to }) => {
    if (isDead) throw new Error('dead')
    isDead = call === 'rename' && to?.endsWith('.committed.intent') === true
  }
  const system = processes()
  const transaction = await FileTransaction.begin('/d', { fs: disk, system })
  for (const name of MANY) await transaction.write(name, name)
  await transaction.commit().catch(() => {})
  disk.hook = undefined
}

const WALKS: Record<string, Walk> = {
  removeOrphans: {
    plant: (disk) => {
      for (const name of MANY) disk.put(`/d/${name}/${temporaryName({ owner: gone })}`, name)
    },
    act: (fs, signal) =>
      removeOrphans('/d', { fs, signal, recursive: true, olderThan: 0, now: () => Infinity }),
  },
  'removeOrphans that only looks': {
    plant: (disk) => {
      for (const name of MANY) disk.put(`/d/in/${name}`, name)
    },
    act: (fs, signal) => removeOrphans('/d', { fs, signal, recursive: true, dryRun: true }),
  },
  removeBackups: {
    plant: (disk) => {
      for (const name of MANY) disk.put(`/d/x.20200101T0000000${name.slice(1)}Z.0000.bak`, name)
    },
    act: (fs, signal) => removeBackups('/d', { fs, signal }),
  },
  collectLeftovers: {
    plant: leaveParts,
    act: (fs, signal) =>
      inTree(fs, (tree) => collectLeftovers(tree, { signal, system: receivers.machine.start(99) })),
  },
  unfinishedTransfers: {
    plant: leaveParts,
    act: (fs, signal) => unfinishedTransfers('/d', { fs, signal, system: receivers.machine.start(99) }),
  },
  collectStaged: {
    plant: leaveStaged,
    act: (fs, signal) => inTree(fs, (tree) => collectStaged(tree, { signal })),
  },
  'collectStaged that only looks': {
    plant: leaveStaged,
    act: (fs, signal) => inTree(fs, (tree) => collectStaged(tree, { signal, dryRun: true })),
  },
  recoverReplaced: {
    plant: async (disk) => {
      disk.put('/d/name', 'the new file')
      const { ino } = await disk.lstat('/d/name')
      for (const name of MANY) disk.put(`/d/${deadAside(ino)}/name/inner/${name}`, name)
    },
    act: (fs, signal) =>
      inTree(fs, (tree) => tree.within('', (folder) => recoverReplaced(fs, folder, { signal }))),
  },
  recoverTransactions: {
    plant: leaveTransaction,
    act: (fs, signal) => recoverTransactions('/d', { fs, system: processes(), lock: { signal } }),
  },
  'recoverTransactions that only looks': {
    plant: leaveTransaction,
    act: (fs, signal) =>
      recoverTransactions('/d', { fs, system: processes(), dryRun: true, lock: { signal } }),
  },
}

/** How many paths there are, and those that are not ours, whose names are random. */
const stateOf = (disk: MemoryDisk) => [
  disk.list().length,
  disk.list().filter((path) => !path.includes('sluice')),
]

for (const [name, { plant, act }] of Object.entries(WALKS)) {
  test(`${name} hears on a disk that blocks that it is to stop, and the next one goes on there`, async (t) => {
    const whole = new MemoryDisk()
    await plant(whole)
    const before = whole.calls
    await act(whole)
    const calls = whole.calls - before

    const disk = new MemoryDisk()
    await plant(disk)
    const ofTheDead = disk.openHandles()
    const stop = new AbortController()
    let made = 0
    disk.hook = () => {
      for (const until = performance.now() + SLOW; performance.now() < until; );
      // as a signal of the system: heard once the event loop turns
      if (++made === Math.floor(calls / 2)) setImmediate(() => stop.abort(new Error('Ctrl-C')))
    }
    const error = await t.throwsAsync(act(disk, stop.signal), { code: 'ERR_CANCELLED' })
    t.like(error?.cause, { message: 'Ctrl-C' })
    t.true(made < 0.95 * calls, `${made} of ${calls}`)
    disk.hook = undefined
    t.deepEqual(disk.openHandles(), ofTheDead)
    await act(disk)
    t.deepEqual(stateOf(disk), stateOf(whole))
  })

  test(`${name} that was stopped before does nothing`, async (t) => {
    const disk = new MemoryDisk()
    await plant(disk)
    const before = stateOf(disk)
    await t.throwsAsync(act(disk, AbortSignal.abort()), { code: 'ERR_CANCELLED' })
    t.deepEqual(stateOf(disk), before)
  })
}
