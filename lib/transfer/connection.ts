import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.js'
import { errorOf, messageOf } from '../errors.js'
import { checkAbortSignal, checkFlag, checkOption, type Keys } from '../options.js'
import type { Limits } from '../wire/limits.js'
import { BUSY, type ByteDuplex, type Listener } from './streams/byte-duplex.js'
import { Ending } from './streams/ending.js'
import { isPlain } from './streams/plain-duplex.js'
import { type InputMemory, readAsData, readInto } from './streams/read-into.js'

/** Throws `ERR_USAGE` for an option of a connection that is none. */
export function checkConnection({
  head,
  keepOpen,
  series,
  signal,
}: {
  head?: unknown
  keepOpen?: unknown
  series?: unknown
  signal?: unknown
}): void {
  checkFlag('keepOpen', keepOpen)
  checkFlag('series', series)
  checkOption('head', head, head === undefined || Buffer.isBuffer(head), 'a Buffer')
  checkAbortSignal('signal', signal)
}

/** What `send` and `receive` are told about the connection. */
export interface ConnectionOptions {
  /** What was read from the socket before it was handed over, for instance by an HTTP server on an upgrade. */
  head?: Buffer
  /**
   * Gives the socket back after the transfer, open and paused, for what comes next on it. Not with wire stages that
   * have a format, or an incoming side.
   */
  keepOpen?: boolean
  /**
   * A sender has another transfer for the same connection when this one is over, and a receiver takes it. Where both
   * sides say so, see `hasNext` of the transfer, the socket is given back as with `keepOpen`. Default false.
   */
  series?: boolean
  limits?: Partial<Limits>
  /** Cancels the transfer. */
  signal?: AbortSignal
  /** For tests: what times and limits of time go by. */
  clock?: Clock
}

/** Options for which the socket may have to be given back. */
export type KeepsOpen = 'keepOpen' | 'series'

/** The option for which the socket may have to be given back, if there is one. */
export function keptOpenBy({ keepOpen, series }: Pick<ConnectionOptions, KeepsOpen>): KeepsOpen | undefined {
  if (keepOpen === true) return 'keepOpen'
  return series === true ? 'series' : undefined
}

/** Their names. */
export const CONNECTION_OPTIONS: Keys<ConnectionOptions> = {
  head: true,
  keepOpen: true,
  series: true,
  limits: true,
  signal: true,
  clock: true,
}

export interface ConnectionEvents {
  /** Bytes came. `isOurs`: the connection made their memory for this transfer alone, and keeps none of it. */
  data(bytes: Buffer, isOurs: boolean): void
  /** What was written is on its way, and more may be. */
  drained(): void
  /** The peer will send nothing more, or the connection is closed. May be called twice. */
  ended(): void
  /** It broke, or one of its methods threw. */
  broken(cause: Error): void
}

/**
 * A {@link ByteDuplex}, whoever wrote it. What it throws, or rejects with, breaks this connection, and nothing else.
 * Nothing is done to it before {@link open}.
 */
export class Connection {
  readonly #duplex: Duplex
  readonly #events: ConnectionEvents
  readonly #ending: Ending
  /** What was read of it before, and was not told yet. */
  #head: Buffer | undefined
  #isPaused = false
  #hasFailed = false
  /** Nobody would hear of its errors, which would end the process: nothing is written to it. */
  #isUnheard = false
  /**
   * Whether anybody else may listen, or did once: one that listens for a single chunk is gone when we are told of that.
   */
  #isShared: boolean

