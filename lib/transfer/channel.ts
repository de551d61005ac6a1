import type { Duplex, Readable, Writable } from 'node:stream'
import createDebug from 'debug'
import { deferred } from '../async.js'
import { type Clock, systemClock } from '../clock.js'
import { SluiceError } from '../errors.js'
import type { Limits } from '../wire/limits.js'
import type { Message } from '../wire/messages.js'
import { encodePreface, PrefaceCheck } from '../wire/preface.js'
import { Connection, type ConnectionOptions } from './connection.js'
import type { Continuing } from './lifecycle.js'
import { brokenBy, withMore } from './peer-error.js'
import type { ByteDuplex } from './streams/byte-duplex.js'
import type { ChannelStages } from './streams/channel-stages.js'
import { Ending } from './streams/ending.js'
import { pipeAll } from './streams/pipe-all.js'
import { Heartbeat } from './watch/heartbeat.js'

const debug = createDebug('sluice:channel')

/** The same, checked and complete. */
export type SessionOptions = ConnectionOptions & { limits: Limits; continuing?: Continuing }

export interface ChannelEvents {
  /** A message of the conversation; `false` says that it is the last of the peer. */
  talk(message: Message): boolean
  /** The peer has closed its side, where it may. */
  ended(): void
  /** Some time has passed: to look what others owe. */
  looked(): void
  /** The peer is silent, or is heard again. */
  silent(isSilent: boolean): void
  /** The connection cannot go on: broken, ended, silent, not understood, or a stage at its end failed. */
  failed(error: Error): void
}

/**
 * The part of the time for the handshake after which a stage should have given out what it was given, even one that
 * works in a thread of its own.
 */
const LONG = 0.1

/**
 * A connection with the stages around it. Nothing is done to the socket, and no time runs, before {@link open}: what
 * others wrote, and may throw, is made and bound together before. It stands apart from the chains, which are torn down
 * on an error: it has to live long enough to carry the ERROR.
 */
export class Channel {
  readonly framer: ChannelStages['framer']
  readonly deframer: ReturnType<ChannelStages['deframer']>
  readonly #connection: Connection
  readonly #stages: ChannelStages
  /** All of them, the framer and the deframer too. */
  readonly #all: readonly Duplex[]
  readonly #closeTimeout: number
  readonly #clock: Clock
  readonly #events: ChannelEvents
  readonly #first: Writable
  readonly #last: Readable
  readonly #lastEnding: Ending
  /** There is one only where there are formats to compare: the frames bring a preface of their own. */
  readonly #preface: PrefaceCheck | undefined
  readonly #heartbeat: Heartbeat
  readonly #peerDone = deferred<void>()
  /** Whether what goes out waits for the connection. */
  #isBlocked = false
  /** Whether the stages were told that nothing more comes in. */
  #isInputEnded = false
  #over = false
  /** Whether what came before the end was not worked off in time. */
  isLate = false
  #cancelLate = () => {}
  #greeted = false
  readonly #handshakeTimeout: number
  #opened = 0
  /** Bytes that went out, and that came in. */
  #said = 0
  #came = 0

