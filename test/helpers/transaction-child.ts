// A process that runs transactions until it is killed:
//   transaction-child DIR SEED KILL_AT    (it kills itself when that call of the file system begins)
// Each transaction brings every file that is there from one generation to the next; some are moved, copied, deleted.
import { FileTransaction, nodeFileSystem } from '../../lib/files/index.js'
import { randomBySeed } from '../../lib/testing/index.js'
import { killedFileSystem } from './killed-fs.js'
import { generation, type State, textOf } from './transaction-generation.js'

const [dir, seed, killAt] = process.argv.slice(2)
const fs = killedFileSystem(nodeFileSystem, Number(killAt))
const random = randomBySeed(Number(seed))

for (let state: State | undefined; ; ) {
  await using transaction = await FileTransaction.begin(dir!, {
    fs,
    durability: random() < 0.8 ? 'crash' : 'power',
  })
  state = await generation(dir!)
  const next = state.number + 1
  const [first, ...others] = state.files
  for (const path of others) await transaction.write(path, textOf(path, next))
  // the first one moves, and leaves a copy
  const target = random() < 0.5 ? `moved/${next}` : `other/deep/${next}`
  if (first !== undefined) {
    await transaction.write(first, textOf(target, next))
    await transaction.move(first, target)
    await transaction.copy(target, `copy-${next}`)
    await transaction.write(`copy-${next}`, textOf(`copy-${next}`, next))
  }
  const last = others.at(-1)
  if (last !== undefined && state.files.length > 8) await transaction.delete(last)
  await transaction.commit()
  // acknowledged: the one who watches learns it through a pipe that outlives us
  process.stdout.write(`${next}\n`)
}
