import { deferred } from '../async.js'
import { type Clock, pause } from '../clock.js'
import { asSluiceError, counted, isSluiceError, SluiceError } from '../errors.js'
import { type Reconnecting, stateOfError } from '../transfer/lifecycle.js'
import type { ByteDuplex } from '../transfer/streams/byte-duplex.js'
import { pauseBefore, type ReconnectOptions } from './retry.js'

/**
 * Makes a connection: the first one, with the attempt 0, and another one whenever it is lost. It may be of another kind
 * each time, to another address. What it throws, or rejects with, counts as an attempt that failed.
 * @param attempt 0 for the first connection, then from 1 on since the last one was lost
 * @param signal aborted when nobody waits for it any more
 */
export type Connect = (attempt: number, signal: AbortSignal) => ByteDuplex | Promise<ByteDuplex>

/** What is done over one connection after the other. */
export interface OverConnections {
  connect: Connect
  retry: Required<ReconnectOptions>
  clock: Clock
  /** Aborted, with the error that it fails with, when it is cancelled. */
  signal: AbortSignal
  /** Aborted when nobody waits any longer for what may come later: then there are no pauses. */
  hurry?: AbortSignal
  /** A connection is about to be made. */
  connecting?(): void
  /** Resolves with how a connection failed, or with nothing when all is done. */
  serve(socket: ByteDuplex): Promise<SluiceError | undefined>
  /** A connection was lost, or could not be made. Throws where there is nothing to go on with. */
  lost?(error: SluiceError): void
  /** Another one will be tried. */
  reconnecting(attempt: Reconnecting): void
  /** Whether there is nothing to connect for any more; asked before each further one. */
  isDone?(): Promise<boolean>
}

/**
 * Makes a connection, and another one whenever it is lost. Rejects with what a connection fails with for good, with
 * `ERR_UNREACHABLE` or what the connector says of the first one, and with `ERR_INTERRUPTED` when it gives up.
 */
export async function overConnections(over: OverConnections): Promise<void> {
  const { retry, clock, signal, hurry } = over
  const { attempts, longest } = retry
  for (let attempt = 0; ; ) {
    const failure = await attemptOnce(over, attempt)
    if (failure === undefined) return
    const { error, held } = failure
    if (stateOfError(error) !== 'interrupted' || attempts === 0) throw error
    over.lost?.(error)
    attempt = held > longest ? 1 : attempt + 1
    if (attempt > attempts) throw givenUp(attempts, error)
    const wait = Math.round(pauseBefore(attempt, retry))
    over.reconnecting({ attempt, attempts, wait, error })
    // a listener may have cancelled it
    signal.throwIfAborted()
    await pause(clock, wait, hurry ? AbortSignal.any([signal, hurry]) : signal)
    signal.throwIfAborted()
    if (await over.isDone?.()) return
  }
}

/** Makes a connection and serves it; gives how that failed, and for how many milliseconds it held. */
async function attemptOnce(
  over: OverConnections,
  attempt: number,
): Promise<{ error: SluiceError; held: number } | undefined> {
  const { signal, clock } = over
  signal.throwIfAborted()
  over.connecting?.()
  let socket: ByteDuplex
  try {
    socket = await connectInTime(over, attempt)
  } catch (thrown) {
    signal.throwIfAborted()
    const error = asSluiceError(thrown, 'ERR_UNREACHABLE', 'no connection could be made')
    if (attempt === 0) throw error
    return { error: stillInterrupted(error), held: 0 }
  }
  // it may have been cancelled in the moment in which the connection came
  if (signal.aborted) discard(socket)
  signal.throwIfAborted()
  const since = clock.now()
  const error = await over.serve(socket)
  // what is over stays what it is, whoever wants to cancel it then
  if (error === undefined) return undefined
  signal.throwIfAborted()
  const isAgain = attempt > 0 && error.code === 'ERR_UNREACHABLE'
  return { error: isAgain ? stillInterrupted(error) : error, held: clock.now() - since }
}

async function connectInTime(
  { connect, retry, clock, signal, hurry }: OverConnections,
  attempt: number,
): Promise<ByteDuplex> {
  const { timeout } = retry
  const late = new AbortController()
  const over = AbortSignal.any([signal, late.signal])
  const tooLate = new SluiceError('ERR_TIMEOUT', `there was no connection within ${timeout} ms`)
  let disarm = () => {}
  const arm = () => {
    disarm = clock.after(timeout, () => late.abort(tooLate))
  }
  // a first one may have to ask for a password
  if (attempt > 0 || hurry?.aborted) arm()
  else hurry?.addEventListener('abort', arm)
  const aborted = deferred<never>()
  const abort = () => aborted.reject(over.reason)
  over.addEventListener('abort', abort)
  if (over.aborted) abort()
  const making = (async () => connect(attempt, over))()
  // one that comes when nobody waits for it is closed
  making.then((socket) => over.aborted && discard(socket)).catch(() => {})
  try {
    return await Promise.race([making, aborted.promise])
  } finally {
    disarm()
    hurry?.removeEventListener('abort', arm)
    over.removeEventListener('abort', abort)
  }
}

/**
 * Begins something over a connection that was made for it. One that is refused is closed, which nobody else would do;
 * unless it carries another transfer.
 */
export function beginOver<T>(socket: ByteDuplex, begin: (socket: ByteDuplex) => T): T {
  try {
    return begin(socket)
  } catch (error) {
    if (!isSluiceError(error, 'ERR_STATE')) discard(socket)
    throw error
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