  constructor(given: ByteDuplex, events: ConnectionEvents, { head, clock }: ConnectionOptions) {
    // what else one of Node has is looked at where it may be there
    const duplex = given as Duplex
    this.#duplex = duplex
    this.#events = events
    this.#head = head
    this.#ending = new Ending(duplex, clock)
    this.#listeners = [
      ...this.#ending.listeners,
      ['drain', this.#drained],
      ['end', this.#ended],
      ['close', this.#ended],
      ['error', this.#broken],
      ['data', this.#data],
    ]
    this.#isShared = !isPlain(duplex) || duplex.listenerCount('data') + duplex.listenerCount('readable') > 0
  }

  /**
   * Listens to the duplex, which is busy from now on.
   * @param memory where what comes is read into, if the duplex can do that
   */
  open(memory?: InputMemory): void {
    const duplex = this.#duplex
    BUSY.add(duplex)
    const came = (bytes: Buffer) => {
      this.#giveHead()
      this.#events.data(bytes, false)
    }
    if (memory && this.#isAlone) readInto(duplex, { memory, isAlone: () => this.#isAlone, came })
    // one by one: what `on` returns is not known
    for (const [name, listener] of this.#listeners) this.#try('on', () => duplex.on(name, listener))
    // behind our own
    if (!this.#isShared) this.#try('on', () => duplex.on('newListener', this.#shared))
    this.#try('resume', () => duplex.resume())
    queueMicrotask(this.#giveHead)
    // what has happened already is not told again
    if (this.#ending.isGone || duplex.destroyed)
      queueMicrotask(() => this.#broken(duplex.errored ?? new Error('it is closed already')))
    else if (this.#ending.isReadToEnd) queueMicrotask(this.#ended)
  }

  /**
   * Whether nothing can be said any more: some streams stay as they are behind an error, and never say 'drain' again.
   */
  get isGone(): boolean {
    return this.#isUnheard || this.#hasFailed || this.#ending.isGone || this.#duplex.destroyed === true
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /**
   * @param taken called when the system has taken the bytes and reads them no more; never where that is not known
   * @returns whether more may be written before `drained`
   */
  write(chunk: Buffer, taken?: (chunk: Buffer) => void): boolean {
    if (this.isGone) return true
    // of a chunk that failed nobody knows whether the system still reads it
    const done = taken && isPlain(this.#duplex) && ((error?: Error | null) => error || taken(chunk))
    const write = () => (done ? this.#duplex.write(chunk, done) : this.#duplex.write(chunk))
    return this.#try('write', write) !== false || this.isGone
  }

  pause(): void {
    this.#isPaused = true
    this.#try('pause', () => this.#duplex.pause())
  }

  resume(): void {
    this.#isPaused = false
    this.#try('resume', () => this.#duplex.resume())
  }

  /** Resolves when the peer has ended its side, or the connection is gone; at the latest after `milliseconds`. */
  async peerEnded(milliseconds: number, orSooner?: Promise<void>): Promise<void> {
    this.resume()
    await this.#ending.until(({ isReadToEnd }) => isReadToEnd, milliseconds, orSooner)
  }

  /** Ends this side, and closes all when the peer has ended its own; at the latest after `milliseconds`. */
  async end(milliseconds: number): Promise<void> {
    this.#try('end', () => this.#duplex.end())
    this.resume()
    if (!this.#hasFailed) await this.#ending.until((it) => it.isOver, milliseconds)
    this.destroy()
  }

  destroy(): void {
    BUSY.delete(this.#duplex)
    this.#try('destroy', () => this.#duplex.destroy())
  }

  /** Leaves the stream as it was found: open, paused, with `rest` as the next bytes that it gives. */
  giveBack(rest: Buffer | null): void {
    const duplex = this.#duplex
    readAsData(duplex)
    for (const [name, listener] of this.#listeners) this.#try('off', () => duplex.off(name, listener))
    this.#try('off', () => duplex.off('newListener', this.#shared))
    BUSY.delete(duplex)
    this.#try('pause', () => duplex.pause())
    if (rest !== null && rest.length > 0) this.#try('unshift', () => duplex.unshift(rest))
  }

  /** Whether nobody but us gets what comes. */
  get #isAlone(): boolean {
    return !this.#isShared && isPlain(this.#duplex)
  }

  /** Before all else: what the duplex holds already may come at once. */
  readonly #giveHead = (): void => {
    const head = this.#head
    this.#head = undefined
    if (head !== undefined && head.length > 0) this.#events.data(head, false)
  }

  readonly #data = (chunk: Buffer | Uint8Array | string): void => {
    this.#giveHead()
    if (Buffer.isBuffer(chunk)) this.#events.data(chunk, this.#isAlone)
    else if (ArrayBuffer.isView(chunk))
      this.#events.data(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), false)
    else {
      const what = typeof chunk === 'string' ? 'texts' : 'objects'
      this.#events.broken(new TypeError(`it gives ${what}, not bytes`))
    }
  }

  readonly #shared = (name: unknown): void => {
    if (name === 'data' || name === 'readable') this.#isShared = true
  }
  readonly #drained = (): void => this.#events.drained()
  readonly #ended = (): void => {
    this.#giveHead()
    this.#events.ended()
  }
  readonly #broken = (cause: unknown): void => {
    this.#giveHead()
    this.#hasFailed = true
    this.#events.broken(errorOf(cause))
  }
  readonly #listeners: readonly [name: string, listener: Listener][]

  /** Calls what somebody else wrote: a method of the duplex. */
  #try<T>(method: string, call: () => T): T | undefined {
    const threw = (cause: unknown) => {
      if (method === 'on') this.#isUnheard = true
      this.#broken(new Error(`${method}() of it threw: ${messageOf(cause)}`, { cause }))
    }
    try {
      const given = call() as { then?: unknown } | undefined
      // an async method, which ends the process where nobody hears that it rejects
      if (typeof given?.then === 'function') (given as unknown as Promise<unknown>).then(undefined, threw)
      return given as T
    } catch (error) {
      threw(error)
      return undefined
    }
  }
}
