import { median, megabytes, seconds, table } from './measure.js'
import { type Build, COMMAND, type Run, runPair } from './pair.js'
import { runRsync } from './rsync.js'
import { type Contender, takeTurns } from './turns.js'

/** The one that the ratios refer to: the first of the contenders. */
const BASELINE = 'tar-fs'

function contenders(build: Build, scratch: string, withRsync: boolean): Contender[] {
  const pair = (name: string, program: string): Contender => ({
    name,
    run: (source, target) => runPair({ build, program, source, target }),
  })
  return [
    pair(BASELINE, 'tar'),
    pair('sluice blake3', 'blake3'),
    pair(`sluice ${COMMAND}`, COMMAND),
    pair('sluice sha256', 'sha256'),
    ...(withRsync ? [rsyncContender(scratch)] : []),
  ]
}

export function rsyncContender(scratch: string): Contender {
  return { name: 'rsync daemon', run: (source, target) => runRsync(source, target, scratch) }
}

/**
 * Measures this build beside other programs.
 * @returns a table in Markdown: medians, and the median of the ratios within each round
 */
export async function compareSpeed(
  source: string,
  scratch: string,
  build: Build,
  withRsync: boolean,
  rounds: number,
  log: (line: string) => void,
): Promise<string> {
  const all = contenders(build, scratch, withRsync)
  const runs = await takeTurns(source, scratch, all, rounds, log)
  const baseline = runs[0]!
  const rows = all.map(({ name }, index) => {
    const own = runs[index]!
    const of = (pick: (run: Run) => number) => median(own.map(pick))
    const walls = own.map((run) => run.wall)
    return [
      name,
      seconds(median(walls)),
      `${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)}`,
      median(own.map((run, round) => run.wall / baseline[round]!.wall)).toFixed(2),
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
