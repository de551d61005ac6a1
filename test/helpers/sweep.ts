import type { DiskFault } from '../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import type { MemoryDiskOptions } from '../../lib/testing/disk/memory-store.js'
import { scale } from './scale.js'

// Every call of a piece of work is the last one, or fails, in turn. The long run leaves out no call of the work, and
// looks at some ten thousand disks that a cut of the recovery leaves; the default one looks at each so-manieth call, at
// others with each seed or fault, and always at the end.

/** Disks that are looked at after the recovery was cut as well, more or less: their number grows as a square. */
const MOST_OF_RECOVERY = 10_000

interface Work {
  options?: MemoryDiskOptions
  /** What stands on the disk before, synced. */
  set: (disk: MemoryDisk) => void | Promise<void>
  work: (disk: MemoryDisk) => Promise<unknown>
}

export interface CrashSweep<Told = undefined> extends Work {
  /** What the next run does first; the power is cut at each of its calls, too. */
  recover?: (disk: MemoryDisk) => Promise<unknown>
  /**
   * Says what is wrong with a disk that was found, by throwing.
   * @param acknowledged whether the work had ended before the power was cut
   */
  look: (found: MemoryDisk, acknowledged: boolean, place: string, told: Told) => void | Promise<void>
  /** What was told until now: asked before the power is cut, for {@link look}. */
  told?: () => Told
  /** Outcomes of each moment that are looked at. */
  seeds?: number
  /** Outcomes of each moment of the recovery. */
  again?: number
  /** Only each so-manieth of those outcomes is looked at, other moments with each seed; all of them at the end. */
  step?: number
}

/**
 * Cuts the power before every call of `work`, and once after it; each time as many disks are found as there are
 * `seeds`, each with another part of what was not synced. Gives how many were looked at.
 */
export async function crashSweep<Told = undefined>({
  options,
  set,
  work,
  recover,
  look,
  told,
  seeds = scale(6, 60),
  again = scale(1, 2),
  step = scale(4, 1, 1),
}: CrashSweep<Told>): Promise<{ states: number }> {
  const disk = new MemoryDisk({ ...options, crashes: true })
  await set(disk)
  disk.syncAll()
  let cuts = 0
  const moments: { found: MemoryDisk; acknowledged: boolean; place: string; told: Told }[] = []
  const cut = (of: MemoryDisk, count: number, each: number, acknowledged: boolean, place: string) => {
    // each outcome once: many seeds choose the same
    const seen = new Set<string>()
    cuts++
    for (let seed = cuts % each; seed < count; seed += each) {
      // other choices at each moment: the same ones would leave the same things out each time
      const found = of.crash(cuts * count + seed)
      const state = stateOf(found)
      if (seen.has(state)) continue
      seen.add(state)
      moments.push({ found, acknowledged, place: `${place}, seed ${seed}`, told: told?.() as Told })
    }
  }
  disk.hook = ({ call, path, number }) => cut(disk, seeds, step, false, `before ${call} ${path} (${number})`)
  await work(disk)
  disk.hook = undefined
  cut(disk, seeds, 1, true, 'at the end')
  let states = 0
  let calls = 0
  const first = moments.splice(0)
  // the recovery of each is cut as well, but the recovery of what was found then is not cut once more
  for (const { found, acknowledged, place, told } of first) {
    if (recover) {
      const each = Math.max(step, Math.ceil((first.length * calls * again) / MOST_OF_RECOVERY))
      calls = 0
      found.hook = ({ call, path, number }) => {
        calls++
        cut(found, again, each, acknowledged, `${place}; recovery cut before ${call} ${path} (${number})`)
      }
      await recover(found)
      found.hook = undefined
    }
    states++
    await look(found, acknowledged, place, told)
    for (const second of moments.splice(0)) {
      await recover?.(second.found)
      states++
      await look(second.found, second.acknowledged, second.place, second.told)
    }
  }
  return { states }
}

function stateOf(disk: MemoryDisk): string {
  const files = [...disk.snapshot()].map(([path, content]) => `${path}\0${content.toString('latin1')}`)
  return `${disk.list().join('\0')}\0\0${files.join('\0')}`
}

export interface FaultSweep extends Work {
  /** Says what is wrong with the disk afterwards, by throwing. `result` is what the work gave, or its error. */
  look: (disk: MemoryDisk, result: unknown, place: string) => void | Promise<void>
  /** The next run, on a disk that works again; `look` is called before it and, if there is one, after it. */
  recover?: (disk: MemoryDisk, place: string) => Promise<unknown>
  faults?: readonly Fault[]
  /** Only each so-manieth call is failed, others with each fault; but four or so with each at least. */
  step?: number
}

export type Fault = Omit<DiskFault, 'call' | 'nth'>

/** What may go wrong with one call: once, from then on, or although it was done. */
export const FAULTS: Fault[] = [
  ...['EIO', 'ENOSPC', 'EACCES', 'EXDEV', 'EMFILE', 'EINTR'].flatMap((error) => [
    { error },
    { error, once: false },
  ]),
  { error: 'EIO', after: true },
  { short: 1 },
  { short: 0, once: false },
]

/**
 * Fails call number 1, 2, 3 … of `work`, to the last one that it makes where nothing fails, in each of the ways of
 * `faults`. Whatever happens, no handle stays open.
 */
export async function faultSweep({
  options,
  set,
  work,
  look,
  recover,
  faults = FAULTS,
  // each call fails in one way at least
  step = scale(faults.filter(({ short }) => short === undefined).length, 1, 1),
}: FaultSweep): Promise<{ runs: number }> {
  let runs = 0
  const run = async (what: string, fault?: DiskFault) => {
    const disk = new MemoryDisk({ ...options })
    await set(disk)
    const made = { calls: 0, writes: 0 }
    disk.hook = ({ call }) => {
      made.calls++
      if (call === 'write') made.writes++
    }
    if (fault) disk.fail(fault)
    const result = await work(disk).catch((error: unknown) => error)
    disk.hook = undefined
    disk.heal()
    runs++
    const place = `${what}; ${String(result)}`
    const open = disk.openHandles()
    if (open.length > 0) throw new Error(`left open: ${open.join(', ')}; ${place}`)
    await look(disk, result, place)
    if (recover) {
      await recover(disk, place)
      await look(disk, result, `after recovery; ${place}`)
    }
    return made
  }
  const { calls, writes } = await run('nothing fails')
  for (const [i, fault] of faults.entries()) {
    const [call, last] = fault.short === undefined ? (['*', calls] as const) : (['write', writes] as const)
    const each = Math.max(1, Math.min(step, Math.ceil(last / 4)))
    for (let nth = 1 + (i % each); nth <= last; nth += each)
      await run(`call ${nth} of ${last}: ${JSON.stringify(fault)}`, { ...fault, call, nth })
  }
  return { runs }
}
