import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { startSshServer } from '../helpers/ssh-server.js'
import { runCommand } from './command.js'
import { median, seconds, table } from './measure.js'
import type { Build, Run } from './pair.js'
import { type Contender, takeTurns } from './turns.js'

/** Of what is not measured: a process of another program. */
const UNKNOWN = { cpu: Number.NaN, cpuWithStart: Number.NaN, peak: Number.NaN }

/**
 * Measures the secure channel of the command beside the plain one, and beside `scp` to a server of the benchmark's own,
 * all with the start of the sender.
 * @returns a table in Markdown: medians, and the medians of the ratios within each round
 */
export async function compareSecure(
  source: string,
  scratch: string,
  build: Build,
  rounds: number,
  log: (line: string) => void,
): Promise<string> {
  const homes = join(scratch, 'homes')
  const keys = join(scratch, 'ssh')
  for (const folder of [homes, keys]) mkdirSync(folder)
  const server = await startSshServer(keys)
  if (typeof server === 'string') log(`scp is left out: ${server}`)
  const send = ['--hash', 'blocks']
  const all: Contender[] = [
    { name: 'sluice, plain', run: (from, to) => runCommand(build, from, to, { send }) },
    { name: 'sluice, secure', run: (from, to) => runCommand(build, from, to, { send, secure: homes }) },
  ]
  if (typeof server !== 'string') {
    const { options, port, login } = server
    const scp = ['-q', '-r', ...options, '-P', String(port)]
    all.push({ name: 'scp', run: (from, to) => copied(['scp', ...scp, from, `${login}:${to}`], to) })
  }
  try {
    const runs = await takeTurns(source, scratch, all, rounds, log)
    const plain = runs[0]!
    const rows = all.map(({ name }, at) => {
      const own = runs[at]!
      const ratio = (others: readonly Run[]) =>
        median(own.map(({ wall }, round) => wall / others[round]!.wall)).toFixed(2)
      return [
        name,
        seconds(median(own.map(({ wall }) => wall))),
        ratio(plain),
        runs[2] ? ratio(runs[2]) : '–',
      ]
    })
    return table(['', 'wall', 'of plain', 'of scp'], rows)
  } finally {
    if (typeof server !== 'string') await server.close()
  }
}

async function copied([program, ...args]: string[], target: string): Promise<Run> {
  mkdirSync(target, { recursive: true })
  const began = performance.now()
  const child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${said.trim()}`)
  return { wall: (performance.now() - began) / 1000, send: UNKNOWN, receive: UNKNOWN }
}
