import type { Duplex, Readable, Writable } from 'node:stream'
import { SluiceError } from '../../errors.js'
import { isBytes } from '../../options.js'

/** The river: what each stage takes and gives, and what stands before and behind it. */
const RIVER = {
  fileSource: { gives: 'items', next: 'hashTap(), framer() and a connection belong' },
  hashTap: {
    takes: 'items',
    before: 'fileSource() or demuxer()',
    gives: 'items',
    next: 'framer() or partSink() belongs',
  },
  spreader: { takes: 'items', before: 'hashTap()', gives: 'items', next: 'framer() belongs' },
  framer: { takes: 'items', before: 'hashTap()', gives: 'bytes', next: 'a connection belongs' },
  deframer: { gives: 'frames', next: 'demuxer() belongs' },
  demuxer: { takes: 'frames', before: 'deframer()', gives: 'items', next: 'hashTap() and partSink() belong' },
  mapCuts: { takes: 'items', before: 'hashTap()', gives: 'items', next: 'partSink() belongs' },
  verifier: { takes: 'items', before: 'hashTap()', gives: 'items', next: 'a sink of your own belongs' },
  partSink: {
    takes: 'items',
    before: 'demuxer() and hashTap()',
    gives: 'stored files',
    next: 'finalizer() belongs',
  },
  finalizer: { takes: 'stored files', before: 'partSink()' },
} as const

type Taking = Exclude<keyof typeof RIVER, 'fileSource' | 'deframer'>
type Giving = Exclude<keyof typeof RIVER, 'finalizer'>

/** Milliseconds after which a stage that something is piped into, and nobody reads, says so. */
const UNREAD = 1000

/**
 * The error for what a stage was given and does not take: one before it is missing, or it stands in the wrong place.
 */
export function misplaced(name: Taking, chunk: unknown): SluiceError {
  const { takes, before } = RIVER[name]
  const message = `${name}() takes ${takes}, and was given ${flowOf(chunk)}: it belongs behind ${before}`
  return new SluiceError('ERR_STATE', message)
}

/** @throws SluiceError `ERR_STATE` for what does not flow where the stage belongs; items of any kind are items */
export function checkPlace(name: Exclude<Taking, 'finalizer'>, chunk: unknown): void {
  if (flowOf(chunk) !== RIVER[name].takes) throw misplaced(name, chunk)
}

/**
 * Sees to what stands behind a stage that gives nothing: a pipeline asks it for what it gives, as if it were a list,
 * and fails with what is thrown then; else it would say that its "val" is wrong.
 */
export function belongsLast(name: 'finalizer', stage: Writable): void {
  const message = `${name}() gives nothing, and something was put behind it: it belongs at the end, behind ${RIVER[name].before}`
  // not in the class: TypeScript would take it for a stage that may have another one behind it
  Object.defineProperty(stage, Symbol.asyncIterator, {
    value: () => {
      throw new SluiceError('ERR_STATE', message)
    },
  })
}

function flowOf(chunk: unknown): string {
  if (isBytes(chunk) || typeof chunk === 'string') return 'bytes'
  const { kind, store } = (chunk ?? {}) as { kind?: unknown; store?: unknown }
  if (kind === 'data' || kind === 'message') return 'frames'
  if (kind === 'stored' || store !== undefined) return 'stored files'
  return typeof kind === 'string' ? 'items' : 'something that is no item'
}

/**
 * Sees to what stands behind a stage. Where that takes only bytes, Node would throw in the middle of an event, and end
 * the process: that becomes the error of the stage, `ERR_STATE`. Where nothing reads, a pipeline waits for ever: the
 * process warns of it, `SLUICE_UNREAD`. It is no error, since whoever pipes by hand may begin to read much later.
 */
export function watchNext(name: Giving, stage: Readable): void {
  const { gives, next } = RIVER[name]
  const { pipe } = stage
  stage.pipe = function watched<T extends NodeJS.WritableStream>(to: T, options?: { end?: boolean }): T {
    const { writableObjectMode } = to as unknown as Writable
    if (gives === 'bytes' || writableObjectMode !== false) return pipe.call(this, to, options) as T
    const message = `${name}() gives ${gives}, and is piped into a stream that takes only bytes: ${next} behind it`
    stage.destroy(new SluiceError('ERR_STATE', message))
    return to
  }
  stage.once('pipe', () => {
    // what has taken all of its input keeps nobody waiting
    const isUnread = () =>
      !stage.destroyed &&
      (stage as Duplex).writableFinished === false &&
      stage.readableFlowing === null &&
      stage.listenerCount('readable') === 0
    setImmediate(() => {
      if (!isUnread()) return
      const warn = () => {
        const message = `nobody reads what ${name}() gives: ${next} behind it`
        if (isUnread()) process.emitWarning(message, { type: 'SluiceWarning', code: 'SLUICE_UNREAD' })
      }
      const late = setTimeout(warn, UNREAD)
      stage.once('close', () => clearTimeout(late))
    })
  })
}
