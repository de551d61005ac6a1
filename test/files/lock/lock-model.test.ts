import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import type { FileSystem } from '../../../lib/files/disk/fs.js'
import { FolderLock } from '../../../lib/files/lock/folder-lock.js'
import type { ProcessSystem } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { randomBySeed } from '../../../lib/testing/splits.js'
import { Interleaving } from '../../helpers/interleaving.js'
import { Machine } from '../../helpers/machine.js'
import { scale } from '../../helpers/scale.js'

const SEEDS = scale(30, 10_000, 1095)
/** So many orders are enough to show what is wrong in most of them. */
const FEW = scale(10, 60, 60)
const CLIENTS = 5
const ROUNDS = 3
const MOST_DEATHS = 3

interface Changes {
  /** Makes another disk of the one that the clients see. */
  mutant?: (fs: FileSystem, disk: MemoryDisk) => FileSystem
}

/**
 * Some clients on one disk, each taking the lock some times, in an order that the seed chooses. Throws what is wrong.
 */
async function play(seed: number, { mutant = (fs) => fs }: Changes = {}): Promise<{ deaths: number }> {
  const random = randomBySeed(seed)
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const machine = new Machine()
  const order = new Interleaving(random)
  const holders = new Map<number, string>()
  const done = new Set<number>()
  const failures: string[] = []
  let deaths = 0
  let clients = 0

  const hold = async (client: number, lock: FolderLock) => {
    const others = [...holders].map(([other, mode]) => `${other} ${mode}`)
    const alone = lock.mode === 'exclusive' || [...holders.values()].includes('exclusive')
    if (alone && others.length > 0) failures.push(`${client} ${lock.mode} beside ${others.join(', ')}`)
    holders.set(client, lock.mode)
    for (let turns = Math.floor(random() * 4); turns > 0; turns--) {
      await order.turn(client)
      await lock.check()
    }
    holders.delete(client)
    await lock.release()
  }
  const live = async (client: number, system: ProcessSystem) => {
    const options = { fs: mutant(order.disk(client, disk), disk), system, clock: order.clock(client), random }
    for (let round = 0; round < ROUNDS; round++) {
      const mode = random() < 0.5 ? 'exclusive' : 'shared'
      const timeout = random() < 0.2 ? random() * 300 : Number.POSITIVE_INFINITY
      try {
        await hold(client, await FolderLock.acquire('/d', { ...options, mode, timeout }))
      } catch (error) {
        if (!isSluiceError(error, 'ERR_LOCKED') || timeout === Number.POSITIVE_INFINITY) throw error
      }
    }
    done.add(client)
  }
  // numbers of processes, which those that come later get again
  const numbers = new Map<number, number>()
  const start = (pid: number) => {
    const client = clients++
    numbers.set(client, pid)
    live(client, machine.start(pid)).catch((error: unknown) => failures.push(`${client}: ${error}`))
  }
  for (let i = 0; i < CLIENTS; i++) start(100 + i)
  await order.run((client) => {
    if (deaths === MOST_DEATHS || random() > 0.01) return false
    deaths++
    holders.delete(client)
    done.add(client)
    order.end(client)
    const pid = numbers.get(client)!
    machine.end(pid)
    if (random() < 0.5) start(pid)
    return true
  })
  for (let client = 0; client < clients; client++)
    if (!done.has(client)) failures.push(`${client} never got it`)
  // the next one finds what the dead have left, and takes it away
  const last = await FolderLock.acquire('/d', { fs: disk, system: machine.start(1), timeout: 0 })
  await last.release()
  if (disk.list().length > 1) failures.push(`left: ${disk.list().join(' ')}`)
  if (failures.length > 0) throw new Error(`seed ${seed}: ${failures.join('; ')}`)
  return { deaths }
}

test('in any order of calls, and whoever dies, never two writers, nor one beside a reader, and all who live get it', async (t) => {
  t.timeout(scale(1, 20) * 60_000)
  let deaths = 0
  for (let seed = 0; seed < SEEDS; seed++) deaths += (await play(seed)).deaths
  t.log(`${SEEDS} orders, ${deaths} deaths`)
  t.true(deaths > SEEDS)
})

/** How many of the orders show that something is wrong. */
async function found(mutant: Changes['mutant'] & object): Promise<number> {
  let wrong = 0
  for (let seed = 0; seed < FEW; seed++) await play(seed, { mutant }).catch(() => wrong++)
  return wrong
}

const GATE = '/d/.sluice-lock-lock/gate'

test('without the token in the name that is taken away, some order shows it', async (t) => {
  const wrong = await found((fs, disk) => ({
    ...fs,
    rmdir: async (path) => {
      await fs.rmdir(path).catch((error: unknown) => {
        // takes away "the holder", whoever that is by now
        const inside = disk.list().find((there) => there.startsWith(`${GATE}/`))
        if (!path.startsWith(`${GATE}/`) || !inside) throw error
        disk.remove(inside.slice(0, -1))
      })
    },
  }))
  t.true(wrong > 0)
  t.log(`${wrong} of ${FEW}`)
})

test('without one winner, or without a look for readers, some order shows it', async (t) => {
  const anybody = await found((fs, disk) => ({
    ...fs,
    rename: (from, to) => {
      if (to === GATE) disk.remove(GATE)
      return fs.rename(from, to)
    },
  }))
  const blind = await found((fs) => ({
    ...fs,
    readdir: async (path) => (await fs.readdir(path)).filter((name) => !String(name).startsWith('shared-')),
  }))
  t.true(anybody > 0 && blind > 0)
  t.log(`${anybody} and ${blind} of ${FEW}`)
})
