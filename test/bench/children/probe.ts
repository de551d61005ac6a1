// Loaded into each process before its program (`node --import`), so that all are measured by the same code: a program
// of the benchmark, whose last report gets beside it what was measured; and the command, which is started without such
// a channel: there it is written into the pipe that is descriptor 3.
import { openSync, readSync, writeSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'
import { type Delay, now, peakMemory, type Usage } from '../figures/usage.js'
import { onFirstWork } from './first-work.js'

/** What the command leaves: also when it began to work, in milliseconds since 1970, if it did. */
export interface CommandUsage extends Usage {
  began: number | undefined
}

/** Milliseconds between two looks; each interval that the histogram records has it in it. */
const RESOLUTION = 1
const MICRO = 1e-6

const { searchParams } = new URL(import.meta.url)

let began: number | undefined
let before = 0
let delay: (() => Delay) | undefined

function begin(): void {
  began = now()
  before = processorTime()
  // only on demand: a timer for each millisecond costs processor time itself
  if (searchParams.has('delay')) delay = watchDelay()
}

// threads are started with the same arguments, and belong to the process that is measured
if (isMainThread) {
  if (process.send) measureProgram(process.send.bind(process) as Send)
  else measureCommand()
}

type Send = (message: object, ...rest: unknown[]) => boolean

/** It begins when it is told to. */
function measureProgram(send: Send): void {
  process.once('message', begin)
  process.send = (message: { kind: string }, ...rest: unknown[]) =>
    send(message.kind === 'done' ? { ...message, measured: usage() } : message, ...rest)
}

/** It begins with the first thing that it does with what it is to send, or with whom it is to receive from. */
function measureCommand(): void {
  onFirstWork(searchParams.get('source'), begin)
  process.on('exit', () => writeSync(3, JSON.stringify({ ...usage(), began } satisfies CommandUsage)))
}

function usage(): Usage {
  const cpuWithStart = processorTime()
  return { cpu: cpuWithStart - before, cpuWithStart, peak: peakMemory(), delay: delay?.() }
}

/** Seconds of all threads since the process was started, user and system. */
function processorTime(): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  return (userCPUTime + systemCPUTime) * MICRO
}

/** Starts to measure how late the event loop is: by the histogram of Node, and by a timer of our own. */
function watchDelay(): () => Delay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
  histogram.enable()
  const waited = waitForProcessor()
  let last = performance.now()
  let before = waited()
  let longest = 0
  const held: number[] = []
  const look = () => {
    const at = performance.now()
    const wait = waited()
    longest = Math.max(longest, at - last - RESOLUTION)
    held.push(Math.max(0, at - last - RESOLUTION - (wait - before)))
    last = at
    before = wait
  }
  const timer = setInterval(look, RESOLUTION)
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION)
  return () => {
    histogram.disable()
    clearInterval(timer)
    look()
    held.sort((a, b) => a - b)
    return {
      p99: late(histogram.percentile(99)),
      longest,
      heldP99: held[Math.floor(held.length * 0.99)]!,
      heldLongest: held.at(-1)!,
    }
  }
}

/** Tells for how many milliseconds the main thread could have run, and had no processor; 0 where nobody counts. */
function waitForProcessor(): () => number {
  try {
    const counts = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
    const bytes = Buffer.alloc(64)
    // nanoseconds that it ran, and that it waited
    return () => Number(bytes.toString('latin1', 0, readSync(counts, bytes, 0, 64, 0)).split(' ')[1]) / 1e6
  } catch {
    return () => 0
  }
}
