// Loaded into each child process before its program (`node --import`), so that every build is measured by the same
// code: that of the benchmark that runs, not that of the build. It only needs what the two tell each other anyway:
// the first message from the parent is the order to begin, and the child reports `done` with process.send(). In the
// command, which is started without such a channel, it writes what was measured into the pipe that is descriptor 3.
import { writeSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Delay, peakMemory, type Usage } from './measure.js'

/** Milliseconds between two looks; each interval that the histogram records has it in it. */
const RESOLUTION = 1
const MICRO = 1e-6

/** Only on demand (`probe.js?delay`): a timer for each millisecond costs processor time itself. */
const withDelay = new URL(import.meta.url).searchParams.has('delay')

let before = 0
let delay: (() => Delay) | undefined

process.once('message', () => {
  before = processorTime()
  if (withDelay) delay = watchDelay()
})

if (process.send) {
  const send = process.send.bind(process) as (message: object, ...rest: unknown[]) => boolean
  process.send = (message: { kind: string }, ...rest: unknown[]) =>
    send(message.kind === 'done' ? { ...message, measured: usage() } : message, ...rest)
} else {
  // the command: it is not told when to begin, and all that it does counts
  process.on('exit', () => writeSync(3, JSON.stringify(usage())))
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
  let last = performance.now()
  let longest = 0
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last - RESOLUTION)
    last = now
  }
  const timer = setInterval(look, RESOLUTION)
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION)
  return () => {
    histogram.disable()
    clearInterval(timer)
    look()
    return {
      p50: late(histogram.percentile(50)),
      p99: late(histogram.percentile(99)),
      max: late(histogram.max),
      longest,
    }
  }
}
