import { deferred } from '../async.js'
import { printable, SluiceError } from '../errors.js'
import { Channel, type SessionOptions } from '../transfer/channel.js'
import type { LaneCalls, OutgoingLane } from '../transfer/lanes/outgoing-lanes.js'
import { asError, errorOfPeer, firstWord, lastWordOf } from '../transfer/peer-error.js'
import { type ByteDuplex, checkDuplex } from '../transfer/streams/byte-duplex.js'
import type { ChannelStages } from '../transfer/streams/channel-stages.js'
import type { Message, Messages, Resume } from '../wire/messages.js'

/**
 * The conversation of a sender over a further connection of a transfer: it proves that it belongs to it. Behind that
 * nothing is said but data, and signs of life.
 */
export class LaneSession implements OutgoingLane {
  readonly framer: ChannelStages['framer']
  readonly closed: Promise<SluiceError | undefined>
  readonly #channel: Channel
  readonly #calls: LaneCalls
  readonly #closed = deferred<SluiceError | undefined>()
  #isOver = false

  /**
   * @param proof which transfer it belongs to, and which number it has there
   * @throws SluiceError `ERR_USAGE`, `ERR_STATE` for a socket
   */
  constructor(
    socket: ByteDuplex,
    stages: ChannelStages,
    options: SessionOptions,
    proof: { resume: Resume; lane: number },
    calls: LaneCalls,
  ) {
    checkDuplex('socket', socket)
    this.closed = this.#closed.promise
    this.#calls = calls
    this.#channel = new Channel(socket, stages, options, {
      talk: (message) => this.#talk(message),
      ended: () => {},
      looked: () => {},
      silent: () => {},
      failed: (error) => this.#end(asError(error)),
    })
    this.framer = this.#channel.framer
    this.#channel.deframer.on('data', () => {
      this.#end(new SluiceError('ERR_PROTOCOL', 'the peer sends files, but this side is the sender'))
    })
    this.#channel.open()
    this.#channel.say(firstWord({ limits: options.limits, continuing: proof }))
  }

  /** Resolves when it is closed: at once, since what is underway will come over another one, or has come. */
  async close(): Promise<void> {
    this.#end()
    this.#channel.cut()
    await this.closed
  }

  #end(error?: SluiceError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#calls.left()
    const lastWord = error && lastWordOf(error)
    if (lastWord) this.#channel.say(lastWord)
    void this.#close(error)
  }

  async #close(error: SluiceError | undefined): Promise<void> {
    await null // the reader is in the middle of a message
    await this.#channel.hangUp({ keepOpen: false, afterPeer: false })
    this.#closed.resolve(error)
  }

  #talk(message: Message): boolean {
    if (this.#isOver) return true
    switch (message.type) {
      case 'hello':
        this.#channel.greeted()
        this.framer.limit(message.limits ?? {})
        return true
      case 'ping':
        return true
      case 'answer':
        this.#answered(message)
        return true
      case 'error':
        this.#end(errorOfPeer(message.code, message.text))
        return false
      default:
        throw new SluiceError('ERR_PROTOCOL', `the peer said ${message.type} where only data goes`)
    }
  }

  #answered({ accept, reason = 'no reason given' }: Messages['answer']): void {
    if (accept) return this.#calls.joined()
    const text = `the receiver takes no further connection: ${printable(reason, 1024)}`
    this.#end(new SluiceError('ERR_REJECTED', text))
  }
}
