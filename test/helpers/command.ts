import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { checkEvent } from './event-schema.js'

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** The program behind `sluice`: the bundle, which is what people run. */
export const MAIN = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))

/** Where nothing can be kept: a test that needs an identity says where it is to be. */
export const NO_HOME = '/dev/null/no-home'

export interface Ended {
  code: number | null
  out: string
  err: string
}

/**
 * The command line in a process of its own, ended with the test. Each event that it prints is checked against the
 * schema of events.
 */
export class Command {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  readonly #lines: AsyncIterator<string>
  #out: string[] = []

  constructor(
    t: ExecutionContext<unknown>,
    args: string[],
    options: {
      cwd?: string
      input?: 'pipe' | 'ignore' | number
      output?: number
      main?: string
      /** A program, and its arguments, which starts it. */
      through?: readonly string[]
      env?: NodeJS.ProcessEnv
    } = {},
  ) {
    const [program, ...words] = [...(options.through ?? []), process.execPath, options.main ?? MAIN, ...args]
    this.child = spawn(program!, words, {
      cwd: options.cwd,
      stdio: [options.input ?? 'ignore', options.output ?? 'pipe', 'pipe'],
      env: { ...process.env, DEBUG: '', SLUICE_HOME: NO_HOME, ...options.env },
    })
    t.teardown(() => this.child.kill('SIGKILL'))
    const lines = createInterface(this.child.stdout ?? Readable.from([]))
    lines.on('line', (line) => this.#out.push(line))
    this.#lines = lines[Symbol.asyncIterator]()
    this.ended = Promise.all([text(this.child.stderr!).catch(() => ''), once(this.child, 'close')]).then(
      ([err, [code]]) => {
        if (args.includes('--json')) eventsOf(args, this.#out, err).forEach(checkEvent)
        return { code: code as number | null, out: this.#out.join('\n'), err }
      },
    )
  }

  /** The next line of standard output. */
  async line(): Promise<string> {
    return (await this.#lines.next()).value
  }
}

/** Where standard output is bytes, events go to standard error. */
function eventsOf(args: readonly string[], out: readonly string[], err: string): readonly string[] {
  const isBytes = args.includes('pack') || args.includes('--stdio')
  return isBytes ? err.split('\n').filter((line) => line !== '') : out
}

export function run(t: ExecutionContext<unknown>, ...args: string[]): Promise<Ended> {
  return new Command(t, args).ended
}
