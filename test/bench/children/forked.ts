import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { now, type Usage } from '../figures/usage.js'
import type { Order, Report } from './talk.js'

/** Loaded into each process that is measured, before its program. */
export const PROBE = new URL('probe.js', import.meta.url).href

/** A program of the benchmark in a process of its own: it gets ready, is told to go, and says when it is done. */
export interface Forked {
  ready(): Promise<Extract<Report, { kind: 'ready' }>>
  go(order?: Omit<Order, 'kind'>): void
  /** Resolves with what was used from `go` on, once the process has ended. */
  done(): Promise<{ usage: Usage; at: number; bytes: number | undefined }>
  kill(): void
}

export interface ForkOptions {
  node: string
  /** Measures the event-loop delay too. */
  delay?: boolean
  /** A folder in which the process leaves a profile of its processor time, and its name there. */
  profile?: { folder: string; name: string } | undefined
}

/** Starts a module of this folder with a job. */
export function forked(module: string, job: object, { node, delay, profile }: ForkOptions): Forked {
  const execArgv = ['--import', delay ? `${PROBE}?delay` : PROBE]
  if (profile)
    execArgv.push('--cpu-prof', `--cpu-prof-dir=${profile.folder}`, `--cpu-prof-name=${profile.name}`)
  const path = fileURLToPath(new URL(`${module}.js`, import.meta.url))
  const child = fork(path, [JSON.stringify(job)], { execPath: node, execArgv })
  const ready = report(child, 'ready')
  const done = report(child, 'done').then(async ({ measured, bytes }) => {
    const at = now()
    if (child.exitCode === null) await once(child, 'exit')
    return { usage: measured!, at, bytes }
  })
  const failed = failure(child, module)
  const orFailure = <T>(promise: Promise<T>) => Promise.race([promise, failed])
  return {
    ready: () => orFailure(ready),
    go: (order = { port: 0 }) => void child.send({ kind: 'go', ...order } satisfies Order),
    done: () => orFailure(done),
    kill: () => void child.kill(),
  }
}

/** The reports as they arrive: the probe has put what it measured beside the last one. */
type Message = Report & { measured?: Usage }

function report<K extends Message['kind']>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<Message, { kind: K }>> {
  return new Promise((resolve) => {
    child.on('message', (message: Message) => {
      if (message.kind === kind) resolve(message as Extract<Message, { kind: K }>)
    })
  })
}

/** Rejects if the child ends with an error; stays open otherwise. */
function failure(child: ChildProcess, module: string): Promise<never> {
  const failed = new Promise<never>((_, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code !== 0)
        reject(new Error(`the process "${module}" of the benchmark ended with ${signal ?? code}`))
    })
  })
  // one whose partner failed first is not awaited any more
  failed.catch(() => {})
  return failed
}
