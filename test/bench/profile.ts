import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { seconds, table } from './measure.js'
import { type Build, runPair } from './pair.js'
import { summarise } from './profile-summary.js'
import { settle } from './settle.js'

const ROWS = 10

/**
 * Moves a folder with the profiler of V8 at work in both processes.
 * @returns a table in Markdown for each side: where the time of the main thread goes
 */
export async function profile(
  build: Build,
  program: string,
  folder: string,
  scratch: string,
): Promise<string> {
  const target = join(scratch, 'target')
  const profiles = join(scratch, 'profiles')
  mkdirSync(profiles, { recursive: true })
  settle()
  const run = await runPair({ build, program, source: folder, target, profiles })
  rmSync(target, { recursive: true })
  const sides = (['send', 'receive'] as const).map((side) => {
    const { busy, idle, kinds } = summarise(join(profiles, `${side}.cpuprofile`))
    const rows = kinds
      .slice(0, ROWS)
      .map(([kind, time]) => [kind, seconds(time), `${((100 * time) / busy).toFixed(0)} %`])
    const all = `main thread busy for ${seconds(busy)}, idle for ${seconds(idle)}; processor of all threads ${seconds(run[side].cpu)}`
    return `${side === 'send' ? 'Sender' : 'Receiver'}: ${all}\n\n${table(['where', 'self time', 'of busy'], rows)}`
  })
  return sides.join('\n\n')
}
