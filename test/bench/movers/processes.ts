// What programs use that are not of Node: by /proc, and by what the shell says of its children.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { peakMemory, type Usage } from '../figures/usage.js'

/** Milliseconds between two looks. */
const LOOK = 20
/** Looks until something has to be as it should. */
const PATIENCE = 250
/** Clock ticks per second in /proc: always 100 on Linux. */
const TICKS = 100

/** The start of such a process takes next to nothing, and is always counted. */
const usageOf = (cpu: number, peak: number): Usage => ({ cpu, cpuWithStart: cpu, peak })

/** A pipeline of the shell, whose processes are measured. */
export interface Piped {
  stderr: Readable
  ended: Promise<Usage>
  kill(): void
}

/**
 * Runs a line of the shell, and the arguments `$1`, `$2`, … in it.
 * @throws Error if its last program ended with an error; with what was said on standard error
 */
export function shell(script: string, args: readonly string[]): Piped {
  const measured = `${script}; status=$?; times >&3; exit $status`
  const child = spawn('sh', ['-c', measured, 'sh', ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // as a group, which can be ended as a whole
    detached: true,
  })
  const kill = () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!)
  }
  endsWithUs(child, kill)
  const peak = watchPeak(child.pid!)
  const said = Promise.all([text(child.stderr!), text(child.stdio[3] as Readable), once(child, 'exit')])
  const ended = said.then(([notes, times, [code, signal]]) => {
    const most = peak()
    if (code !== 0) throw new Error(`${script} ended with ${signal ?? code}: ${notes.trim()}`)
    return usageOf(secondsIn(times), most)
  })
  ended.catch(() => {})
  return { stderr: child.stderr!, ended, kill }
}

/** What `times` of the shell says, of itself and of its children, user and system, all together in seconds. */
export function secondsIn(times: string): number {
  const all = times.matchAll(/(\d+)m([\d.]+)s/g)
  return [...all].reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0)
}

/**
 * Measures the processes that a server starts for what is done meanwhile.
 * @returns what that gives, and what they used
 */
export async function measureServer<T>(pid: number, act: () => Promise<T>): Promise<[T, Usage]> {
  const before = childSeconds(pid)
  const peak = watchPeak(pid)
  try {
    const result = await act()
    // only when it has taken leave of its children, their time is in its account
    for (let looks = 0; looks < PATIENCE && family(pid).length > 1; looks++) await wait(LOOK)
    return [result, usageOf(childSeconds(pid) - before, peak())]
  } finally {
    peak()
  }
}

/** Sees to it that a process does not outlive this one, which may be stopped at any time. */
export function endsWithUs(child: ChildProcess, kill: () => void = () => child.kill()): void {
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
}

/** Ends a process, and waits for it. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill()
  await gone
}

/** Tries until it succeeds. */
export async function patiently(what: string, attempt: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < PATIENCE; looks++) {
    if (await attempt()) return
    await wait(LOOK)
  }
  throw new Error(`waited in vain: ${what}`)
}

/** Processor seconds of the children that ended, of a process. */
function childSeconds(pid: number): number {
  const fields = statFields(pid)
  return fields ? (Number(fields[13]) + Number(fields[14])) / TICKS : 0
}

/** The fields of /proc/PID/stat after the name of the command, which may have blanks in it. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** A process and its descendants; the process alone where /proc does not tell. */
function family(root: number): number[] {
  const all = [root]
  for (const pid of all) {
    try {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      all.push(...children.split(' ').filter(Boolean).map(Number))
    } catch {
      // it has ended meanwhile
    }
  }
  return all
}

/** Looks at the memory of a family until it is asked for: the largest peak of one process. */
function watchPeak(root: number): () => number {
  let peak = 0
  const look = () => {
    peak = Math.max(peak, ...family(root).map((pid) => peakMemory(pid)))
  }
  look()
  const timer = setInterval(look, LOOK)
  return () => {
    clearInterval(timer)
    return peak
  }
}
