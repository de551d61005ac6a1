import createDebug from 'debug'
import { deferred } from '../async.js'
import { type Clock, systemClock } from '../clock.js'
import { isError, printable, SluiceError } from '../errors.js'
import { SERIES } from '../wire/limits.js'
import type { Message, Messages } from '../wire/messages.js'
import { filesFailed, type TransferResult } from '../wire/outcome.js'
import { type Attachments, attachTo } from './attachments.js'
import { Channel, type SessionOptions } from './channel.js'
import { checkConnection, keptOpenBy } from './connection.js'
import type { TransferCalls } from './lifecycle.js'
import { asError, cancelled, errorOfPeer, firstWord, lastWordOf, notClosed, withMore } from './peer-error.js'
import { Plan } from './plan.js'
import { type ByteDuplex, checkDuplex } from './streams/byte-duplex.js'
import type { ChannelStages } from './streams/channel-stages.js'
import { Transfer, type TransferControl } from './transfer.js'
import { PingLimit } from './watch/heartbeat.js'
import { Patience } from './watch/patience.js'
import { Stalls } from './watch/stalls.js'

const debug = createDebug('sluice:session')

/**
 * The conversation that sender and receiver have in common: HELLO, cancelling, errors, and how it ends. What
 * happens first decides the outcome; `finished` settles when all that was opened is closed, or, where it failed, was
 * waited for.
 */
export abstract class Session {
  /** What is wanted, what came, and what has its outcome. */
  protected readonly plan: Plan
  protected readonly clock: Clock
  control: TransferControl
  protected channel!: Channel
  /** What is attached, at a sender. */
  protected readonly attachments?: Attachments
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
  readonly #pings: PingLimit
  readonly #stalls: Stalls
  readonly #patience: Patience
  #greeted = false
  #ending: Promise<void> | null = null
  readonly #closed = deferred<void>()
  /** Resolves when all that was opened for the connection is closed, or is waited for no longer. */
  readonly closed = this.#closed.promise
  readonly #atRest = deferred<void>()
  /** Resolves when all of it is closed, however long that takes: never, where a store does not answer. */
  readonly atRest = this.#atRest.promise
  /** Cancelled here, perhaps while the connection was closed already. */
  #cancelled: SluiceError | undefined

  /** Throws `ERR_USAGE` for a socket or an option that is none, before anything is done to the socket. */
  constructor(
    direction: 'send' | 'receive',
    socket: ByteDuplex,
    stages: ChannelStages,
    options: SessionOptions,
  ) {
    checkConnection(options)
    checkDuplex('socket', socket, keptOpenBy(options))
    this.plan = new Plan(direction === 'send' ? 'asks' : 'sends')
    this.clock = options.clock ?? systemClock
    const control = options.continuing?.control
    this.control = control ?? Transfer.create(direction, this.#calls, this.plan, this.clock)
    if (control) this.#paused.here = control.follow(this.plan, this.#calls)
    this.#pings = new PingLimit(this.clock, options.limits.pingInterval)
    this.#stalls = new Stalls(this.clock, (text) => this.control.warn(new SluiceError('ERR_TIMEOUT', text)))
    this.#patience = new Patience(this.clock, options.limits.closeTimeout)
    this.#socket = socket
    this.#stages = stages
    this.#options = options
  }

  /** Begins to speak: called when the stages are made, so that a wrong option leaves the socket alone. */
  protected open(): void {
    this.channel = new Channel(this.#socket, this.#stages, this.#options, {
      talk: (message) => this.#talk(message),
      ended: () => this.hungUp(),
      looked: () => this.#stalls.look(this.#stages.owed()),
      silent: (isSilent) => this.control.silent(isSilent),
      failed: (error) => this.fail(asError(error)),
    })
    try {
      this.#greet()
    } catch (error) {
      // whoever is told this by a throw still has the socket, and nobody else is to listen to it
      this.channel.abandon()
      throw error
    }
  }

