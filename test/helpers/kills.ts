import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { removeOrphans } from '../../lib/files/index.js'

const CHILD = fileURLToPath(new URL('./kill-child.js', import.meta.url))

/** Runs children that die of SIGKILL, and counts where they did. */
export class Kills {
  /** How many died, by phase and call. */
  readonly counts = new Map<string, Map<string, number>>()
  #seed = 1
  readonly #t: ExecutionContext<unknown>

  constructor(t: ExecutionContext<unknown>) {
    this.#t = t
  }

  get total(): number {
    let total = 0
    for (const calls of this.counts.values()) for (const count of calls.values()) total += count
    return total
  }

  /**
   * One process in a role of kill-child.ts. It dies, or ends with success.
   * @returns whether it died, and the last number that it acknowledged
   */
  async run(role: string, dir: string, within: number, done = 0): Promise<{ died: boolean; done: number }> {
    const args = [role, dir, String(this.#seed++), String(within), String(done)]
    // what is killed writes no coverage, and counting it costs time
    const { NODE_V8_COVERAGE: _, ...env } = process.env
    const child = fork(CHILD, args, { env, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    this.#t.teardown(() => child.kill('SIGKILL'))
    let said = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const [code, signal] = await once(child, 'close')
    const lines = said.split('\n').slice(0, -1)
    const killed = lines.at(-1)?.match(/^killed (.+) (\w+)$/)
    if (killed ? signal !== 'SIGKILL' : code !== 0) throw new Error(`${role}: ${code} ${signal}: ${said}`)
    if (killed) this.#count(killed[1]!, killed[2]!)
    const numbers = lines.map((line) => Number(/^done (\d+)$/.exec(line)?.[1] ?? 0))
    return { died: signal !== null, done: Math.max(done, ...numbers) }
  }

  #count(phase: string, call: string): void {
    const calls = this.counts.get(phase) ?? new Map<string, number>()
    this.counts.set(phase, calls)
    calls.set(call, (calls.get(call) ?? 0) + 1)
  }

  /** Says how many died in which phase, and in which calls. */
  log(): void {
    this.#t.log(`${this.total} processes killed`)
    for (const [phase, calls] of this.counts) {
      const all = [...calls].sort((a, b) => b[1] - a[1])
      const sum = all.reduce((total, [, count]) => total + count, 0)
      this.#t.log(`${phase}: ${sum} (${all.map(([call, count]) => `${call} ${count}`).join(', ')})`)
    }
  }
}

/** Removes orphans, and throws where something of ours is left then. */
export async function checkNothingLeft(dir: string, { orphans = true } = {}): Promise<void> {
  const everything = { olderThan: 0, recursive: true, now: () => Number.MAX_VALUE }
  if (orphans) await removeOrphans(dir, everything)
  const left = (await readdir(dir, { recursive: true })).filter((path) => path.includes('.sluice'))
  if (left.length > 0) throw new Error(`left: ${left.join(', ')}`)
}
