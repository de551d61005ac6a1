import { readFileSync } from 'node:fs'

/** What one process used. */
export interface Usage {
  /** Seconds of processor time of all threads, user and system, since the work began. */
  cpu: number
  /** The same, with the start of the process. */
  cpuWithStart: number
  /** The most resident memory at any moment, in bytes. */
  peak: number
  /** Where it was asked for. */
  delay?: Delay | undefined
}

/** Milliseconds that an event loop was late. */
export interface Delay {
  p99: number
  /** The longest time without a turn for a timer that is due each millisecond. */
  longest: number
  /** Both without the time in which others had all processors, where the system counts that (Linux). */
  heldP99: number
  heldLongest: number
}

/** What one run of a contender took. */
export interface Sample {
  /** Seconds from the moment the work begins until all processes are done with it. */
  wall: number
  /** The same, with the start of the process that begins it. */
  wallWithStart: number
  /** By what each process is: `sender`, `receiver`, … */
  usage: Record<string, Usage>
  /** What went over the connection, in both directions, where it was counted. */
  bytes?: number | undefined
}

/**
 * The peak of resident memory in bytes. Where /proc tells it that is used: `maxRSS` of a child begins with what its
 * parent had when it was started.
 */
export function peakMemory(pid: number | 'self' = 'self'): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Number(found?.[1] ?? 0) * 1024
  } catch {
    return pid === 'self' ? process.resourceUsage().maxRSS * 1024 : 0
  }
}

/** Milliseconds since 1970, to a fraction: what several processes of one machine agree on. */
export const now = () => performance.timeOrigin + performance.now()