  #greet(): void {
    const { signal } = this.#options
    this.channel.open()
    this.say(firstWord(this.#options))
    if (this.#paused.here) this.say({ type: 'pause' })
    signal?.addEventListener('abort', this.#aborted)
    if (signal?.aborted) queueMicrotask(this.#aborted)
  }

  get transfer(): Transfer {
    return this.control.transfer
  }

  /** The peer has said HELLO. */
  protected abstract greeted(hello: Messages['hello']): void
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

  /** Nothing is to stay of files that have not ended. */
  protected discard(): void {}
  /** Stops what it does by itself, or goes on. */
  protected rest(_isPaused: boolean): void {}

  /** Ends well: the receiver has reported, and the sender has read it. */
  protected conclude(result: TransferResult): void {
    // the list is not made unless there is something to say of it
    const whole = this.control.whole(result)
    const error = whole.failed > 0 ? filesFailed(whole.files, whole.files.length) : undefined
    const keepOpen = this.#options.keepOpen === true || this.transfer.hasNext
    this.#end({ keepOpen, afterPeer: false }, (open) => {
      if (open) this.control.warn(new SluiceError('ERR_TIMEOUT', open))
      if (error) this.control.fail(error)
      else this.control.complete(whole)
    })
  }

  /**
   * Ends with an error. `lastWord` is what the peer is told of it: by default the error itself, unless it cannot be
   * reached; `null` where it knows already.
   */
  protected fail(error: SluiceError, lastWord: Message | null = lastWordOf(error)): void {
    if (this.#ending !== null) return
    // what ended well is waited for as long as it takes
    this.#patience.runOut()
    const explained = this.channel.explained(error)
    debug('failed: %s %s', error.code, printable(error.message))
    if (lastWord) this.say(lastWord)
    // who rejected an offer waits for the RESULT that answers it, and for the end behind that
    const afterPeer = lastWord !== null && lastWord.type !== 'result' && this.#greeted
    const { continuing } = this.#options
    this.#end({ keepOpen: false, afterPeer }, (open) => {
      const told = withMore((continuing && this.#cancelled) ?? explained, open)
      if (continuing) continuing.failed(told, this.control)
      else this.control.fail(told)
    })
  }

  /** The peer has made another connection: nothing is said or heard over this one any more. */
  replace(): void {
    this.fail(new SluiceError('ERR_INTERRUPTED', 'the peer has made another connection'), null)
    this.channel.cut()
  }

  /** The peer goes on over this connection with a transfer that began over another one. */
  protected goOn(control: TransferControl): void {
    this.control = control
    if (control.follow(this.plan, this.#calls)) this.#pause('here', true)
    // the peer may have said so before its offer told what goes on
    this.#rest()
    control.move('connecting')
    control.move('offered')
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
    return this.control.outcomes.result(this.transfer.id, this.plan.entries, bytes, this.plan.provedBytes)
  }

  /** Whether the outcome is decided. */
  protected get over(): boolean {
    return this.#ending !== null
  }

  /** @param settle told what is open still, if somebody does not close it and is waited for no longer */
  #end(how: Parameters<Channel['hangUp']>[0], settle: (open: string | undefined) => void): void {
    if (this.#ending !== null) return
    this.#options.signal?.removeEventListener('abort', this.#aborted)
    this.#ending = (async () => {
      await null // the reader is in the middle of a message
      this.ends.abort()
      await this.drained()
      this.#stages.dismiss()
      this.stop.abort()
      const settled = this.settled()
      const [areClosed] = await Promise.all([this.#patience.for(settled), this.channel.hangUp(how)])
      if (!this.transfer.isOver) settle(areClosed ? undefined : notClosed(this.#stages.owed()))
      this.#closed.resolve()
      settled.then(this.#atRest.resolve)
    })()
  }

  readonly #aborted = (): void => {
    const reason: unknown = this.#options.signal?.reason
    this.#cancel(isError(reason) ? reason.message : '')
  }

  readonly #calls: TransferCalls = {
    cancel: (reason, parts) => {
      if (parts === 'discard') this.discard()
      return this.#cancel(reason)
    },
    pause: (isWanted) => this.#pause('here', isWanted),
    attach: (paths) => attachTo(this.attachments, paths),
    isOpen: () => this.attachments?.isOpen ?? false,
    end: () => this.attachments?.end(),
  }

  /** One flag a side, however often it is said; it goes on when neither is set. */
  #pause(side: 'here' | 'peer', isWanted: boolean): void {
    if (this.#ending !== null && this.#options.continuing) this.control.pausedBy(isWanted ? 'here' : null)
    if (this.#ending !== null || this.#paused[side] === isWanted) return
    this.#paused[side] = isWanted
    if (side === 'here') this.say({ type: isWanted ? 'pause' : 'resume' })
    this.#rest()
  }

  #rest(): void {
    const { here, peer } = this.#paused
    this.control.pausedBy(here && peer ? 'both' : here ? 'here' : peer ? 'peer' : null)
    if (this.#running === null) return
    this.rest(here || peer)
    this.control.move(here || peer ? 'paused' : this.#running)
  }

  readonly #cancel = async (reason: string): Promise<void> => {
    this.#cancelled ??= cancelled('here', reason)
    this.#patience.runOut()
    this.fail(this.#cancelled, { type: 'cancel', ...(reason !== '' && { reason }) })
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
        if (this.#options.series && message.features.includes(SERIES)) this.control.hasNext()
        this.channel.greeted()
        this.greeted(message)
        return true
      case 'ping':
      case 'pause':
      case 'resume':
        this.#pings.heard()
        if (message.type !== 'ping') this.#pause('peer', message.type === 'pause')
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
}
