import type { EventEmitter } from 'node:events'
import { isReadable, type Readable } from 'node:stream'
import { isAnyArrayBuffer } from 'node:util/types'
import { deferred } from '../../async.js'
import { printable, SluiceError } from '../../errors.js'
import { badOption, isBytes } from '../../options.js'
import { decodeText, encodeText, TextEncoderInPieces, type TextEncoding } from '../content/encodings.js'
import { knownFormat, parseText } from '../content/formats.js'
import { checkSchema, type Schema } from '../content/schema.js'

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
 * What is to be written: text and bytes as one buffer, or content that comes in pieces. `ERR_USAGE` for anything else,
 * and for a stream that has ended.
 */
export function contentOf(data: WriteData, encoding: TextEncoding): Uint8Array | Pieces {
  if (typeof data === 'string') return encodeText(data, encoding)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (isAnyArrayBuffer(data)) return new Uint8Array(data)
  if (!isPieces(data)) {
    throw badOption('data', 'text, bytes, a stream or an iterable of them', data)
  }
  // it would yield nothing, and empty the file
  if (isReadable(data as Readable) === false) {
    throw badOption('data', 'a stream that was not yet read to its end or destroyed', data)
  }
  return data
}

/**
 * The content, once the value in it was checked, if there is a schema: `ERR_PARSE`, `ERR_SCHEMA`; `ERR_USAGE` if the
 * name says no format.
 */
export async function checkedContent(
  content: Uint8Array,
  encoding: TextEncoding,
  schema: Schema | undefined,
  path: string,
): Promise<Uint8Array> {
  if (schema === undefined) return content
  // a copy, so that the caller cannot change it between the check and the write
  const bytes = Uint8Array.from(content)
  const text = decodeText(bytes, encoding, path)
  await checkSchema(await parseText(knownFormat(path), text, path), schema, path)
  return bytes
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
  // the error is met when the piece is read
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
    if (typeof piece === 'string') yield text.encode(piece)
    else if (isBytes(piece)) {
      text.end()
      yield piece
    } else throw badOption('each piece of data', 'text or a Uint8Array', piece)
  }
  text.end()
}

/** The same pieces until the signal is aborted: then it throws `ERR_CANCELLED`, even while it waits for a piece. */
export async function* piecesUntilAborted(
  pieces: Pieces,
  signal: AbortSignal | undefined,
  path: string,
): AsyncGenerator<string | Uint8Array> {
  if (!signal) {
    yield* pieces
    return
  }
  const iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]()
  try {
    for (;;) {
      const next = await unlessAborted(async () => iterator.next(), signal, path)
      if (next.done) return
      yield next.value
    }
  } finally {
    // an iterator that waits for its source answers late or never: not awaited
    Promise.resolve(iterator.return?.()).catch(() => {})
  }
}

/** The result of `act`, unless the signal is aborted before: `ERR_CANCELLED`. */
export async function unlessAborted<T>(
  act: () => Promise<T>,
  signal: AbortSignal | undefined,
  path: string,
): Promise<T> {
  checkSignal(signal, path)
  if (!signal) return act()
  const { promise, resolve, reject } = deferred<T>()
  const abort = () => reject(writeCancelled(path, signal))
  signal.addEventListener('abort', abort)
  act().then(resolve, reject)
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Throws `ERR_CANCELLED` if the signal is aborted. */
export function checkSignal(signal: AbortSignal | undefined, path: string): void {
  if (signal?.aborted) throw writeCancelled(path, signal)
}

/** The error of a cancelled write. */
export function writeCancelled(path: string, signal: AbortSignal | undefined): SluiceError {
  const message = `writing ${printable(path)} was cancelled; the file is what it was`
  return new SluiceError('ERR_CANCELLED', message, { path, cause: signal?.reason })
}

/** The error of a write that was given up without a reason. */
export function destroyedBeforeEnd(path: string): SluiceError {
  const message = `writing ${printable(path)} was given up before its end; the file is what it was`
  return new SluiceError('ERR_DESTROYED', message, { path })
}

/** A stream, or something like one, such as the lines of `node:readline`. */
type Emitter = EventEmitter & AsyncIterable<string | Uint8Array, undefined> & { destroy?(): void }

function isEmitter(data: unknown): data is Emitter {
  const { on } = (data ?? {}) as Partial<EventEmitter>
  return typeof on === 'function' && Symbol.asyncIterator in (data as object)
}

function isPieces(data: unknown): data is Pieces {
  return (
    typeof data === 'object' && data !== null && (Symbol.asyncIterator in data || Symbol.iterator in data)
  )
}

/** Bytes of one write: with a progress callback or a signal (PORTION), and without (LARGE_PORTION). */
export const PORTION = 4 * 1024 * 1024
export const LARGE_PORTION = 32 * 1024 * 1024

/** Smaller pieces are joined: to write each one alone costs far more than to copy it. */
const SMALL_PIECE = 16 * 1024

/** Bytes of joined pieces, at most. */
const TOGETHER = 64 * 1024

/** The same bytes in larger pieces: small ones are joined in one buffer, which is reused for the next piece. */
export async function* gatheredPieces(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let buffer: Buffer | undefined
  let used = 0
  for await (const piece of pieces) {
    if (used > 0 && (piece.length >= SMALL_PIECE || used + piece.length > TOGETHER)) {
      yield buffer!.subarray(0, used)
      used = 0
    }
    if (piece.length >= SMALL_PIECE) yield piece
    else {
      buffer ??= Buffer.allocUnsafe(TOGETHER)
      buffer.set(piece, used)
      used += piece.length
    }
  }
  if (used > 0) yield buffer!.subarray(0, used)
}