  constructor(socket: ByteDuplex, stages: ChannelStages, options: SessionOptions, events: ChannelEvents) {
    const { limits, clock = systemClock } = options
    this.#stages = stages
    if (stages.formats.length > 0) this.#preface = new PrefaceCheck(stages.formats)
    this.#closeTimeout = limits.closeTimeout
    this.#handshakeTimeout = limits.handshakeTimeout
    this.#clock = clock
    this.#events = events
    this.framer = stages.framer
    this.deframer = stages.deframer((message) => events.talk(message))
    this.deframer.once('finish', () => events.ended())
    const incoming = [...stages.incoming, this.deframer]
    const outgoing = [this.framer, ...stages.outgoing]
    this.#all = [...incoming, ...outgoing]
    this.#first = incoming[0]!
    this.#last = outgoing.at(-1)!
    this.#lastEnding = new Ending(this.#last, clock).listen()
    pipeAll(incoming, this.#fail)
    pipeAll(outgoing, this.#fail)
    this.#last.on('data', this.#write)
    this.#first.on('drain', this.#resume)

    this.#heartbeat = new Heartbeat(clock, limits, {
      // Where something waits to go out there is no need for a sign of life, and it would only pile up.
      ping: () => this.#isBlocked || this.say({ type: 'ping' }),
      // what waits to be parsed, because what was parsed before waits for a slow disk, says nothing about the peer
      isListening: () => !this.#connection.isPaused && this.deframer.writableLength === 0,
      frames: () => this.deframer.framesBegun,
      looked: () => events.looked(),
      silent: (isSilent) => events.silent(isSilent),
      timedOut: this.#fail,
    })
    this.#connection = new Connection(
      socket,
      {
        data: (bytes, isOurs) => {
          if (isOurs) stages.memory?.adopt(bytes)
          this.#read(bytes)
        },
        drained: () => this.#drained(),
        ended: () => this.#ended(),
        broken: (cause) => this.#broken(cause),
      },
      options,
    )
  }

  /**
   * Begins to listen to the peer, and says the formats: in the clear, so that a mismatch can be told from a broken
   * stream.
   */
  open(): void {
    const { formats } = this.#stages
    this.#opened = this.#clock.now()
    this.#heartbeat.start()
    this.#connection.open(this.#stages.memory)
    if (formats.length > 0) this.#connection.write(encodePreface(formats))
  }

  /** Lets go of the socket as it was found, where the session could not begin. */
  abandon(): void {
    this.#over = true
    this.#heartbeat.stop()
    this.#connection.giveBack(null)
    this.#stages.dismiss()
    this.#destroyStages()
  }

  /** The peer has said HELLO. */
  greeted(): void {
    this.#greeted = true
    const hasWaited = this.#clock.now() - this.#opened >= this.#handshakeTimeout * LONG
    this.#stages.greeted({ said: this.#said, hasWaited })
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

  /** The peer has had its last word: {@link hangUp} need not wait for it to end its side. */
  peerDone(): void {
    this.#peerDone.resolve()
  }

  /** Closes the connection at once: nobody is there any more. */
  cut(): void {
    this.#connection.destroy()
  }

  /**
   * Ends the connection once what was said has gone out, within `closeTimeout`. What the peer still
   * sends is discarded. After a last word that the peer does not wait for, it is the peer who ends first: many a stream
   * has no half that could be ended alone, and would lose it. With `keepOpen` the stream is given back instead: paused,
   * what follows the transfer unread.
   */
  async hangUp({ keepOpen, afterPeer }: { keepOpen: boolean; afterPeer: boolean }): Promise<void> {
    this.#heartbeat.stop()
    const connection = this.#connection
    const deadline = this.#clock.now() + this.#closeTimeout
    const left = () => Math.max(0, deadline - this.#clock.now())
    if (!this.#over && !connection.isGone) {
      this.framer.close()
      // a stage may hold back what was said until it has heard of the peer, as encryption does: it need not wait for
      // that
      if (!this.#greeted) this.#endInput()
      await this.#lastEnding.until((last) => last.isReadToEnd || connection.isGone, left())
    }
    this.#over = true
    if (keepOpen && !connection.isGone) connection.giveBack(this.deframer.rest)
    else {
      if (afterPeer) await connection.peerEnded(left(), this.#peerDone.promise)
      await connection.end(left())
    }
    this.#cancelLate()
    this.#destroyStages()
  }

  #destroyStages(): void {
    for (const stage of this.#all) stage.destroy()
  }

  readonly #write = (chunk: Buffer): void => {
    this.#heartbeat.said()
    this.#said += chunk.length
    if (this.#connection.write(chunk, this.#stages.sent)) return
    this.#isBlocked = true
    this.#last.pause()
  }

  readonly #read = (chunk: Buffer): void => {
    this.#heartbeat.heard(chunk.length)
    if (this.#over || this.#isInputEnded) return
    let bytes = chunk
    try {
      bytes = this.#preface?.strip(chunk) ?? chunk
    } catch (error) {
      return this.#fail(error as Error)
    }
    this.#came += bytes.length
    if (bytes.length > 0 && this.#first.write(bytes) === false) this.#connection.pause()
  }

  readonly #resume = (): void => {
    this.#heartbeat.listening()
    this.#connection.resume()
  }

  #drained(): void {
    this.#isBlocked = false
    this.#last.resume()
  }

  #ended(): void {
    if (this.#connection.isGone) this.#drained() // nothing waits for it
    if (this.#over) return
    if (this.#preface?.complete === false)
      this.#fail(new SluiceError('ERR_TRUNCATED', 'the stream ended before its preface did'))
    else this.#endInput()
    // a peer that has ended only its side may still wait for us; else who works off what came before may never end
    if (!this.#connection.isGone) return
    this.#cancelLate()
    this.#cancelLate = this.#clock.after(this.#closeTimeout, () => {
      this.isLate = true
      this.#fail(new SluiceError('ERR_INTERRUPTED', 'the connection was closed; run it again to resume'))
    })
  }

  /** Nothing more comes in: what did may still be on its way through the stages. */
  get isInputEnded(): boolean {
    return this.#isInputEnded
  }

  /** Tells the stages that nothing more comes in. */
  #endInput(): void {
    if (this.#isInputEnded) return
    this.#isInputEnded = true
    this.#first.end()
  }

  #broken(cause: Error): void {
    if (this.#connection.isGone) this.#drained()
    this.#fail(brokenBy(cause, this.#greeted))
    // what came before is still on its way through the stages
    this.#endInput()
  }

  readonly #fail = (error: Error): void => {
    if (this.#over) return
    this.#heartbeat.stop()
    this.#events.failed(error)
  }

  /**
   * The error, which may be one of the peer's, with what is known here of its reason: where one side does not hear the
   * other, a stage may hold back what was said.
   */
  explained(error: SluiceError): SluiceError {
    const hasWaited = error.code === 'ERR_TIMEOUT'
    const hasLeft = error.code === 'ERR_TRUNCATED' && !this.#greeted
    if (!hasWaited && !hasLeft) return error
    const why = this.#stages.unheard({
      said: this.#said,
      came: this.#came,
      heard: this.deframer.bytesGiven,
      isGreeted: this.#greeted,
      hasWaited,
    })
    return withMore(error, why)
  }
}
