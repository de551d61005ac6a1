import createDebug from 'debug'
import { type Clock, systemClock } from '../clock.js'
import { isError, printable, SluiceError } from '../errors.js'
import { checkAbortSignal, checkFlag, checkOption } from '../options.js'
import { type PeerLimits, saidLimits } from '../wire/limits.js'
import type { Message } from '../wire/messages.js'
import { filesFailed, type TransferResult } from '../wire/outcome.js'
import type { Run } from '../wire/run.js'
import { Channel, type ChannelStages, type SessionOptions } from './channel.js'
import { type ByteDuplex, checkDuplex } from './connection.js'
import { asError, cancelled, errorOfPeer, lastWordOf } from './last-word.js'
import { isFinal } from './lifecycle.js'
import { OutcomeTable } from './outcome-table.js'
import { Plan } from './plan.js'
import { Transfer, type TransferControl } from './transfer.js'

const debug = createDebug('sluice:session')

/** What is said of oneself. */
const AGENT = 'sluice/0.1'

/** PINGs, PAUSEs and RESUMEs that a peer may send within a `pingInterval`; an honest one sends a few. */
const MOST_PINGS = 1000

/** What the stages of a river tell the session. */
export interface RiverHooks {
  plan: Plan
  /** An item has passed: at a sender before it is framed, at a receiver behind the demuxer. */
  passed(
    item: Run | { kind: 'offer' | 'blocks' | 'chunks' | 'answered' | 'digests' | 'stored' | 'end' },
  ): void
  warn(warning: SluiceError): void
}

/**
 * The conversation that sender and receiver have in common: HELLO, cancelling, errors, and how it ends. Whatever
 * happens first decides the outcome; `finished` settles when everything that was opened is closed.
 */
export abstract class Session {
  /** What is wanted, what came, and what has its outcome. */
  protected readonly plan: Plan
  protected readonly outcomes = new OutcomeTable()
  protected readonly clock: Clock
  protected readonly control: TransferControl
  protected channel!: Channel
  /** Aborted when the transfer is over, whatever is still to be stored. */
  protected readonly ends = new AbortController()
  /** Aborted when the river has to stop. */
  protected readonly stop = new AbortController()
  readonly #socket: ByteDuplex
  readonly #stages: ChannelStages
  readonly #options: SessionOptions
  /** The sides that want a pause. */
  readonly #paused = { here: false, peer: false }
  /** What the transfer does where no side wants one; `null` before it has begun. */
  #running: 'sending' | 'receiving' | null = null
  /** PINGs and the like since that time. */
  #pings = { count: 0, since: 0 }
  #greeted = false
  #ending: Promise<void> | null = null

  /** Throws `ERR_USAGE` for a socket or an option that is none, before anything is done to the socket. */
  constructor(
    direction: 'send' | 'receive',
    socket: ByteDuplex,
    stages: ChannelStages,
    options: SessionOptions,
  ) {
    const { head, keepOpen, signal } = options
    checkFlag('keepOpen', keepOpen)
    checkDuplex('socket', socket, keepOpen === true)
    checkOption('head', head, head === undefined || Buffer.isBuffer(head), 'a Buffer')
    checkAbortSignal('signal', signal)
    this.plan = new Plan(direction === 'send' ? 'asks' : 'sends')
    this.clock = options.clock ?? systemClock
    const calls = {
      cancel: (reason: string, parts: 'keep' | 'discard') => {
        if (parts === 'discard') this.discard()
        return this.#cancel(reason)
      },
      pause: (isWanted: boolean) => this.#pause('here', isWanted),
      attach: (paths: readonly string[]) => this.attach(paths),
      end: () => this.end(),
    }
    this.control = Transfer.create(direction, calls, this.plan, this.clock)
    this.#pings.since = this.clock.now()
    this.#socket = socket
    this.#stages = stages
    this.#options = options
  }

