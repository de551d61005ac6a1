import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Load, makeLoad } from './data.js'
import { type Delay, median, table, type Usage } from './measure.js'
import { type Build, COMMAND, type Run, runPair } from './pair.js'
import { rsyncContender } from './speed.js'
import { type Contender, takeTurns } from './turns.js'

/** The parts of the benchmark that can be run with two builds. */
export const COMPARABLE = ['large', 'small', 'memory', 'delay'] as const

interface Case {
  loads: Load[]
  /** How the library is called (see programs.ts), and what a reader calls that. */
  modes: Record<string, string>
  measures: Measure[]
  delay?: boolean
  /** Lets the rsync daemon take its turn too. */
  rsync?: boolean
}

/** One row of a table. */
interface Measure {
  name: string
  of(run: Run, round: number): number
  digits: number
}

const ofBoth = (name: string, unit: string, digits: number, of: (usage: Usage) => number): Measure[] => [
  { name: `${name}: sender, ${unit}`, of: (run) => of(run.send), digits },
  { name: `${name}: receiver, ${unit}`, of: (run) => of(run.receive), digits },
]
const delayOfBoth = (name: string, of: (delay: Delay) => number) =>
  ofBoth(name, 'ms', 1, ({ delay }) => of(delay!))

const WORK = [
  { name: 'wall, s', of: (run: Run) => run.wall, digits: 2 },
  ...ofBoth('processor', 's', 2, ({ cpu }) => cpu),
  ...ofBoth('processor with start', 's', 2, ({ cpuWithStart }) => cpuWithStart),
  ...ofBoth('peak memory', 'MB', 0, ({ peak }) => peak / 1e6),
]
const DELAYS = [
  ...delayOfBoth('p99', ({ p99 }) => p99),
  ...delayOfBoth('largest of the histogram', ({ max }) => max),
  ...delayOfBoth('longest block', ({ longest }) => longest),
]

const SERVER = { blake3: 'in a server' }
const BOTH = { [COMMAND]: 'as the command', ...SERVER }

const CASES: Record<(typeof COMPARABLE)[number], Case> = {
  large: { loads: ['large'], modes: BOTH, measures: WORK, rsync: true },
  small: { loads: ['small'], modes: BOTH, measures: WORK, rsync: true },
  memory: { loads: ['tiny'], modes: BOTH, measures: WORK },
  delay: { loads: ['large', 'small'], modes: SERVER, measures: DELAYS, delay: true },
}

/**
 * Measures two builds in turns, each with its own child programs.
 * @returns for each load and mode a title and a table in Markdown
 */
export async function compareBuilds(
  part: keyof typeof CASES,
  scratch: string,
  builds: { before: Build; after: Build },
  withRsync: boolean,
  { rounds, quick }: { rounds: number; quick: boolean },
  log: (line: string) => void,
): Promise<string> {
  const { loads, modes, measures, delay, rsync } = CASES[part]
  const programs = Object.keys(modes)
  const contenders = programs.flatMap((program) =>
    (['before', 'after'] as const).map(
      (when): Contender => ({
        name: `${program}, ${when}`,
        run: (source, target) => runPair({ build: builds[when], program, source, target, delay: !!delay }),
      }),
    ),
  )
  if (rsync && withRsync) contenders.push(rsyncContender(scratch))
  const texts: string[] = []
  for (const load of loads) {
    const source = join(scratch, load)
    const title = makeLoad(load, source, quick)
    const runs = await takeTurns(source, scratch, contenders, rounds, log)
    rmSync(source, { recursive: true })
    const others = runs[2 * programs.length]
    const rows = others ? [...measures, ofOther(others)] : measures
    for (const [index, program] of programs.entries()) {
      const sides = sideBySide(rows, runs[2 * index]!, runs[2 * index + 1]!)
      texts.push(`### ${title}, blake3, ${modes[program]}${delay ? ': event-loop delay' : ''}\n\n${sides}`)
    }
  }
  return texts.join('\n\n')
}

const ofOther = (others: readonly Run[]): Measure => ({
  name: 'wall, of that of the rsync daemon',
  of: (run, round) => run.wall / others[round]!.wall,
  digits: 2,
})

/** Medians, the smallest and the largest, and the median of the ratios within each round. */
function sideBySide(measures: readonly Measure[], before: readonly Run[], after: readonly Run[]): string {
  const rows = measures.map(({ name, of, digits }) => {
    const [old, now] = [before.map(of), after.map(of)]
    const show = (value: number) => value.toFixed(digits)
    const span = (values: number[]) => `${show(Math.min(...values))}–${show(Math.max(...values))}`
    const ratio = median(now.map((value, round) => value / old[round]!))
    return [
      name,
      show(median(old)),
      span(old),
      show(median(now)),
      span(now),
      Number.isFinite(ratio) ? ratio.toFixed(2) : '–',
    ]
  })
  return table(['', 'before', 'from–to', 'after', 'from–to', 'after / before'], rows)
}
