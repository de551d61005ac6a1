import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sameTree } from '../helpers/same-tree.js'
import { seconds } from './measure.js'
import type { Run } from './pair.js'
import { settle } from './settle.js'

/** One of those that are measured in turns. */
export interface Contender {
  name: string
  run(source: string, target: string): Promise<Run>
}

/** From so many files on, a target is removed only when all is measured. */
const MANY = 100
/** From so many on it is removed at once all the same: the disk would run out of inodes. */
const TOO_MANY = 50_000

/**
 * Lets each contender transfer the same folder, one after the other, and compares what arrived each time. Every second
 * round runs in the opposite order, so that none always runs on what the same neighbour left behind.
 * @returns the runs of each contender, in the order of `all`, one for each round
 */
export async function takeTurns(
  source: string,
  scratch: string,
  all: readonly Contender[],
  rounds: number,
  log: (line: string) => void,
): Promise<Run[][]> {
  const runs = all.map((): Run[] => [])
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < all.length; turn++) {
      const index = round % 2 === 0 ? turn : all.length - 1 - turn
      const { name, run } = all[index]!
      const target = join(scratch, 'targets', `${round}-${turn}`)
      settle()
      const result = await run(source, target)
      const { differences, files } = sameTree(source, join(target, basename(source)))
      if (differences.length > 0) throw new Error(`${name} did not deliver the same: ${differences[0]}`)
      // many removed files make the next ones slow: ext4 looks in vain at each inode that was freed a moment ago
      if (files < MANY || files >= TOO_MANY) rmSync(target, { recursive: true })
      runs[index]!.push(result)
      log(`round ${round + 1} of ${rounds}: ${name}: ${seconds(result.wall)}, ${files} files compared`)
    }
  }
  rmSync(join(scratch, 'targets'), { recursive: true })
  return runs
}
