import type { Code, SluiceError } from '../errors.js'
import { type SendOptions, send } from '../send.js'
import { stateOfError, type TransferState } from '../transfer/lifecycle.js'
import type { ByteDuplex } from '../transfer/streams/byte-duplex.js'
import type { Transfer } from '../transfer/transfer.js'

/**
 * Makes a connection to a peer, by what it is called: the first one, with the attempt 0, and another one whenever it is
 * lost. `connectByName` of `sluice/peers` makes such a function for known peers.
 * @param signal aborted when nobody waits for it any more
 */
export type ConnectToPeer = (
  peer: string,
  attempt: number,
  signal: AbortSignal,
) => ByteDuplex | Promise<ByteDuplex>

/** What {@link Outgoing} asks of the registry. */
interface Registry {
  connect: ConnectToPeer
  /** The transfers to a peer that are not over, the oldest first. */
  to(peer: string): Transfer[]
  add(transfer: Transfer, peer: string): void
}

/** Brings paths to peers: by a transfer that runs, or by a new one. */
export class Outgoing {
  readonly #registry: Registry
  /** Of those that are not accepted yet, or have no connection: what all wait for who have something for them. */
  readonly #accepted = new WeakMap<Transfer, Promise<void>>()

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** Resolves when the peer has accepted the paths, with the transfer that they belong to. */
  async send(peer: string, paths: readonly string[], options: SendOptions): Promise<Transfer> {
    const full = new Set<Transfer>()
    for (;;) {
      const running = this.#registry.to(peer).findLast((one) => one.isOpen && !full.has(one))
      if (running === undefined) return this.#begin(peer, paths, options)
      const how = await attach(running, paths, this.#whenAccepted(running))
      if (how === 'attached') return running
      if (how === 'full') full.add(running)
    }
  }

  async #begin(peer: string, paths: readonly string[], options: SendOptions): Promise<Transfer> {
    const { connect, add } = this.#registry
    const transfer = send((attempt, signal) => connect(peer, attempt, signal), paths, {
      open: 'while-busy',
      ...options,
    })
    add(transfer, peer)
    await this.#whenAccepted(transfer)
    return transfer
  }

  #whenAccepted(transfer: Transfer): Promise<void> {
    const before = this.#accepted.get(transfer)
    if (before) return before
    const accepting = accepted(transfer).finally(() => this.#accepted.delete(transfer))
    this.#accepted.set(transfer, accepting)
    return accepting
  }
}

/**
 * Attaches paths to a transfer, when the peer has accepted what it began with (`accepting`). It is 'full' where another
 * one may take them: it is at its end, or has such names already; and 'lost' where it goes on over another connection
 * before there was an answer.
 * @throws SluiceError what they would meet in another transfer as well: the peer rejects them, or cannot be reached
 */
async function attach(
  transfer: Transfer,
  paths: readonly string[],
  accepting: Promise<void>,
): Promise<'attached' | 'full' | 'lost'> {
  try {
    await accepting
  } catch (error) {
    // what it began with was rejected, and nobody was asked about these
    if (transfer.state === 'rejected') return 'full'
    throw error
  }
  try {
    await transfer.attach(paths)
    return 'attached'
  } catch (thrown) {
    const error = thrown as SluiceError
    if (error.code === 'ERR_REJECTED' || transfer.state === 'cancelled') throw error
    if (transfer.isOver || OF_ONE_TRANSFER.includes(error.code)) return 'full'
    if (stateOfError(error) === 'interrupted') return 'lost'
    throw error
  }
}

/** Why something cannot be attached to a transfer that goes on, and may travel by another one. */
const OF_ONE_TRANSFER: readonly Code[] = ['ERR_STATE', 'ERR_DUPLICATE_NAME', 'ERR_LIMIT']

/** States of a transfer that was accepted, and has a connection, or needs none. */
const RUNNING: readonly TransferState[] = ['sending', 'paused', 'completed']

/** Resolves when a transfer was accepted, and has a connection; rejects if it ends before. */
function accepted(transfer: Transfer): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (!RUNNING.includes(transfer.state)) return
      transfer.off('state', look)
      resolve()
    }
    transfer.on('state', look)
    transfer.finished.then(look, (error) => {
      transfer.off('state', look)
      reject(error)
    })
    look()
  })
}
