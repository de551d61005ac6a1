import { spawnSync } from 'node:child_process'
import type { ContenderResult } from './figures/results.js'
import type { Sample } from './figures/usage.js'

/** One of those that are measured in turns. */
export interface Contender {
  name: string
  /** Files or bytes, where a scene is about growth. */
  size?: number
  /** At most so many rounds, where one takes long. */
  rounds?: number
  run(round: number): Promise<Sample>
}

/**
 * Lets each contender run, one after the other. Every second round goes in the opposite order, so that none always runs
 * on what the same neighbour left behind.
 */
export async function takeTurns(
  contenders: readonly Contender[],
  rounds: number,
  { log, settle = writeBack }: { log: (line: string) => void; settle?: () => void },
): Promise<ContenderResult[]> {
  const results = contenders.map(({ name, size }): ContenderResult => ({ name, size, samples: [] }))
  for (let round = 0; round < rounds; round++) {
    const inTurn = [...contenders.entries()].filter(([, one]) => round < (one.rounds ?? rounds))
    for (const [index, { name, run }] of round % 2 === 0 ? inTurn : inTurn.reverse()) {
      settle()
      const sample = await run(round)
      results[index]!.samples.push(sample)
      log(`round ${round + 1} of ${rounds}: ${name}: ${sample.wall.toFixed(3)} s`)
    }
  }
  return results
}

/** Lets the system write what it still holds back, so that one run does not pay for the one before. */
function writeBack(): void {
  spawnSync('sync')
}
