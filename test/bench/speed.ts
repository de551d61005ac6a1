import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sameTree } from '../helpers/same-tree.js'
import { median, megabytes, seconds, table } from './measure.js'
import { type Run, runPair } from './pair.js'
import { runRsync } from './rsync.js'
import { settle } from './settle.js'

/** What is beside the others in the table. */
export interface Contender {
  name: string
  run(source: string, target: string): Promise<Run>
}

/** From so many files on, a target is removed only when all is measured. */
const MANY = 100

/** The one that the ratios refer to. */
export const BASELINE = 'tar-fs'

export function contenders(scratch: string, withRsync: boolean): Contender[] {
  const pair = (name: string, program: string): Contender => ({
    name,
    run: (source, target) => runPair({ program, source, target }),
  })
  return [
    pair(BASELINE, 'tar'),
    pair('sluice blake3', 'blake3'),
    pair('sluice blake3, command line', 'blake3, command line'),
    pair('sluice sha256', 'sha256'),
    ...(withRsync
      ? [{ name: 'rsync daemon', run: (source: string, target: string) => runRsync(source, target, scratch) }]
      : []),
  ]
}

/**
 * Lets each of them move the same folder, one after the other in turns, and compares what arrived each time.
 * @returns a table in Markdown: medians, and the median of the ratios within each round
 */
export async function compareSpeed(
  source: string,
  scratch: string,
  all: readonly Contender[],
  rounds: number,
  log: (line: string) => void,
): Promise<string> {
  const runs = new Map<string, Run[]>(all.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < all.length; turn++) {
      // every round begins with another one, so that none always runs on what its neighbour left behind
      const { name, run } = all[(turn + round) % all.length]!
      const target = join(scratch, 'targets', `${round}-${turn}`)
      settle()
      const result = await run(source, target)
      const { differences, files } = sameTree(source, join(target, basename(source)))
      if (differences.length > 0) throw new Error(`${name} did not deliver the same: ${differences[0]}`)
      // many removed files make the next ones slow: ext4 looks in vain at each inode that was freed a moment ago
      if (files < MANY) rmSync(target, { recursive: true })
      runs.get(name)!.push(result)
      log(`round ${round + 1} of ${rounds}: ${name}: ${seconds(result.wall)}, ${files} files compared`)
    }
  }
  rmSync(join(scratch, 'targets'), { recursive: true })
  const baseline = runs.get(BASELINE)
  const rows = all.map(({ name }) => {
    const own = runs.get(name)!
    const of = (pick: (run: Run) => number) => median(own.map(pick))
    const ratio = baseline ? median(own.map((run, i) => run.wall / baseline[i]!.wall)).toFixed(2) : ''
    const walls = own.map((run) => run.wall)
    return [
      name,
      seconds(median(walls)),
      `${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)}`,
      ratio,
      ...[of((run) => run.send.cpu), of((run) => run.receive.cpu)].map(seconds),
      ...[of((run) => run.send.peak), of((run) => run.receive.peak)].map(megabytes),
    ]
  })
  return table(
    [
      '',
      'wall',
      'from–to',
      `of ${BASELINE}`,
      'processor: sender',
      'receiver',
      'peak memory: sender',
      'receiver',
    ],
    rows,
  )
}
