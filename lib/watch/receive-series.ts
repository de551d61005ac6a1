import { deferred } from '../async.js'
import { isSluiceError } from '../errors.js'
import { type ReceiveOptions, receive } from '../receive.js'
import type { TransferState } from '../transfer/lifecycle.js'
import type { ByteDuplex } from '../transfer/streams/byte-duplex.js'
import type { Transfer } from '../transfer/transfer.js'
import { LONGEST } from '../wire/limits.js'

/**
 * Receives one transfer after the other over one connection, as `watch` sends them: gives the first at once, and each
 * further one when it is offered. The next is waited for when the one before has its result, however it was taken. Ends
 * when the sender has nothing more to send, or never had more than one; throws what a connection fails with between two
 * of them. Whoever stops iterating leaves the last one as it is.
 *
 * @param options give them `versions`, so that a newer version of a file takes the place of the one before. `accept` is
 *   asked about each transfer
 */
export async function* receiveSeries(
  socket: ByteDuplex,
  options: ReceiveOptions,
): AsyncGenerator<Transfer, void, void> {
  let transfer = receive(socket, { ...options, series: true })
  yield transfer
  const limits = { ...options.limits, offerTimeout: LONGEST }
  const { head: _, ...others } = options
  while (await isFollowed(transfer)) {
    transfer = receive(socket, { ...others, limits, series: true })
    if (!(await isOffered(transfer))) return
    yield transfer
  }
}

/** Resolves when a transfer is over, with whether another one of its series follows: it has a result. */
export async function isFollowed(transfer: Transfer): Promise<boolean> {
  const isWhole = (error: unknown) => isSluiceError(error, 'ERR_FILES_FAILED')
  const hasResult = await transfer.finished.then(() => true, isWhole)
  return hasResult && transfer.hasNext
}

/** Resolves when something is offered, or with false if the sender says that there is nothing more. */
async function isOffered(transfer: Transfer): Promise<boolean> {
  try {
    await untilOffered(transfer)
    return true
  } catch (error) {
    if (isEndOfSeries(error)) return false
    throw error
  }
}

/** Resolves when something is offered; rejects if a transfer ends before. */
export async function untilOffered(transfer: Transfer): Promise<void> {
  const { promise, resolve, reject } = deferred<void>()
  const met = (state: TransferState) => state === 'offered' && resolve()
  transfer.on('state', met)
  transfer.finished.then(() => resolve(), reject)
  try {
    await promise
  } finally {
    transfer.off('state', met)
  }
}

/** Whether the end of a transfer that was to follow says that nothing follows: the sender cancelled it. */
export function isEndOfSeries(error: unknown): boolean {
  return isSluiceError(error, 'ERR_CANCELLED') && error.found === 'by the peer'
}
