import { deferred } from '../async.js'
import { type Clock, systemClock } from '../clock.js'
import { isError, type SluiceError } from '../errors.js'
import { type Continuing, UNCONNECTED } from '../transfer/lifecycle.js'
import { asError, cancelled } from '../transfer/peer-error.js'
import type { Sender } from '../transfer/sender.js'
import type { ByteDuplex } from '../transfer/streams/byte-duplex.js'
import { Transfer, type TransferControl } from '../transfer/transfer.js'
import type { Resume } from '../wire/messages.js'
import { beginOver, type Connect, overConnections } from './connections.js'
import { MoreConnections } from './more-connections.js'
import type { ReconnectOptions } from './retry.js'

/** What a lasting sender needs. */
interface Lasting {
  connect: Connect
  /** Begins the conversation over a connection. */
  begin(socket: ByteDuplex, continuing: Continuing): Sender
  retry: Required<ReconnectOptions>
  /** Connections at once, from 1 on. */
  connections: number
  /** Whether more may be attached, whenever there is a connection. */
  isOpen: boolean
  /** Lets go of what is sent. Called when the transfer failed, before it says so. */
  release(): Promise<void>
  clock?: Clock | undefined
  signal?: AbortSignal | undefined
}

/**
 * Sends over one connection after the other, as long as the transfer was accepted and it is the connection that fails.
 */
export function sendLasting(lasting: Lasting): Transfer {
  return new LastingSender(lasting).control.transfer
}

class LastingSender {
  readonly control: TransferControl
  readonly #lasting: Lasting
  readonly #clock: Clock
  /** Aborted with an error when the transfer is cancelled. */
  readonly #stop = new AbortController()
  /** What is to be said to go on with it. */
  #resume: Resume | undefined
  readonly #more: MoreConnections
  /** Tells whoever waits for an answer over the last connection that it was lost. */
  #leave = (_error: SluiceError) => {}

  constructor(lasting: Lasting) {
    this.#lasting = lasting
    this.#clock = lasting.clock ?? systemClock
    this.control = Transfer.create('send', UNCONNECTED, undefined, this.#clock)
    this.control.onCancel(this.#cancel, lasting.isOpen)
    const { signal, connect, retry, connections } = lasting
    const { warn } = this.control
    this.#more = new MoreConnections(connections - 1, { connect, retry, clock: this.#clock, warn })
    const abort = () =>
      this.#stop.abort(cancelled('here', isError(signal?.reason) ? signal.reason.message : ''))
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
    this.#run()
      .catch(async (thrown) => {
        await lasting.release().catch((error) => this.control.warn(asError(error)))
        this.control.fail(asError(thrown))
      })
      .finally(() => signal?.removeEventListener('abort', abort))
  }

  /** Resolves when the transfer is completed, or has failed over a connection that brought it to its end. */
  async #run(): Promise<void> {
    await null // whoever called has the transfer before anything happens to it
    const { connect, retry } = this.#lasting
    await overConnections({
      ...{ connect, retry, clock: this.#clock, signal: this.#stop.signal },
      connecting: () => this.control.move('connecting'),
      serve: (socket) => this.#converse(socket),
      lost: (error) => this.#lost(error),
      reconnecting: (attempt) => this.control.reconnecting(attempt),
    })
  }

  #converse(socket: ByteDuplex): Promise<SluiceError | undefined> {
    const { promise, resolve } = deferred<SluiceError | undefined>()
    const { control } = this
    const failed = (error: SluiceError) => {
      forget()
      this.#resume = session.resume
      this.#leave = (lost) => session.lost(lost)
      resolve(error)
    }
    const widen: Continuing['widen'] = (widening) => this.#more.open(widening)
    const continuing = { control, resume: this.#resume, failed, widen }
    const session = beginOver(socket, () => this.#lasting.begin(socket, continuing))
    const forget = control.whenOver(() => resolve(undefined))
    return promise
  }

  #lost(error: SluiceError): void {
    if (!this.#resume) throw error
    this.control.onCancel(this.#cancel, this.#lasting.isOpen)
    this.control.move('interrupted')
    this.#leave(error)
    this.#leave = () => {}
  }

  readonly #cancel = async (reason: string): Promise<void> => {
    this.#stop.abort(cancelled('here', reason))
    await this.control.transfer.finished.catch(() => {})
  }
}
