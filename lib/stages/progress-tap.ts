import type { Readable, Transform } from 'node:stream'
import { transform } from 'through2'
import { type Clock, systemClock } from '../clock.js'
import { errorOf } from '../errors.js'
import { checkFunction, checkKeys, checkOption, isBytes } from '../options.js'
import { cutsOf } from '../wire/run.js'
import type { Item } from './river/items.js'

/** What has passed a {@link progressTap}. */
export interface Passed {
  bytes: number
  /** Files that ended; 0 where only bytes pass. */
  files: number
}

/** What {@link progressTap} takes. */
export interface ProgressTapOptions {
  /** Milliseconds between two calls at least; 100 by default, 0 for a call with each chunk. */
  interval?: number
  /** Where the time comes from; the clock of the process by default. */
  clock?: Clock
}

/**
 * Looks at each chunk on its way, bytes or objects alike, and passes it on as it is; `onEnd` sees the end. What
 * they throw fails the stream. Holds at most two chunks.
 */
export function tap<T>(onChunk: (chunk: T) => void, onEnd: () => void = () => {}): Transform {
  checkFunction('onChunk', onChunk)
  checkFunction('onEnd', onEnd)
  const guarded = (look: () => void, callback: (error?: Error | null) => void) => {
    try {
      look()
    } catch (error) {
      callback(errorOf(error))
      return false
    }
    return true
  }
  // Objects on both sides: the mark counts chunks, and a byte stream takes and gives chunks as well.
  const stream: unknown = transform(
    { objectMode: true, highWaterMark: 1 },
    (chunk: T, _encoding, callback) => {
      if (guarded(() => onChunk(chunk), callback)) callback(null, chunk)
    },
    (callback) => {
      if (guarded(onEnd, callback)) callback()
    },
  )
  // through2 is built of readable-stream, the same interface in classes of its own.
  return stream as Transform
}

/**
 * Looks at each chunk that a stage gives, before the next stage gets it, as a {@link tap} behind it would; but there is
 * no stage more, which would cost each chunk some eighty calls of functions. What it throws fails the stage. The next
 * stage must be piped to it in the same turn.
 */
export function watchPassing<S extends Readable, T>(stage: S, onChunk: (chunk: T) => void): S {
  checkFunction('onChunk', onChunk)
  return stage.on('data', (chunk: T) => {
    try {
      onChunk(chunk)
    } catch (error) {
      stage.destroy(errorOf(error))
    }
  })
}

/** A {@link tap} that adds up: by default the chunks, else what `measure` says of each. */
export function counter<T>(measure: (chunk: T) => number = () => 1): Transform & { readonly count: number } {
  let count = 0
  const stream = tap<T>((chunk) => {
    count += measure(chunk)
  })
  return Object.defineProperty(stream, 'count', { get: () => count }) as Transform & {
    readonly count: number
  }
}

/**
 * Tells how many bytes and files have passed, not more often than every `interval`, and once at the end. It may
 * stand anywhere, between bytes or between items; before `partSink` it counts runs, behind it stored files.
 * Throws `ERR_USAGE` on a bad option.
 */
export function progressTap(
  onProgress: (passed: Passed) => void,
  options: ProgressTapOptions = {},
): Transform {
  checkKeys('options', options, { interval: true, clock: true })
  const { interval = 100, clock = systemClock } = options
  checkFunction('onProgress', onProgress)
  const isInterval = Number.isFinite(interval) && interval >= 0
  checkOption('interval', interval, isInterval, 'a finite number of milliseconds from 0')
  const passed: Passed = { bytes: 0, files: 0 }
  let told = Number.NEGATIVE_INFINITY
  return tap<Uint8Array | Item>(
    (chunk) => {
      add(passed, chunk)
      const now = clock.now()
      if (now - told < interval) return
      told = now
      onProgress({ ...passed })
    },
    () => onProgress({ ...passed }),
  )
}

function add(passed: Passed, chunk: Uint8Array | Item): void {
  if (isBytes(chunk)) passed.bytes += chunk.length
  else if (chunk.kind === 'run') {
    passed.bytes += chunk.length
    for (const { entry, last } of cutsOf(chunk)) if (last && entry.type === 'file') passed.files++
  } else if (chunk.kind === 'stored') {
    const { first, last, entries, entry: only, failures } = chunk.stored
    for (let index = first; index <= last; index++) {
      const entry = only ?? entries[index]!
      if (failures?.has(index) || entry.type !== 'file') continue
      passed.bytes += entry.size ?? 0
      passed.files++
    }
  }
}
