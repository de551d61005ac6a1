import { AssertionError } from 'node:assert'
import type { Duplex, Readable, Stream, Writable } from 'node:stream'
import { isBytes, type Keys } from '../../../options.js'
import { isFinalOfLibrary } from '../../../stages/bytes/foreign-stage.js'
import { tellsClose } from '../../../transfer/streams/ending.js'

/** One property of a stage, checked by `run`, which rejects with an `AssertionError` if it does not hold. */
export interface ConformanceCase {
  /** A sentence about behaviour, unique within its suite. */
  name: string
  run(): Promise<void>
}

/** What every suite takes. */
export interface ConformanceOptions {
  /** Calls of the factory with bad options: each must throw `ERR_USAGE` at once. */
  badOptions?: (() => unknown)[]
  /** Counts what the stages hold open (files, timers): after each case it must be what it was before. */
  open?: () => number
  /** Called after each case, for instance to remove a temporary folder. */
  after?: () => void | Promise<void>
  /**
   * Milliseconds until something that does not come is a failure, or a large input does not go on; 10,000 by default.
   * Nothing waits for it otherwise.
   */
  patience?: number
}

/** Their names. */
export const CONFORMANCE_OPTIONS: Keys<ConformanceOptions> = {
  badOptions: true,
  open: true,
  after: true,
  patience: true,
}

/** Fails the case with `message`. */
export function fail(message: string): never {
  throw new AssertionError({ message, stackStartFn: fail })
}

/** Fails the case unless `condition` holds. */
export function ensure(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError({ message, stackStartFn: ensure })
}

/**
 * The result of `promise`, or a failure that names `what` if it takes longer than `patience` milliseconds.
 * @param moved counts what moves: as long as it goes on, it is slow, and not late
 */
export async function within<T>(
  patience: number,
  what: string,
  promise: Promise<T>,
  moved?: () => number,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    let before = moved?.()
    const look = () => {
      const now = moved?.()
      if (now === before) reject(new AssertionError({ message: `${what}: not within ${patience} ms` }))
      before = now
      timer = setTimeout(look, patience)
    }
    timer = setTimeout(look, patience)
  })
  try {
    return await Promise.race([promise, deadline])
  } finally {
    clearTimeout(timer)
  }
}

/** Lets the event loop turn `count` times: whatever is due by now happens. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** How many turns without an event count as quiet. */
export const QUIET = 50

/**
 * Resolves when the stream has room again, or was destroyed; to be called as soon as `write` has said that it has none.
 */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done)
      resolve()
    }
    stream.on('drain', done).on('close', done)
    if (stream.destroyed || stream.writableNeedDrain === false) done()
  })
}

/** Streams that have told that they are closed: not each can be asked. */
const toldClose = new WeakSet<Stream>()

/** Streams that have told their end. */
const toldEnd = new WeakSet<Stream>()

/** What a stream tells when all of it has come out, or, where nothing comes out, gone in. */
const endOf = (stream: Stream) => ('read' in stream ? 'end' : 'finish')

/** What makes the same streams, and listens to each from its beginning. */
export function listening<S extends Stream>(make: () => S | Promise<S>): () => Promise<S> {
  return async () => {
    const stream = guarded(await make())
    stream.once('close', () => toldClose.add(stream))
    stream.once(endOf(stream), () => toldEnd.add(stream))
    return stream
  }
}

/** What a stage does is called by Node, or by the stage before it: nobody catches there what it throws. */
const CALLED = ['write', 'end', '_transform', '_flush', '_write', '_writev', '_final', '_read'] as const

/** The same stream: what it throws becomes its error, so that it fails the case, and does not end the process. */
export function guarded<S extends object>(stream: S): S {
  const methods = stream as Record<string, unknown> & { destroy?(error: unknown): unknown }
  for (const name of CALLED) {
    const method = methods[name]
    if (typeof method !== 'function' || (name === '_final' && isFinalOfLibrary(stream))) continue
    methods[name] = function called(this: unknown, ...args: unknown[]) {
      try {
        return method.apply(this, args)
      } catch (error) {
        methods.destroy?.(error)
        return false
      }
    }
  }
  return stream
}

/**
 * `close` came. Of a stream that `listening` made; one of another library, which may have no such event, is over and
 * has had time to tell.
 */
export async function closeCame(stream: Readable | Writable): Promise<void> {
  // it is closed a moment before all have heard it
  if (stream.closed || toldClose.has(stream)) return turns(1)
  const told = (event: string) => new Promise((resolve) => stream.once(event, resolve))
  const close = told('close')
  if (tellsClose(stream)) return void (await close)
  const isOver = stream.destroyed === true || toldEnd.has(stream)
  const over = isOver ? Promise.resolve() : Promise.race([told(endOf(stream)), told('error')])
  await Promise.race([close, over.then(() => turns(QUIET))])
}

/** Records the events of a stream, and which of them came after it had closed. */
export class EventLog {
  readonly errors: Error[] = []
  readonly late: string[] = []
  #closed = false

  constructor(stream: Readable | Writable | Duplex, { data = false } = {}) {
    const note = (name: string) => () => {
      if (this.#closed) this.late.push(name)
    }
    for (const name of ['end', 'finish', 'drain', 'close']) stream.on(name, note(name))
    if (data) stream.on('data', note('data'))
    stream.on('error', (error) => {
      note('error')()
      this.errors.push(error)
    })
    stream.once('close', () => {
      this.#closed = true
    })
  }
}

/** What a chunk counts where it passes: its bytes, or 1 in a stream of objects, if that is known of the stream. */
export function sizeOf(chunk: unknown, objects: boolean | undefined): number {
  return !objects && isBytes(chunk) ? chunk.length : 1
}

/** What a stream may hold if nothing else is said: bytes, or objects. */
const BYTES = 1024 * 1024
const OBJECTS = 16

/** What a stream may hold, where its chunks are like this one. */
export function boundOf({ bound }: { bound?: number }, objects: boolean | undefined, chunk: unknown): number {
  return bound ?? ((objects ?? !isBytes(chunk)) ? OBJECTS : BYTES)
}

type HighWaterMarks = Partial<Pick<Duplex, 'writableHighWaterMark' | 'readableHighWaterMark'>>

/** How to come below a bound, where that is not the fault of the stage alone. */
export function hintAt({ writableHighWaterMark, readableHighWaterMark }: HighWaterMarks): string {
  const marks = [writableHighWaterMark, readableHighWaterMark].filter((mark) => mark !== undefined)
  const are = marks.length > 0 ? `; its highWaterMark is ${marks.join(' and ')}` : ''
  return `${are}: if it passes on what it takes, a smaller highWaterMark is all that it needs (1 for objects)`
}

/** The same cases with what every suite does around each of them. */
export function framed(cases: ConformanceCase[], options: ConformanceOptions): ConformanceCase[] {
  return cases.map(({ name, run }) => ({
    name,
    async run() {
      const before = options.open?.()
      try {
        await run()
        await settle(() => options.open?.() === before)
        const left = options.open?.()
        ensure(left === before, `${name}: ${left} things are open afterwards, ${before} were before`)
      } finally {
        await options.after?.()
      }
    },
  }))
}

async function settle(reached: () => boolean): Promise<void> {
  for (let turn = 0; turn < QUIET && !reached(); turn++) await turns(1)
}
