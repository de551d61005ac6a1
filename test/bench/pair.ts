import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Usage } from './measure.js'
import type { Delay, Job, Order, Report } from './peer.js'

/** What one transfer took. */
export interface Run {
  /** Seconds from the order to send until both sides are done. */
  wall: number
  send: Usage
  receive: Usage
}

/** What two processes reported beside it. */
export interface PairRun extends Run {
  delays?: { send: Delay; receive: Delay }
}

export interface PairOptions {
  program: string
  source: string
  target: string
  delay?: boolean
  /** A folder in which both processes leave a profile of their processor time. */
  profiles?: string
}

const PEER = fileURLToPath(new URL('peer.js', import.meta.url))

/** Runs a transfer between two processes over a TCP connection on loopback. */
export async function runPair({ profiles, delay, ...job }: PairOptions): Promise<PairRun> {
  const start = (role: Job['role']) => {
    const execArgv = profiles
      ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${role}.cpuprofile`]
      : []
    return fork(PEER, [JSON.stringify({ ...job, role, delay } satisfies Job)], { execArgv })
  }
  const children = [start('receive'), start('send')] as const
  try {
    const failed = Promise.race(children.map(failure))
    const [receiver] = await Promise.race([
      Promise.all(children.map((child) => report(child, 'ready'))),
      failed,
    ])
    const done = Promise.all(children.map((child) => report(child, 'done')))
    const began = performance.now()
    for (const child of children) child.send({ kind: 'go', port: receiver!.port } satisfies Order)
    const [receive, send] = await Promise.race([done, failed])
    const wall = (performance.now() - began) / 1000
    await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')))
    return {
      wall,
      send: send!.usage,
      receive: receive!.usage,
      ...(send!.delay && receive!.delay ? { delays: { send: send!.delay, receive: receive!.delay } } : {}),
    }
  } finally {
    for (const child of children) child.kill()
  }
}

function report<K extends Report['kind']>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<Report, { kind: K }>> {
  return new Promise((resolve) => {
    child.on('message', (message: Report) => {
      if (message.kind === kind) resolve(message as Extract<Report, { kind: K }>)
    })
  })
}

/** Rejects if the child ends with an error; stays open otherwise. */
function failure(child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code !== 0) reject(new Error(`a process of the benchmark ended with ${signal ?? code}`))
    })
  })
}
