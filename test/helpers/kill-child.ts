// A process that does one thing over and over until it dies of SIGKILL at a random moment of it, or, where it recovers,
// has done it:
//   kill-child ROLE DIR SEED WITHIN DONE
//     (it dies in one of the first WITHIN calls of what the role is about; what it does first has the number DONE + 1)
// What is acknowledged it says on standard output, before anything else happens: `done NUMBER`.
import { writeSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  createAtomicWriteStream,
  FileTransaction,
  nodeFileSystem,
  RecoveryManager,
  recoverTransactions,
  rotateFile,
  writeFileAtomic,
} from '../../lib/files/index.js'
import { randomBySeed } from '../../lib/testing/splits.js'
import { generation, textOf } from './generations.js'
import { arrivingOf } from './items.js'
import { receiveItems } from './river.js'
import { SuddenDeath } from './sudden-death.js'

const [role, dir, seed, calls, before] = process.argv.slice(2) as string[] as [string, string, ...string[]]
const random = randomBySeed(Number(seed))
const death = new SuddenDeath(nodeFileSystem, random)
const { fs } = death
const within = Number(calls)
const durability = () => (random() < 0.8 ? ('crash' as const) : ('power' as const))
const done = (number: number) => writeSync(1, `done ${number}\n`)

const roles: Record<string, () => Promise<void>> = {
  /** Two files, one written at once, one as a stream, each with backups. */
  async write() {
    death.arm(within)
    for (let n = Number(before) + 1; ; n++) {
      death.phase = 'at once'
      const options = { fs, backup: 2, durability: durability(), verify: random() < 0.3 }
      await writeFileAtomic(join(dir, 'at-once'), textOf('at-once', n), options)
      death.phase = 'stream'
      const pieces = textOf('stream', n).match(/.{1,500}/gsu)!
      const stream = createAtomicWriteStream(join(dir, 'stream'), options)
      await pipeline(pieces, stream)
      await stream.result
      done(n)
    }
  },

  /** A file that is written and rotated away. */
  async rotate() {
    death.arm(within)
    for (let n = Number(before) + 1; ; n++) {
      death.phase = 'write'
      await writeFileAtomic(join(dir, 'log'), textOf('log', n), { fs, durability: durability() })
      done(n)
      death.phase = 'rotate'
      await rotateFile(join(dir, 'log'), { fs, keep: 3, compress: random() < 0.5, durability: durability() })
    }
  },

  /** Brings all files from one generation to the next; one moves, and leaves a copy; some are deleted. */
  async transaction() {
    const late = random() < 0.6
    if (!late) death.arm(within)
    for (;;) {
      death.phase = 'begin'
      await using transaction = await FileTransaction.begin(dir, { fs, durability: durability() })
      const { number, files } = await generation(dir)
      const next = number + 1
      death.phase = 'stage'
      const [first, ...others] = files
      for (const path of others) await transaction.write(path, textOf(path, next))
      const target = random() < 0.5 ? `moved/${next}` : `other/deep/${next}`
      await transaction.write(first!, textOf(target, next))
      await transaction.move(first!, target)
      await transaction.copy(target, `copy-${next}`)
      await transaction.write(`copy-${next}`, textOf(`copy-${next}`, next))
      if (files.length > 8) await transaction.delete(others.at(-1)!)
      if (late) death.arm(within)
      death.phase = 'commit'
      await transaction.commit()
      done(next)
    }
  },

  /** Ends what the role before has left. */
  async recover() {
    death.phase = 'recover'
    death.arm(within)
    await recoverTransactions(dir, { fs })
  },

  /** Changes files in place, makes and deletes some, with a point for each; then keeps all of it, or takes it back. */
  async change() {
    death.arm(within)
    for (;;) {
      death.phase = 'open'
      await using manager = await RecoveryManager.open(dir, { fs, durability: durability() })
      const { number } = await generation(dir)
      const next = number + 1
      death.phase = 'change'
      const fill = async (path: string) => {
        const text = textOf(path, next)
        await writeFile(join(dir, path), text.slice(0, 700))
        await death.moment('change', () => writeFile(join(dir, path), text))
      }
      for (const path of ['a', 'sub/b']) await manager.run('write', path, () => fill(path))
      await manager.run('delete', `only-${number}`, () => fs.unlink(join(dir, `only-${number}`)))
      await manager.run('create', `only-${next}`, () => fill(`only-${next}`))
      if (random() < 0.3) {
        death.phase = 'undo'
        await manager.undo()
      } else {
        death.phase = 'commit'
        await manager.commit()
        done(next)
      }
      death.phase = 'close'
    }
  },

  /** Receives generations of small files, each into a folder of its own, by the calls that are made at once. */
  async receive() {
    death.arm(within)
    for (let n = Number(before) + 1; ; n++) {
      const files = Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => `d${i % 4}/f${i}`)
          .sort()
          .map((path) => [path, textOf(path, n)]),
      )
      death.phase = 'receive'
      const { error } = await receiveItems(arrivingOf(files, { run: 20_000 }), {
        dir: join(dir, `${n}`),
        fs,
        durability: durability(),
      })
      if (error) throw error
      done(n)
    }
  },

  /** Takes back what the role before has left. */
  async undo() {
    death.phase = 'undo'
    death.arm(within)
    const manager = await RecoveryManager.open(dir, { fs, durability: durability() })
    await manager.undo()
    await manager.close()
  },
}

await roles[role]!()
