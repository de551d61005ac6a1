// node dist/test/states.js [--short] [SEQUENCE...]
//
// Runs the sweeps of every sequence of sluice/files (or of those named, as in fixtures/sequences.ts), at the scale of
// npm run test:long unless told otherwise, and adds up what they log: disks that were looked at after a power cut
// (states), and runs in which a call failed. Exits with 1 if a sweep fails, or if in all there are fewer states than
// there must be.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SEQUENCES } from './fixtures/sequences.js'

const LEAST_STATES = 20_000
const AVA = fileURLToPath(import.meta.resolve('ava')).replace(/entrypoints.*/, 'entrypoints/cli.mjs')
const isLong = !process.argv.includes('--short')
const named = process.argv.slice(2).filter((word) => word !== '--short')

interface Count {
  sequence: string
  states: number
  runs: number
  seconds: number
  failed: boolean
}

async function count(sequence: string, files: readonly string[]): Promise<Count> {
  const began = performance.now()
  const args = [AVA, '--tap', '--timeout=30m', ...files.map((file) => `dist/test/${file}.test.js`)]
  const env = { ...process.env, SLUICE_LONG: isLong ? '1' : '' }
  const { out, failed } = await new Promise<{ out: string; failed: boolean }>((resolve) => {
    execFile(process.execPath, args, { env, maxBuffer: 2 ** 28 }, (error, stdout) =>
      resolve({ out: stdout, failed: error !== null }),
    )
  })
  if (failed) process.stderr.write(out.replaceAll(/^ok .*\n/gm, ''))
  const sum = (what: string) =>
    [...out.matchAll(new RegExp(`^\\s*#\\s+(\\d+) ${what}`, 'gm'))].reduce((all, [, n]) => all + Number(n), 0)
  const seconds = Math.round((performance.now() - began) / 1000)
  return { sequence, states: sum('states'), runs: sum('runs'), seconds, failed }
}

const counts: Count[] = []
for (const [sequence, files] of Object.entries(SEQUENCES)) {
  if (named.length > 0 && !named.includes(sequence)) continue
  const one = await count(sequence, files)
  counts.push(one)
  process.stderr.write(`${sequence}: ${one.states} states, ${one.runs} runs, ${one.seconds} s\n`)
}
console.table(counts)
const states = counts.reduce((all, one) => all + one.states, 0)
const runs = counts.reduce((all, one) => all + one.runs, 0)
process.stdout.write(`${states} states after a power cut, ${runs} runs with a call that failed\n`)
const failed = counts.some((one) => one.failed) || (isLong && named.length === 0 && states < LEAST_STATES)
process.exitCode = failed ? 1 : 0
