import { Writable } from 'node:stream'
import { deferred } from '../../async.js'
import { systemClock } from '../../clock.js'
import { checkChoice, checkKeys, checkWhole, type Keys, pickKnown } from '../../options.js'
import { AUDITED, type Audited, recorderOf } from '../audit/recorder.js'
import { encodeText, TEXT_ENCODINGS, TextEncoderInPieces, type TextEncoding } from '../content/encodings.js'
import type { PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { admissionOf, HANDLES } from '../own/admission.js'
import { handlesOf } from '../tree/handle-budget.js'
import { AtomicFile, type Written } from './atomic-file.js'
import { ATOMIC_WRITE_OPTIONS, type AtomicWriteOptions, writeSettings } from './options.js'
import { destroyedBeforeEnd, schemaOfStream, writeCancelled } from './pieces.js'

/** Options of {@link createAtomicWriteStream}. */
export interface AtomicStreamOptions extends AtomicWriteOptions, Audited {
  /** The encoding for text that is written without one of its own. Default 'utf8'. */
  encoding?: TextEncoding
  /** Bytes that are buffered before `write` returns false. Default 256 KiB. */
  highWaterMark?: number
}

const STREAM_OPTIONS: Keys<AtomicStreamOptions> = {
  ...ATOMIC_WRITE_OPTIONS,
  ...AUDITED,
  encoding: true,
  highWaterMark: true,
}

const DEFAULT_HIGH_WATER_MARK = 256 * 1024

/**
 * If the buffers are smaller than this on average, they are joined: to write each one alone costs more than to copy
 * it.
 */
const SMALL_WRITE = 4096

/** What `write` was called with (Node calls it a chunk). */
interface Chunk {
  chunk: Buffer | string
  encoding: BufferEncoding
}

/** A stream into a file that gets its name at the end; see {@link createAtomicWriteStream}. */
export class AtomicWriteStream extends Writable {
  /**
   * What was written, once the file has its name; rejects if that fails. The stream emits the same error: whoever
   * listens to that may ignore this.
   */
  readonly result: Promise<Written>
  readonly #path: string
  readonly #options: AtomicStreamOptions
  readonly #text: TextEncoderInPieces
  #file: AtomicFile | undefined
  #written: Written | undefined
  readonly #unwanted = new AbortController()
  /** Gives back the room that it has. */
  #leave: () => void = () => {}
  readonly #answer = deferred<Written>()

  constructor(path: string, options: AtomicStreamOptions) {
    const { encoding = 'utf8', highWaterMark = DEFAULT_HIGH_WATER_MARK } = options
    // decodeStrings: Node would silently replace characters that the encoding cannot hold
    super({ decodeStrings: false, defaultEncoding: encoding, highWaterMark })
    this.#path = path
    this.#options = options
    this.#text = new TextEncoderInPieces(encoding)
    this.result = this.#answer.promise
    // the stream emits the error, too
    this.result.catch(() => {})
    const { signal } = options
    const abort = () => this.destroy(writeCancelled(path, signal))
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
    this.once('close', () => signal?.removeEventListener('abort', abort))
  }

  /** Gives the file up: nothing is changed, also where it still waits for a handle. */
  override destroy(error?: Error): this {
    this.#unwanted.abort()
    return super.destroy(error)
  }

  override _construct(callback: (error?: Error | null) => void): void {
    this.#open().then((file) => {
      this.#file = file
      callback()
    }, callback)
  }

  /** undefined where it was destroyed before there was room for it. */
  async #open(): Promise<AtomicFile | undefined> {
    const { fs = nodeFileSystem } = this.#options
    const { signal } = this.#unwanted
    this.#leave = await admissionOf(fs).enter(HANDLES.write, systemClock, signal)
    if (signal.aborted) return undefined
    return handlesOf(fs).retry(() =>
      AtomicFile.open(this.#path, pickKnown(this.#options, ATOMIC_WRITE_OPTIONS)),
    )
  }

  // Node's own _write calls this with a list of one
  override _writev(chunks: Chunk[], callback: (error?: Error | null) => void): void {
    let buffers: Uint8Array[]
    try {
      buffers = this.#encode(chunks)
    } catch (error) {
      callback(error as Error)
      return
    }
    this.#file!.write(buffers).then(() => callback(), callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#commit().then(() => callback(), callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const end = () => {
      this.#leave()
      if (this.#written) this.#answer.resolve(this.#written)
      else this.#answer.reject(error ?? destroyedBeforeEnd(this.#path))
      callback(error)
    }
    // waits for a running call: it may be the one that gives the file its name
    if (this.#file) this.#file.discard().then(end)
    else end()
  }

  async #commit(): Promise<void> {
    this.#text.end()
    this.#written = await this.#file!.commit()
  }

  #encode(chunks: readonly Chunk[]): Uint8Array[] {
    const buffers = chunks.map(({ chunk, encoding }) => {
      if (typeof chunk === 'string') return this.#bytes(chunk, encoding)
      this.#text.end()
      return chunk
    })
    const bytes = buffers.reduce((all, { length }) => all + length, 0)
    return buffers.length > 8 && bytes < buffers.length * SMALL_WRITE ? [Buffer.concat(buffers)] : buffers
  }

  #bytes(text: string, encoding: BufferEncoding): Buffer {
    const asked = TEXT_NAMES[encoding.toLowerCase()]
    if (asked === (this.#options.encoding ?? 'utf8')) return this.#text.encode(text)
    // only more text in the same encoding could complete a character
    this.#text.end()
    // hex and base64 are bytes in the form of text
    return asked === undefined ? Buffer.from(text, encoding) : encodeText(text, asked)
  }
}

/** Node's names for the encodings of text. */
const TEXT_NAMES: Record<string, TextEncoding> = {
  utf8: 'utf8',
  'utf-8': 'utf8',
  utf16le: 'utf16le',
  'utf-16le': 'utf16le',
  ucs2: 'utf16le',
  'ucs-2': 'utf16le',
  latin1: 'latin1',
  binary: 'latin1',
}

/**
 * A stream whose content replaces the file at `path` when the stream has ended: until then, and after any error,
 * abort or `destroy`, the file is unchanged. Ended without a write it makes an empty file. 'finish' comes once the
 * content has its name, with durability 'power' (the default) safely on the disk; {@link AtomicWriteStream.result}
 * says what was written.
 *
 * Fails with `ERR_USAGE` (at once for options, later for text that the encoding cannot hold), `ERR_DISK_FULL`,
 * `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_UNSAFE_LINK`, `ERR_WRITE`, `ERR_DIGEST` (with `verify`), `ERR_CONFLICT`
 * (with `conflict: 'fail'`), `ERR_CANCELLED` and `ERR_DESTROYED`.
 */
export function createAtomicWriteStream(
  path: PathLike,
  options: AtomicStreamOptions = {},
): AtomicWriteStream {
  return recorderOf(options).watch('createAtomicWriteStream', path, () => {
    // it has the name of an option of other writes, and needs another answer
    if ('schema' in options && options.schema !== undefined) throw schemaOfStream()
    checkKeys('options', options, STREAM_OPTIONS)
    const settings = writeSettings(path, options)
    checkChoice('encoding', options.encoding, TEXT_ENCODINGS)
    checkWhole('highWaterMark', options.highWaterMark, 0)
    return new AtomicWriteStream(settings.path, { ...options, ...settings })
  })
}
