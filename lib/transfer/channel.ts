import { Socket } from 'node:net'
import type { Duplex, FinishedOptions, Readable, Transform, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import createDebug from 'debug'
import pump from 'pump'
import { asSluiceError, SluiceError } from '../errors.js'
import { systemClock } from '../files/disk/clock.js'
import type { Limits, PeerLimits } from '../wire/limits.js'
import type { Message } from '../wire/messages.js'
import { encodePreface, PrefaceCheck } from '../wire/preface.js'
import { Heartbeat } from './heartbeat.js'

const debug = createDebug('sluice:channel')

/** The stages around a socket, made by `send` and `receive`. */
export interface ChannelStages {
  /** Takes the river of a sender. `talk` puts a message between two frames; `close` ends without one. */
  framer: Duplex & {
    limit(limits: PeerLimits): void
    talk(message: Message): void
    ready(): Promise<void>
    close(): void
  }
  /** Gives the river to a receiver; the conversation goes to `onTalk`, until that says `false`. */
  deframer(onTalk: (message: Message) => boolean): Duplex & { readonly rest: Buffer | null; finish(): void }
  outgoing: Transform[]
  incoming: Transform[]
  /** The formats of the wire stages, the first applied first. */
  formats: string[]
  /** Told of each chunk that the socket has taken, and reads no more. Where that is not known of it, nothing is told. */
  sent?: ((chunk: Buffer) => void) | undefined
  /** Told of each chunk that the socket made for this channel alone. Where that is not known, nothing is told. */
  received?: ((chunk: Buffer) => void) | undefined
}

/** What `send` and `receive` are told about the connection. */
export interface ConnectionOptions {
  /** What was read from the socket before it was handed over, for instance by an HTTP server on an upgrade. */
  head?: Buffer
  /** Gives the socket back after the transfer, open and paused, for what comes next on it. Not with wire stages. */
  keepOpen?: boolean
  limits?: Partial<Limits>
  /** Cancels the transfer. */
  signal?: AbortSignal
}

/** The same, checked and complete. */
export type SessionOptions = ConnectionOptions & { limits: Limits }

export interface ChannelEvents {
  /** A message of the conversation; `false` says that it is the last of the peer. */
  talk(message: Message): boolean
  /** The peer has closed its side, where it may. */
  ended(): void
  /** The connection cannot go on: broken, ended, silent, not understood, or a stage at its end failed. */
  failed(error: Error): void
}

/**
 * A socket with the stages around it. The socket stands apart from the chains, which are torn down on an error: it has
 * to live long enough to carry the ERROR.
 */
export class Channel {
  readonly framer: ChannelStages['framer']
  readonly deframer: ReturnType<ChannelStages['deframer']>
  readonly #socket: Duplex
  /** All of them, the framer and the deframer too. */
  readonly #stages: readonly Duplex[]
  readonly #closeTimeout: number
  readonly #sent: ChannelStages['sent']
  readonly #received: ChannelStages['received']
  readonly #events: ChannelEvents
  readonly #first: Writable
  readonly #last: Readable
  /** There is one only where there are formats to compare: the frames bring a preface of their own. */
  readonly #preface: PrefaceCheck | undefined
  #over = false
  readonly #heartbeat: Heartbeat

  constructor(socket: Duplex, stages: ChannelStages, options: SessionOptions, events: ChannelEvents) {
    const { limits, head } = options
    const { formats } = stages
    this.#socket = socket
    this.#closeTimeout = limits.closeTimeout
    if (isPlain(socket)) {
      this.#sent = stages.sent
      this.#received = stages.received
    }
    this.#events = events
    this.framer = stages.framer
    this.deframer = stages.deframer((message) => events.talk(message))
    this.deframer.once('finish', () => events.ended())
    const incoming = [...stages.incoming, this.deframer]
    const outgoing = [this.framer, ...stages.outgoing]
    this.#stages = [...incoming, ...outgoing]
    this.#first = incoming[0]!
    this.#last = outgoing.at(-1)!
    for (const stage of [...stages.incoming, ...stages.outgoing]) stage.on('error', this.#garbled)
    tie(incoming, this.#fail)
    tie(outgoing, this.#fail)

    this.#heartbeat = new Heartbeat(systemClock, limits, {
      // Where something waits to go out there is no need for a sign of life, and it would only pile up.
      ping: () => this.#last.isPaused() || this.say({ type: 'ping' }),
      isListening: () => !socket.isPaused(),
      timedOut: this.#fail,
    })

    // The list of formats goes in the clear, so that a mismatch can be told from a broken stream.
    if (formats.length > 0) {
      this.#preface = new PrefaceCheck(formats)
      socket.write(encodePreface(formats))
    }
    this.#last.on('data', this.#write).once('end', () => debug('all said'))
    socket
      .on('drain', this.#drained)
      .on('error', this.#broken)
      .on('end', this.#ended)
      .on('close', this.#ended)
    if (head !== undefined && head.length > 0) queueMicrotask(() => this.#read(head))
    socket.on('data', this.#data).resume()
    this.#first.on('drain', this.#resume)
    // What has happened already is not told again.
    if (socket.destroyed)
      queueMicrotask(() => this.#broken(socket.errored ?? new Error('it is closed already')))
    else if (socket.readableEnded) queueMicrotask(this.#ended)
  }

  /** The peer has said HELLO. */
  greeted(): void {
    this.#heartbeat.greeted()
  }

  say(message: Message): void {
    debug('say %s', message.type)
    if (!this.#over) this.framer.talk(message)
  }

  /** Resolves when what was said is on its way, or the connection is over: back-pressure between many messages. */
  async ready(): Promise<void> {
    if (!this.#over) await this.framer.ready()
  }

  /**
   * Ends the connection once what was said has gone out. The peer has `closeTimeout` for it; what it still sends is
   * discarded. With `keepOpen` the socket is given back instead: paused, what follows the transfer unread.
   */
  async hangUp(keepOpen: boolean): Promise<void> {
    this.#heartbeat.stop()
    const socket = this.#socket
    const cancel = systemClock.after(this.#closeTimeout, () => socket.destroy())
    if (!this.#over && !socket.destroyed) {
      const listening = new AbortController()
      const { signal } = listening
      const flushed = ended(this.#last, { writable: false, signal })
      this.framer.close()
      await Promise.race([flushed, ended(socket, { signal })])
      listening.abort() // the socket may be used for long, and for other transfers
    }
    this.#over = true
    if (keepOpen && !socket.destroyed) this.#giveBack()
    else {
      socket.end()
      socket.resume()
      await ended(socket)
      socket.destroy()
    }
    cancel()
    for (const stage of this.#stages) stage.destroy()
  }

  #giveBack(): void {
    const socket = this.#socket
    socket.off('data', this.#data).off('drain', this.#drained).off('error', this.#broken)
    socket.off('end', this.#ended).off('close', this.#ended)
    socket.pause()
    const { rest } = this.deframer
    if (rest !== null && rest.length > 0) socket.unshift(rest)
  }

  readonly #write = (chunk: Buffer): void => {
    this.#heartbeat.said()
    if (this.#socket.destroyed) return
    const sent = this.#sent
    // of a chunk that failed nobody knows whether the system still reads it
    const taken = sent && ((error?: Error | null) => error || sent(chunk))
    if (!this.#socket.write(chunk, taken)) this.#last.pause()
  }

  readonly #drained = (): unknown => this.#last.resume()

  readonly #data = (chunk: Buffer): void => {
    if (this.#socket.listenerCount('data') === 1) this.#received?.(chunk)
    this.#read(chunk)
  }

  readonly #read = (chunk: Buffer): void => {
    this.#heartbeat.heard()
    if (this.#over) return
    let bytes = chunk
    try {
      bytes = this.#preface?.strip(chunk) ?? chunk
    } catch (error) {
      return this.#fail(error as Error)
    }
    if (bytes.length > 0 && !this.#first.write(bytes)) this.#socket.pause()
  }

  readonly #resume = (): void => {
    this.#heartbeat.heard() // while the socket was paused, the peer's silence meant nothing
    this.#socket.resume()
  }

  readonly #ended = (): void => {
    if (this.#over) return
    if (this.#preface?.complete === false)
      this.#fail(new SluiceError('ERR_TRUNCATED', 'the stream ended before its preface did'))
    else if (!this.#first.writableEnded) this.#first.end()
  }

  readonly #broken = (cause: Error): void => {
    const message = `the connection broke: ${cause.message}; run it again to resume`
    this.#fail(new SluiceError('ERR_INTERRUPTED', message, { cause }))
  }

  /** Listens before `tie` does: the other stages are torn down then, and their errors say nothing but that. */
  readonly #garbled = (cause: Error): void => {
    this.#fail(asSluiceError(cause, 'ERR_CORRUPT', 'a wire stage failed'))
  }

  readonly #fail = (error: Error): void => {
    if (this.#over) return
    this.#heartbeat.stop()
    this.#events.failed(error)
  }
}

/** Whether it is a connection of Node's own: of another stream nobody knows who else holds its chunks, and how long. */
function isPlain(socket: Duplex): boolean {
  return Object.getPrototypeOf(socket) === Socket.prototype
}

/** Pipes each stage into the next. They are torn down together when one fails; `failed` is told why. */
function tie(stages: Duplex[], failed: (error: Error) => void): void {
  const heed = (error?: Error | null) => error && failed(error)
  if (stages.length > 1) pump(stages, heed)
  else stages[0]!.on('error', heed)
}

/** Resolves when the stream has ended, or was destroyed; or is not listened to any more. */
async function ended(stream: Duplex | Readable, options: FinishedOptions = {}): Promise<void> {
  await finished(stream, options).catch(() => {})
}
