import { EventEmitter } from 'node:events'
import { isReadable, type Readable } from 'node:stream'
import { printable, SluiceError } from '../../errors.js'
import { badOption } from '../../options.js'
import { TextEncoderInPieces, type TextEncoding } from '../content/encodings.js'
import { gatheredPieces } from './portions.js'

/** What a file can be written from. */
export type WriteData =
  | string
  | NodeJS.ArrayBufferView
  | ArrayBuffer
  | Readable
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>

/** Content that comes in pieces. */
export type Pieces = AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>

/**
 * Checks the data: bytes as one buffer, or content that comes in pieces. `ERR_USAGE` for anything else, and for a
 * stream that has ended.
 */
export function contentOf(data: Exclude<WriteData, string>): Uint8Array | Pieces {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  if (!isPieces(data)) {
    throw badOption('data', 'text, bytes, a stream or an iterable of them', data)
  }
  // it would yield nothing, and empty the file
  if (isReadable(data as Readable) === false) {
    throw badOption('data', 'a stream that was not yet read to its end or destroyed', data)
  }
  return data
}

/** The error for a schema together with a stream: only content in memory can be checked before it is written. */
export function schemaOfStream(): SluiceError {
  return new SluiceError('ERR_USAGE', 'schema needs the content at hand: give text or bytes, not a stream')
}

/**
 * Calls `read` with the data. The first piece of a stream is requested at once: until somebody reads, an error of the
 * stream would be unhandled and end the process, and Node discards the output of a child process that has exited. If
 * `read` fails, the stream is destroyed.
 */
export async function reading<T extends WriteData, R>(
  data: T,
  read: (data: T | Pieces) => Promise<R>,
): Promise<R> {
  try {
    return await read(isEmitter(data) && isReadable(data as Readable) !== false ? begun(data) : data)
  } catch (error) {
    if (isEmitter(data)) data.destroy?.()
    throw error
  }
}

/** The same pieces; the first one has been requested already. */
function begun(emitter: Emitter): Pieces {
  const iterator = emitter[Symbol.asyncIterator]()
  let first: Promise<IteratorResult<string | Uint8Array, undefined>> | undefined = iterator.next()
  // whoever reads it gets the error
  first.catch(() => {})
  const next = () => {
    const asked = first ?? iterator.next()
    first = undefined
    return asked
  }
  const end = async () => {
    await iterator.return?.()
    return { done: true, value: undefined } as const
  }
  return { [Symbol.asyncIterator]: () => ({ next, return: end }) }
}

/**
 * The pieces as bytes; each must be used before the next one is requested. `ERR_USAGE` for what is neither text nor
 * bytes, and for text that the encoding cannot hold. A character may be cut between two pieces of text, but bytes in
 * between are an error.
 */
export function encodedPieces(pieces: Pieces, encoding: TextEncoding): AsyncGenerator<Uint8Array> {
  return gatheredPieces(eachEncoded(pieces, encoding))
}

async function* eachEncoded(pieces: Pieces, encoding: TextEncoding): AsyncGenerator<Uint8Array> {
  const text = new TextEncoderInPieces(encoding)
  for await (const piece of pieces) {
    if (typeof piece !== 'string') text.end()
    yield typeof piece === 'string' ? text.encode(piece) : bytesOfPiece(piece)
  }
  text.end()
}

/** The bytes of a piece; `ERR_USAGE` for anything else. */
function bytesOfPiece(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  throw badOption('each piece of data', 'text or a Uint8Array', piece)
}

/** The same pieces until the signal is aborted: then it throws `ERR_CANCELLED`, even while it waits for a piece. */
export async function* untilAborted(
  pieces: Pieces,
  signal: AbortSignal | undefined,
  path: string,
): AsyncGenerator<string | Uint8Array> {
  if (!signal) {
    yield* pieces
    return
  }
  const iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]()
  let stop = () => {}
  const abort = () => stop()
  signal.addEventListener('abort', abort)
  try {
    for (;;) {
      // no Promise.race with one long-lived promise: that would keep a reaction for each piece
      const next = await new Promise<IteratorResult<string | Uint8Array>>((resolve, reject) => {
        stop = () => reject(cancelled(path, signal))
        if (signal.aborted) stop()
        else Promise.resolve(iterator.next()).then(resolve, reject)
      })
      if (next.done) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', abort)
    // an iterator that waits for its source answers late or never: not awaited
    Promise.resolve(iterator.return?.()).catch(() => {})
  }
}

/** The error of a cancelled write. */
export function cancelled(path: string, signal: AbortSignal | undefined): SluiceError {
  const message = `writing ${printable(path)} was cancelled; the file is what it was`
  return new SluiceError('ERR_CANCELLED', message, { path, cause: signal?.reason })
}

/** A stream, or something like one, such as the lines of `node:readline`. */
type Emitter = EventEmitter & AsyncIterable<string | Uint8Array, undefined> & { destroy?(): void }

function isEmitter(data: unknown): data is Emitter {
  return data instanceof EventEmitter && Symbol.asyncIterator in data
}

function isPieces(data: unknown): data is Pieces {
  return (
    typeof data === 'object' && data !== null && (Symbol.asyncIterator in data || Symbol.iterator in data)
  )
}
