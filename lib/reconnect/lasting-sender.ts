import { deferred } from '../async.js'
import { type Clock, pause, systemClock } from '../clock.js'
import { asSluiceError, counted, isError, isSluiceError, SluiceError } from '../errors.js'
import type { ByteDuplex } from '../transfer/connection.js'
import { type Continuing, stateOfError, UNCONNECTED } from '../transfer/lifecycle.js'
import { asError, cancelled } from '../transfer/peer-error.js'
import type { Sender } from '../transfer/sender.js'
import { Transfer, type TransferControl } from '../transfer/transfer.js'
import type { Resume } from '../wire/messages.js'
import { pauseBefore, type RetryOptions } from './retry.js'

/**
 * Makes a connection: the first one, with the attempt 0, and another one whenever it is lost. It may be of another kind
 * each time, to another address. What it throws, or rejects with, counts as an attempt that failed.
 * @param attempt 0 for the first connection, then from 1 on since the last one was lost
 * @param signal aborted when nobody waits for it any more
 */
export type Connect = (attempt: number, signal: AbortSignal) => ByteDuplex | Promise<ByteDuplex>

/** What a lasting sender needs. */
interface Lasting {
  connect: Connect
  /** Begins the conversation over a connection. */
  begin(socket: ByteDuplex, continuing: Continuing): Sender
  retry: Required<RetryOptions>
  /** Whether more may be attached, whenever there is a connection. */
  isOpen: boolean
  /** Lets go of what is sent. Called when the transfer failed, before it says so. */
  release(): Promise<void>
  clock?: Clock | undefined
  signal?: AbortSignal | undefined
}

/** How a conversation failed, and what is to be said to go on with it. */
interface Failure {
  error: SluiceError
  resume: Resume | undefined
  /** Tells whoever waits for an answer over that connection. */
  leave?(): void
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

  constructor(lasting: Lasting) {
    this.#lasting = lasting
    this.#clock = lasting.clock ?? systemClock
    this.control = Transfer.create('send', UNCONNECTED, undefined, this.#clock)
    this.control.onCancel(this.#cancel, lasting.isOpen)
    const { signal } = lasting
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
    const { attempts, longest } = this.#lasting.retry
    let failure = await this.#attempt(0, undefined)
    for (let attempt = 1; failure !== undefined; attempt++) {
      const { error, resume } = failure
      if (!resume || stateOfError(error) !== 'interrupted' || attempts === 0) throw error
      this.control.onCancel(this.#cancel, this.#lasting.isOpen)
      this.control.move('interrupted')
      failure.leave?.()
      if (failure.held > longest) attempt = 1
      if (attempt > attempts) throw givenUp(attempts, error)
      await this.#wait(attempt, error)
      failure = await this.#attempt(attempt, resume)
    }
  }

  /** Makes a connection and sends over it; gives how that failed. */
  async #attempt(
    attempt: number,
    resume: Resume | undefined,
  ): Promise<(Failure & { held: number }) | undefined> {
    this.#stop.signal.throwIfAborted()
    this.control.move('connecting')
    let socket: ByteDuplex
    try {
      socket = await this.#connect(attempt)
    } catch (thrown) {
      this.#stop.signal.throwIfAborted()
      const error = asSluiceError(thrown, 'ERR_UNREACHABLE', 'no connection could be made')
      if (attempt === 0) throw error
      return { error: stillInterrupted(error), resume, held: 0 }
    }
    // it may have been cancelled in the moment in which the connection came
    if (this.#stop.signal.aborted) discard(socket)
    this.#stop.signal.throwIfAborted()
    const since = this.#clock.now()
    const failure = await this.#converse(socket, resume)
    // what is over stays what it is, whoever wants to cancel it then
    if (failure === undefined) return undefined
    this.#stop.signal.throwIfAborted()
    const { error } = failure
    const isAgain = attempt > 0 && error.code === 'ERR_UNREACHABLE'
    return { ...failure, ...(isAgain && { error: stillInterrupted(error) }), held: this.#clock.now() - since }
  }

  async #connect(attempt: number): Promise<ByteDuplex> {
    const late = new AbortController()
    const signal = AbortSignal.any([this.#stop.signal, late.signal])
    const { timeout } = this.#lasting.retry
    const tooLate = new SluiceError('ERR_TIMEOUT', `there was no connection within ${timeout} ms`)
    // a first one may have to ask for a password
    const disarm = attempt === 0 ? () => {} : this.#clock.after(timeout, () => late.abort(tooLate))
    const aborted = deferred<never>()
    const abort = () => aborted.reject(signal.reason)
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    const { connect } = this.#lasting
    const making = (async () => connect(attempt, signal))()
    // one that comes when nobody waits for it is closed
    making.then((socket) => signal.aborted && discard(socket)).catch(() => {})
    try {
      return await Promise.race([making, aborted.promise])
    } finally {
      disarm()
      signal.removeEventListener('abort', abort)
    }
  }

  #converse(socket: ByteDuplex, resume: Resume | undefined): Promise<Failure | undefined> {
    const { promise, resolve } = deferred<Failure | undefined>()
    const { control } = this
    const failed = (error: SluiceError) =>
      resolve({ error, resume: session.resume, leave: () => session.lost(error) })
    const session = this.#begin(socket, { control, resume, failed })
    const over = () => resolve(undefined)
    control.transfer.finished.then(over, over)
    return promise
  }

  /**
   * A connection that is refused was made for this, and nobody else would close it; unless it carries another transfer.
   */
  #begin(socket: ByteDuplex, continuing: Continuing): Sender {
    try {
      return this.#lasting.begin(socket, continuing)
    } catch (error) {
      if (!isSluiceError(error, 'ERR_STATE')) discard(socket)
      throw error
    }
  }

  async #wait(attempt: number, error: SluiceError): Promise<void> {
    const { retry } = this.#lasting
    const wait = Math.round(pauseBefore(attempt, retry))
    this.control.reconnecting({ attempt, attempts: retry.attempts, wait, error })
    // a listener may have cancelled it
    this.#stop.signal.throwIfAborted()
    await pause(this.#clock, wait, this.#stop.signal)
    this.#stop.signal.throwIfAborted()
  }

  readonly #cancel = async (reason: string): Promise<void> => {
    this.#stop.abort(cancelled('here', reason))
    await this.control.transfer.finished.catch(() => {})
  }
}

/** Closes a connection that nobody waits for any more; what it throws then concerns nobody either. */
function discard(socket: ByteDuplex): void {
  try {
    socket?.destroy?.()
  } catch {}
}

/** What began goes on as soon as there is a connection again: that there was none is no end. */
function stillInterrupted(cause: SluiceError): SluiceError {
  return new SluiceError('ERR_INTERRUPTED', cause.message, { cause })
}

function givenUp(attempts: number, cause: SluiceError): SluiceError {
  const tried = `${counted(attempts, 'attempt')} to go on over another one failed`
  const message = `the connection was lost, and ${tried}, the last one since ${cause.message}; run it again to resume`
  return new SluiceError('ERR_INTERRUPTED', message, { cause })
}
