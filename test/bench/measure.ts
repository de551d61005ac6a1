import { readFileSync } from 'node:fs'

/** What one process used. */
export interface Usage {
  /** Seconds of processor time of all threads, user and system, since the order to begin. */
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
  p50: number
  p99: number
  max: number
  /** The longest time without a turn for a timer that is due each millisecond. */
  longest: number
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

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A table in Markdown, the columns padded so that it can be read as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]!.length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`
  const rule = line(widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)))
  return [line(head), rule, ...rows.map(line)].join('\n')
}

export const seconds = (value: number) => `${value.toFixed(2)} s`
export const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`
export const milliseconds = (value: number) => `${value.toFixed(1)} ms`
