import type { FileSystem } from '../../lib/files/disk/fs.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { scale } from './scale.js'
import type { CrashSweep } from './sweep.js'

export interface KillSweep<Told = undefined>
  extends Pick<CrashSweep<Told>, 'options' | 'recover' | 'look' | 'told'> {
  /** What stands on the disk before; it is synced then. */
  set: (disk: MemoryDisk) => void | Promise<void>
  /** What the process does that is killed. */
  work: (fs: FileSystem) => Promise<unknown>
  /** What the next process does, on the same disk; the power is cut then. */
  rerun: (disk: MemoryDisk) => Promise<unknown>
  /** Outcomes of each moment. */
  seeds?: number
  /** The power is cut before each so-manieth call of the rerun and before each sync of it; and at its end. */
  every?: number
  /** Only each so-manieth of those outcomes is looked at, others at each call and with each kill. */
  step?: number
  /** The process is killed at each so-manieth call. */
  kills?: number
}

/**
 * Kills a process at each call of `work` in turn, with nothing synced that it had not synced; lets another one go on;
 * and cuts the power before the calls of that one. What a process takes for done because it stands there may stand
 * only in memory. Gives how many disks were looked at.
 */
export async function killSweep<Told = undefined>({
  options,
  set,
  work,
  rerun,
  recover,
  look,
  told,
  seeds = scale(3, 8),
  every = scale(3, 1),
  step = scale(4, 1, 1),
  kills = scale(2, 1, 1),
}: KillSweep<Told>): Promise<{ states: number }> {
  let states = 0
  for (let kill = 1; ; kill += kills) {
    const disk = new MemoryDisk({ ...options, crashes: true })
    await set(disk)
    disk.syncAll()
    const isKilled = await killedAt(disk, kill, work)
    const moments: [found: MemoryDisk, acknowledged: boolean, place: string, told: Told][] = []
    let cuts = kill
    const cut = (count: number, acknowledged: boolean, when: string) => {
      for (let seed = cuts++ % step; seed < count; seed += step) {
        const place = `killed at call ${kill}; the next one cut ${when}, seed ${seed}`
        moments.push([disk.crash(disk.calls * count + seed), acknowledged, place, told?.() as Told])
      }
    }
    let calls = kill
    disk.hook = ({ call, path }) => {
      if (calls++ % every === 0 || call === 'fsync') cut(seeds, false, `before ${call} ${path}`)
    }
    await rerun(disk)
    disk.hook = undefined
    cut(4 * seeds, true, 'at the end')
    for (const [found, acknowledged, place, told] of moments) {
      await recover?.(found)
      await look(found, acknowledged, place, told)
      states++
    }
    if (!isKilled) return { states }
  }
}

/**
 * Whether the process came to its call number `at`: it makes neither that one nor any other then. A call made at once
 * cannot keep it from going on, but fails, as all after it do.
 */
export async function killedAt(
  disk: MemoryDisk,
  at: number,
  work: (fs: FileSystem) => Promise<unknown>,
): Promise<boolean> {
  let calls = 0
  let died = () => {}
  const death = new Promise<boolean>((resolve) => {
    died = () => resolve(true)
  })
  const dying = <T extends object>(target: T, end: () => unknown): T =>
    new Proxy(target, {
      get(_, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (name === 'sync' && value)
          return dying(value, () => {
            throw new Error('dead')
          })
        if (typeof value !== 'function') return value
        if (name === 'at') return value.bind(target)
        return (...args: unknown[]) => {
          calls++
          if (calls < at) return Reflect.apply(value, target, args)
          died()
          return end()
        }
      },
    })
  const fs = dying<FileSystem>(disk, () => new Promise(() => {}))
  return Promise.race([death, work(fs).then(() => false)])
}
