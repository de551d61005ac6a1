import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { COMPARABLE } from './against.js'
import { type Build, buildOf, peerOf } from './pair.js'

/** The parts of the benchmark, in their order. */
const PARTS = ['large', 'small', 'memory', 'delay', 'profile', 'atomic', 'again', 'secure'] as const
export type Part = (typeof PARTS)[number]

const DISKS = ['dir', 'fresh']

export interface BenchOptions {
  quick: boolean
  rounds: number
  parts: ReadonlySet<Part>
  dir: string
  /** Each part gets a file system that is made for it. */
  fresh: boolean
  /** This build, which is measured, with the Node that runs the child processes. */
  build: Build
  /** Another checkout, and the same Node. */
  against: { checkout: string; build: Build } | undefined
}

/**
 * The options of the command line.
 * @throws Error with one line that says what is wrong
 */
export function benchOptions(args: string[], tmp: string): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      only: { type: 'string' },
      dir: { type: 'string', default: tmp },
      disk: { type: 'string', default: 'dir' },
      node: { type: 'string', default: process.execPath },
      against: { type: 'string' },
    },
  })
  const { quick, runs = quick ? '1' : '5', dir, disk, node, against } = values
  if (!/^[1-9]\d{0,3}$/.test(runs)) throw new Error(`--runs must be a whole number from 1, not ${runs}`)
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`--dir must be a folder; ${dir} is none`)
  if (!DISKS.includes(disk)) throw new Error(`--disk knows ${DISKS.join(', ')}, not '${disk}'`)
  if (!nodeVersion(node)) throw new Error(`--node must be a Node program; ${node} is none`)
  if (against !== undefined && !statSync(peerOf(against), { throwIfNoEntry: false }))
    throw new Error(`--against must be a built checkout; ${peerOf(against)} is not there`)
  return {
    quick,
    rounds: Number(runs),
    parts: partsOf(values.only, against === undefined ? PARTS : COMPARABLE),
    dir,
    fresh: disk === 'fresh',
    build: buildOf(node),
    against: against === undefined ? undefined : { checkout: against, build: buildOf(node, against) },
  }
}

function partsOf(only: string | undefined, known: readonly Part[]): Set<Part> {
  const names = only?.split(',') ?? known
  const unknown = names.find((name) => !known.some((part) => part === name))
  if (unknown !== undefined)
    throw new Error(
      `--only knows ${known.join(', ')}${known === PARTS ? '' : ' together with --against'}, not '${unknown}'`,
    )
  return new Set(known.filter((part) => names.includes(part)))
}

/** What a Node program says of itself; undefined if it is none. */
export function nodeVersion(path: string): string | undefined {
  return /^v(\d+\.\d+\.\d+\S*)\s*$/.exec(
    spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? '',
  )?.[1]
}
