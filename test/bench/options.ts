import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'

/** The parts of the benchmark, in their order. */
const PARTS = ['large', 'small', 'memory', 'delay', 'profile', 'atomic']

export interface BenchOptions {
  quick: boolean
  rounds: number
  parts: ReadonlySet<string>
  dir: string
}

/**
 * The options of the command line.
 * @throws Error with one line that says what is wrong
 */
export function benchOptions(args: string[], dir: string): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      only: { type: 'string', default: PARTS.join(',') },
      dir: { type: 'string', default: dir },
    },
  })
  const { quick, runs = quick ? '1' : '5', only } = values
  if (!/^[1-9]\d{0,3}$/.test(runs)) throw new Error(`--runs must be a whole number from 1, not ${runs}`)
  const unknown = only.split(',').find((part) => !PARTS.includes(part))
  if (unknown !== undefined) throw new Error(`--only knows ${PARTS.join(', ')}, not '${unknown}'`)
  if (!statSync(values.dir, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`--dir must be a folder; ${values.dir} is none`)
  return { quick, rounds: Number(runs), parts: new Set(only.split(',')), dir: values.dir }
}
