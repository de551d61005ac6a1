import { FileTransaction } from '../../../lib/files/index.js'
import type { ProcessSystem } from '../../../lib/files/own/owner.js'
import type { DiskEvent } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { Machine } from '../../helpers/machine.js'

// What the sweeps of power cuts and of faults run.

export interface Scenario {
  set: (disk: MemoryDisk) => void
  run: (transaction: FileTransaction) => Promise<void>
}

/** All that a user sees: every path, and the content of each file. */
export function stateOf(of: MemoryDisk | Scenario['set']): string {
  const disk = of instanceof MemoryDisk ? of : new MemoryDisk()
  if (!(of instanceof MemoryDisk)) of(disk)
  const files = disk.snapshot()
  return disk
    .list()
    .map((path) => `${path} ${files.get(path)?.toString().slice(0, 40) ?? ''}`)
    .join('\n')
}

/** Gives another process each time, and the one before is no more. */
export function eachAnother(): () => ProcessSystem {
  const machine = new Machine()
  let pid = 7
  return () => {
    machine.end(pid++)
    return machine.start(pid)
  }
}

const around = (disk: MemoryDisk) => {
  disk.put('/d/other', 'not yours')
  disk.put('/user/precious', 'not yours either')
}

const LONG = 'content of several sectors '.repeat(60)

export const SCENARIOS: Record<string, Scenario> = {
  'one file created': {
    set: around,
    run: (transaction) => transaction.write('new', LONG),
  },
  'created, replaced, deleted, moved and copied, across folders': {
    set: (disk) => {
      around(disk)
      disk.put('/d/replaced', 'old replaced')
      disk.put('/d/a/deleted', 'old deleted')
      disk.put('/d/a/moved', 'old moved')
      disk.put('/d/b/copied', 'old copied')
    },
    run: async (transaction) => {
      await transaction.write('replaced', LONG)
      await transaction.write('fresh/deep/created', 'new created')
      await transaction.delete('a/deleted')
      await transaction.move('a/moved', 'b/moved')
      await transaction.copy('b/copied', 'a/copy')
    },
  },
  'several operations on one path': {
    set: (disk) => {
      around(disk)
      disk.put('/d/x', 'old x')
      disk.put('/d/y', 'old y')
    },
    run: async (transaction) => {
      await transaction.write('x', 'first')
      await transaction.write('x', 'second')
      await transaction.copy('x', 'z')
      await transaction.delete('x')
      await transaction.move('y', 'x')
      await transaction.write('y', 'new y')
      await transaction.write('gone', 'never seen')
      await transaction.delete('gone')
    },
  },
  'two files exchanged, and a file that makes room for a folder': {
    set: (disk) => {
      around(disk)
      disk.put('/d/one', 'old one')
      disk.put('/d/two', 'old two')
      disk.put('/d/room', 'old room')
    },
    run: async (transaction) => {
      await transaction.move('one', 'between')
      await transaction.move('two', 'one')
      await transaction.move('between', 'two')
      await transaction.move('room', 'room/inside')
    },
  },
  'folders moved, copied and deleted, with all that is in them, also with nothing': {
    set: (disk) => {
      around(disk)
      disk.put('/d/from/one', 'old one')
      disk.put('/d/from/sub/two', 'old two')
      disk.putFolder('/d/from/empty')
      disk.put('/d/kept/three', 'old three')
      disk.put('/d/goes/four', 'old four')
    },
    run: async (transaction) => {
      await transaction.move('from', 'deep/to')
      await transaction.write('deep/to/sub/new', LONG)
      await transaction.copy('kept', 'copy')
      await transaction.delete('goes', { recursive: true })
    },
  },
  'two folders exchanged, and one that makes room for what was in it': {
    set: (disk) => {
      around(disk)
      disk.put('/d/a/one', 'old one')
      disk.put('/d/b/one', 'old other')
      disk.put('/d/b/two', 'old two')
      disk.put('/d/room/file', 'old file')
    },
    run: async (transaction) => {
      await transaction.move('a', 'between')
      await transaction.move('b', 'a')
      await transaction.move('between', 'b')
      await transaction.move('room', 'elsewhere')
      await transaction.move('elsewhere', 'room/inside')
    },
  },
  'a folder and a file copied in from outside': {
    set: (disk) => {
      around(disk)
      disk.put('/out/one', LONG)
      disk.put('/out/sub/two', 'outside two')
      disk.putFolder('/out/empty')
      disk.put('/d/old', 'old')
    },
    run: async (transaction) => {
      await transaction.copyIn('/out', 'in/here')
      await transaction.copyIn('/out/one', 'old')
    },
  },
}

/** What the scenario leaves if all goes well. */
export async function freshOf({ set, run }: Scenario): Promise<string> {
  const disk = new MemoryDisk()
  set(disk)
  const transaction = await FileTransaction.begin('/d', { fs: disk, system: eachAnother()() })
  await run(transaction)
  await transaction.commit()
  return stateOf(disk)
}

export interface Killed {
  disk: MemoryDisk
  /** Whether the process died, and had not ended before. */
  died: boolean
}

/**
 * A disk on which a process died that ran the scenario, before its call number `at`; what it had not synced is not on
 * the medium yet.
 * @param fails a call that fails before: so that the process dies while it undoes
 */
export async function killed(
  { set, run }: Scenario,
  system: ProcessSystem,
  at: number,
  fails?: (event: DiskEvent, disk: MemoryDisk) => boolean,
): Promise<Killed> {
  const disk = new MemoryDisk({ crashes: true })
  set(disk)
  disk.syncAll()
  let calls = 0
  let died = false
  disk.hook = (event) => {
    died ||= ++calls >= at
    // nobody who is dead goes on after an error: all that it still tries fails, too
    if (died) throw new Error('dead')
    if (fails?.(event, disk)) throw Object.assign(new Error('EIO: simulated'), { code: 'EIO' })
  }
  try {
    await using transaction = await FileTransaction.begin('/d', { fs: disk, system })
    await run(transaction)
    await transaction.commit()
  } catch {
    // dead
  }
  disk.hook = undefined
  return { disk, died }
}

/** The same disk again, everything on the medium, and no handle open. */
export function again(disk: MemoryDisk): MemoryDisk {
  disk.syncAll()
  return disk.crash(0)
}