  /** Begins to speak: called when the stages are made, so that a wrong option leaves the socket alone. */
  protected open(): void {
    const { signal } = this.#options
    this.channel = new Channel(this.#socket, this.#stages, this.#options, {
      talk: (message) => this.#talk(message),
      ended: () => this.hungUp(),
      failed: (error) => this.fail(asError(error)),
    })
    const limits = saidLimits(this.#options.limits)
    this.say({ type: 'hello', version: 1, agent: AGENT, features: [], limits })
    signal?.addEventListener('abort', this.#aborted)
    if (signal?.aborted) queueMicrotask(this.#aborted)
  }

  get transfer(): Transfer {
    return this.control.transfer
  }

  /** The peer has said HELLO, and what it takes where that is not the default. */
  protected abstract greeted(limits: PeerLimits): void
  /** A message that only one of the two directions knows; `false` if it is the peer's last. */
  protected abstract heard(message: Message): boolean
  /** The peer has nothing more to say. */
  protected hungUp(): void {}
  /** Resolves when what came is where it should be; before the streams of the river are stopped. */
  protected async drained(): Promise<void> {}
  /** Resolves when the streams of the river have closed what they opened. */
  protected abstract settled(): Promise<void>

  /** The offer was accepted: it runs, or is paused, as the sides want. */
  protected begin(running: 'sending' | 'receiving'): void {
    this.#running = running
    this.control.move(running)
    this.#rest()
  }

  /** Offers more; settles with the answer. */
  protected async attach(_paths: readonly string[]): Promise<void> {
    throw new SluiceError('ERR_STATE', 'only a sender can attach files to a transfer')
  }

  /** Nothing more will be attached. */
  protected end(): void {}

  /** Nothing is to stay of files that have not ended. */
  protected discard(): void {}

  /** Stops what it does by itself, or goes on. */
  protected rest(_isPaused: boolean): void {}

  /** Ends well: the receiver has reported, and the sender has read it. */
  protected conclude(result: TransferResult): void {
    // the list is not made unless there is something to say of it
    const error = result.failed > 0 ? filesFailed(result.files, result.files.length) : undefined
    this.#end({ keepOpen: this.#options.keepOpen === true, afterPeer: false }, () =>
      error ? this.control.fail(error) : this.control.complete(result),
    )
  }

  /**
   * Ends with an error. `lastWord` is what the peer is told of it: by default the error itself, unless it cannot be
   * reached; `null` where it knows already.
   */
  protected fail(error: SluiceError, lastWord: Message | null = lastWordOf(error)): void {
    if (this.#ending !== null) return
    debug('failed: %s %s', error.code, printable(error.message))
    if (lastWord) this.say(lastWord)
    // who rejected an offer waits for the RESULT that answers it, and for the end behind that
    const isAnswer = lastWord?.type === 'result'
    const afterPeer = lastWord !== null && !isAnswer && this.#greeted
    this.#end({ keepOpen: false, afterPeer }, () => this.control.fail(error))
  }

  /** Tells the peer, unless this side has had its last word. */
  protected say(message: Message): void {
    if (this.#ending === null) this.channel.say(message)
  }

  /** The river begins behind the handshake. */
  protected requireHello(): void {
    if (this.#greeted) return
    const message = `the peer began before it said hello: it sends by hand (sluice pack), one way, and this side holds a conversation; use send() there, or receive by hand`
    throw new SluiceError('ERR_PROTOCOL', message)
  }

  protected result(bytes = this.plan.cameBytes): TransferResult {
    return this.outcomes.result(this.transfer.id, this.plan.entries, bytes, this.plan.provedBytes)
  }

  /** Whether the outcome is decided. */
  protected get over(): boolean {
    return this.#ending !== null
  }

  #end(how: Parameters<Channel['hangUp']>[0], settle: () => void): void {
    if (this.#ending !== null) return
    this.#options.signal?.removeEventListener('abort', this.#aborted)
    this.#ending = (async () => {
      await null // the reader is in the middle of a message
      this.ends.abort()
      await this.drained()
      this.stop.abort()
      await Promise.all([this.channel.hangUp(how), this.settled()])
      if (!isFinal(this.transfer.state)) settle()
    })()
  }

  readonly #aborted = (): void => {
    const reason: unknown = this.#options.signal?.reason
    this.#cancel(isError(reason) ? reason.message : '')
  }

  /** One flag a side, however often it is said; it goes on when neither is set. */
  #pause(side: 'here' | 'peer', isWanted: boolean): void {
    if (this.#ending !== null || this.#paused[side] === isWanted) return
    this.#paused[side] = isWanted
    const { here, peer } = this.#paused
    this.control.pausedBy(here && peer ? 'both' : here ? 'here' : peer ? 'peer' : null)
    if (side === 'here') this.say({ type: isWanted ? 'pause' : 'resume' })
    this.#rest()
  }

  #rest(): void {
    if (this.#running === null) return
    const isPaused = this.#paused.here || this.#paused.peer
    this.rest(isPaused)
    const state = isPaused ? 'paused' : this.#running
    if (this.transfer.state !== state) this.control.move(state)
  }

  async #cancel(reason: string): Promise<void> {
    const lastWord: Message = { type: 'cancel', ...(reason !== '' && { reason }) }
    this.fail(cancelled('here', reason), lastWord)
    // how it ended is told there
    await this.transfer.finished.catch(() => {})
  }

  #talk(message: Message): boolean {
    debug('heard %s', message.type)
    if (this.#ending !== null) {
      if (message.type === 'cancel' || message.type === 'error') this.channel.peerDone()
      return true
    }
    if (!this.#greeted && message.type !== 'hello' && message.type !== 'error' && message.type !== 'cancel') {
      throw new SluiceError('ERR_PROTOCOL', `the peer said ${message.type} before hello`)
    }
    switch (message.type) {
      case 'hello':
        if (this.#greeted) throw new SluiceError('ERR_PROTOCOL', 'the peer said hello twice')
        this.#greeted = true
        this.channel.greeted()
        this.greeted(message.limits ?? {})
        return true
      case 'ping':
        this.#pinged()
        return true
      case 'pause':
      case 'resume':
        this.#pinged()
        this.#pause('peer', message.type === 'pause')
        return true
      case 'cancel':
        this.fail(cancelled('by the peer', message.reason), null)
        return false
      case 'error':
        this.fail(errorOfPeer(message.code, message.text), null)
        return false
      default:
        return this.heard(message)
    }
  }

  /** A sign of life costs the peer next to nothing, and keeps the connection: there must not be any number of them. */
  #pinged(): void {
    const now = this.clock.now()
    const { pingInterval } = this.#options.limits
    if (now - this.#pings.since > pingInterval) this.#pings = { count: 0, since: now }
    this.#pings.count += 1
    if (this.#pings.count <= MOST_PINGS) return
    const message = `the peer sent more than ${MOST_PINGS} pings and pauses within ${pingInterval} ms`
    throw new SluiceError('ERR_LIMIT', message, { expected: MOST_PINGS })
  }
}
