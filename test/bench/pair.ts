import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from './command.js'
import type { Usage } from './measure.js'
import type { Job, Order, Report } from './peer.js'

/** A built checkout of this project, and the Node that runs it. */
export interface Build {
  node: string
  /** Its program for one side of a transfer. */
  peer: string
  /** Its command: what its package.json installs as `sluice`. */
  command: string
}

/** The program that is no function of the library, but the command itself in two processes. */
export const COMMAND = 'blake3, command line'

/** What one transfer took. */
export interface Run {
  /** Seconds from the order to send until both sides are done. */
  wall: number
  /** Over the connection, in both directions, where they were counted. */
  bytes?: number | undefined
  send: Usage
  receive: Usage
}

export interface PairOptions {
  build: Build
  program: string
  source: string
  target: string
  /** Measures the event-loop delay too. */
  delay?: boolean
  /** A folder in which both processes leave a profile of their processor time. */
  profiles?: string
}

/** The reports as they arrive: the probe has put what it measured beside the last one. */
type Message = Report & { measured?: Usage }

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url))
const PROBE = new URL('probe.js', import.meta.url).href

/** Where the program for one side is in a built checkout; in this one if none is given. */
export const peerOf = (checkout = CHECKOUT) => join(checkout, 'dist', 'test', 'bench', 'peer.js')

/** A built checkout, run by `node`; this one if none is given. */
export function buildOf(node: string, checkout = CHECKOUT): Build {
  const { bin } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'))
  return { node, peer: peerOf(checkout), command: join(checkout, bin.sluice) }
}

/** Runs a transfer between two processes over a TCP connection on loopback. */
export async function runPair({ build, profiles, delay, ...job }: PairOptions): Promise<Run> {
  if (job.program === COMMAND) return runCommand(build, job.source, job.target)
  const start = (role: Job['role']) => {
    const execArgv = ['--import', delay ? `${PROBE}?delay` : PROBE]
    if (profiles)
      execArgv.push('--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${role}.cpuprofile`)
    return fork(build.peer, [JSON.stringify({ ...job, role } satisfies Job)], {
      execPath: build.node,
      execArgv,
    })
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
    return { wall, send: send!.measured!, receive: receive!.measured! }
  } finally {
    for (const child of children) child.kill()
  }
}

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
function failure(child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code !== 0) reject(new Error(`a process of the benchmark ended with ${signal ?? code}`))
    })
  })
}
