import { EventEmitter } from 'node:events'
import { deferred } from './async.js'
import { type Clock, systemClock } from './clock.js'
import { SluiceError } from './errors.js'
import {
  checkCallback,
  checkDuration,
  checkFlag,
  checkFunction,
  checkKeys,
  checkObject,
  checkText,
  checkWhole,
  type Keys,
} from './options.js'
import { beginReceiving, type ReceiveOptions } from './receive.js'
import { type Kept, KeptTransfers } from './reconnect/kept-transfers.js'
import { Semaphore } from './reconnect/semaphore.js'
import type { SendOptions } from './send.js'
import type { TransferState } from './transfer/lifecycle.js'
import type { Receiver } from './transfer/receiver.js'
import type { ByteDuplex } from './transfer/streams/byte-duplex.js'
import type { Transfer } from './transfer/transfer.js'
import { HANDLE_OPTIONS, type HandleOptions } from './transfers/handle-options.js'
import { History, type HistoryOptions, type PastTransfer } from './transfers/history.js'
import { type ConnectToPeer, Outgoing } from './transfers/outgoing.js'
import { LONGEST } from './wire/limits.js'

export type { ConnectToPeer, HandleOptions, PastTransfer }

/** Options of {@link Transfers}. */
export interface TransfersOptions extends HistoryOptions {
  /**
   * The options of `receive` for each connection, by what `handle` was told of it. A sender that comes back over
   * another connection gets them anew: they should name the same folder then.
   */
  receive: (peer: string | undefined, connection: ByteDuplex) => ReceiveOptions
  /** How {@link Transfers.send} reaches a peer. Default: nothing can be sent by it. */
  connect?: ConnectToPeer
  /** Transfers that are received at once; what is accepted beyond waits for its turn. Default 16. */
  most?: number
  /** Transfers that wait for their turn, at most; what is beyond is rejected. Default 64. */
  mostWaiting?: number
  /**
   * Milliseconds for which a sender that has lost its connection, and can make another, is waited for; then its
   * transfer ends as interrupted. Default 600,000.
   */
  patience?: number
  /**
   * Senders that are waited for, at most; with one more the one is given up that was waited for longest. Default 64.
   */
  mostLost?: number
  clock?: Clock
}

const OPTIONS: Keys<TransfersOptions> = {
  receive: true,
  connect: true,
  most: true,
  mostWaiting: true,
  patience: true,
  mostLost: true,
  history: true,
  historyFile: true,
  place: true,
  clock: true,
}

const TOO_MANY = 'too many transfers wait here already; try again later'

const TAKEN = 'a transfer of this id is on its way here already'

const isReceived = ({ direction }: Transfer): boolean => direction === 'receive'

function checkPeer(peer: unknown): void {
  if (peer !== undefined) checkText('peer', peer)
}

/** The events of {@link Transfers} and their arguments. */
export interface TransfersEvents {
  /** A transfer was offered, or added. It is followed by the states of the transfer. */
  transfer: [transfer: Transfer, peer: string | undefined]
  /** The state of one has changed. */
  state: [transfer: Transfer, state: TransferState]
  /** One was accepted and waits for its turn, behind so many others. */
  waiting: [transfer: Transfer, ahead: number]
  /** What is no reason for a transfer to fail, as a history file that cannot be written. */
  warning: [warning: SluiceError]
}

/**
 * The transfers of a program that takes connections. {@link handle} brings each to where it belongs: a new transfer, or
 * one whose sender has lost its connection, or makes a new one before this side has noticed. That goes on without a
 * question, with what came, and with the outcomes that were told. `receive` alone knows one connection only.
 *
 * Throws `ERR_USAGE` for an option.
 */
export class Transfers extends EventEmitter<TransfersEvents> {
  readonly #receive: TransfersOptions['receive']
  readonly #kept: KeptTransfers
  readonly #semaphore: Semaphore
  /** Those that are not over, in the order in which they were offered. */
  readonly #transfers = new Map<Transfer, string | undefined>()
  readonly #history: History
  readonly #outgoing: Outgoing | undefined

  constructor(options: TransfersOptions) {
    super()
    checkObject('options', options)
    checkKeys('options', options, OPTIONS)
    checkFunction('receive', options.receive)
    checkCallback('connect', options.connect)
    const { most = 16, mostWaiting = 64, patience = 600_000, mostLost = 64 } = options
    checkWhole('most', most, 1)
    checkWhole('mostWaiting', mostWaiting, 0)
    checkWhole('mostLost', mostLost, 0)
    checkDuration('patience', patience)
    this.#receive = options.receive
    this.#kept = new KeptTransfers(patience, mostLost, options.clock ?? systemClock)
    this.#semaphore = new Semaphore(most, mostWaiting)
    this.#history = new History(options)
    const { connect } = options
    this.#outgoing =
      connect &&
      new Outgoing({
        connect,
        to: (peer) => this.list({ peer }).filter((transfer) => !isReceived(transfer)),
        add: (transfer, peer) => this.add(transfer, peer),
      })
  }

  /**
   * Takes a connection. Resolves with the transfer that it belongs to, as soon as that is known: when something is
   * offered over it, before `accept` is asked; or when it turns out to be a further connection of a transfer that goes
   * on. Rejects if it comes to nothing before, as any stranger can bring about,
   * also if it offers something under the id of a transfer that is not over; who ignores that is not punished.
   * @throws SluiceError `ERR_USAGE`, `ERR_STATE` for a connection that carries a transfer already
   */
  handle(socket: ByteDuplex, given: HandleOptions = {}): Promise<Transfer> {
    checkKeys('options', given, HANDLE_OPTIONS)
    const { peer, head, isNext = false } = given
    checkPeer(peer)
    checkFlag('isNext', isNext)
    const asked = this.#receive(peer, socket)
    const limits = isNext ? { ...asked.limits, offerTimeout: LONGEST } : asked.limits
    const options = { ...asked, ...(limits && { limits }), ...(head && { head }) }
    const met = deferred<Transfer>()
    met.promise.catch(() => {})
    let kept: Kept | undefined
    let hasFailed = false
    const session: Receiver = beginReceiving(socket, options, {
      decide: async (offer, signal, hello, ask) => {
        if (offer.first > 0) {
          const decision = await ask()
          // nobody hears the answer where the connection was lost meanwhile
          if (kept?.session === session && !signal.aborted) this.#kept.attached(kept, offer, decision)
          return decision
        }
        const found = hello.resume && (await this.#kept.find(hello.resume, offer, peer))
        signal.throwIfAborted()
        if (found) {
          kept = found
          met.resolve(kept.control.transfer)
          const begin = () => this.#takeTurn(session, signal, true)
          const goesOn = await this.#kept.takeUp(kept, session, offer.entries.length, begin)
          return { accept: true, wanted: kept.wanted, secret: kept.secret, goesOn }
        }
        // an id stands for one transfer, and senders choose it: nobody gets that of another one while it runs
        if (this.list({ id: offer.id }).some(isReceived)) return { accept: false, reason: TAKEN }
        const { transfer } = session
        met.resolve(transfer)
        this.#add(transfer, peer, isNext)
        const decision = await ask()
        if (!decision.accept) return decision
        if (this.#semaphore.isFull) return { accept: false, reason: TOO_MANY }
        const { ahead } = this.#semaphore
        if (ahead > 0) this.emit('waiting', transfer, ahead)
        await this.#takeTurn(session, signal)
        if (!hello.reconnects) return decision
        const { wanted } = decision
        kept = this.#kept.keep({
          offer,
          peer,
          control: session.control,
          wanted,
          signal: options.signal,
          session,
        })
        return { ...decision, secret: kept.secret }
      },
      owner: (resume) => {
        const owner = this.#kept.owner(resume, peer)
        if (owner) met.resolve(owner.control.transfer)
        return owner?.session
      },
      failed: (error, control) => {
        hasFailed = true
        met.reject(error)
        if (kept) this.#kept.failed(kept, session, error)
        else control.fail(error)
      },
    })
    session.closed.then(() => {
      if (kept && !hasFailed) this.#kept.ended(kept, session)
    })
    return met.promise
  }

  /**
   * Sends files and folders to a peer. A transfer to it that is `open` takes them, by `attach`, as `send` here begins
   * them: 'while-busy', unless the options say otherwise. Where there is none, or it can take nothing more, a new one
   * begins, by the option `connect`, which makes another connection whenever one is lost; for as long as it is
   * connecting, others wait for it. The options are those of a transfer that begins. As many as you like run at once:
   * `most` is about what others bring.
   *
   * Resolves when the peer has accepted the paths, with the transfer to which they belong; its `finished` says what
   * became of them. It is listed, told of by events, and stands in the history from its beginning, also if it comes to
   * nothing.
   *
   * Rejects with `ERR_REJECTED` if the peer does not take them, `ERR_UNREACHABLE` and `ERR_IDENTITY` if it cannot be
   * reached or did not prove its key, `ERR_INTERRUPTED` where the connection is lost before there is an answer,
   * `ERR_CANCELLED`, `ERR_USAGE` for an argument, `ERR_STATE` without the option `connect`, or with what `manifestOf`
   * fails with, or `connect`.
   */
  async send(peer: string, paths: readonly string[], options: SendOptions = {}): Promise<Transfer> {
    checkText('peer', peer)
    if (this.#outgoing) return this.#outgoing.send(peer, paths, options)
    throw new SluiceError('ERR_STATE', 'nothing can be sent without the option connect of Transfers')
  }

  /** Adds a transfer that was begun elsewhere, as by `send`, so that it is listed with the others. */
  add(transfer: Transfer, peer?: string): void {
    checkPeer(peer)
    this.#add(transfer, peer)
  }

  /** Of those that follow the first one of a series, the history has only what did not complete. */
  #add(transfer: Transfer, peer?: string, isNext = false): void {
    this.#transfers.set(transfer, peer)
    this.emit('transfer', transfer, peer)
    transfer.on('state', (state) => this.emit('state', transfer, state))
    const over = (error?: SluiceError) => {
      this.#transfers.delete(transfer)
      if (isNext && !error) return
      this.#history.add(transfer, peer, error).catch((warning) => this.emit('warning', warning))
    }
    transfer.finished.then(() => over(), over)
  }

  /**
   * The transfers that are not over, in the order in which they were offered: all, or those of a peer, an id, a state.
   */
  list(which: Partial<Pick<PastTransfer, 'peer' | 'id' | 'state'>> = {}): Transfer[] {
    checkKeys('which', which, { peer: true, id: true, state: true })
    const { peer, id, state } = which
    const isAskedFor = ([transfer, of]: [Transfer, string | undefined]) =>
      (peer === undefined || of === peer) &&
      (id === undefined || transfer.id === id) &&
      (state === undefined || transfer.state === state)
    return [...this.#transfers].filter(isAskedFor).map(([transfer]) => transfer)
  }

  /** Those that are over, the oldest first; of a series the first, and those that did not complete. */
  get history(): readonly PastTransfer[] {
    return this.#history.past
  }

  /** Resolves when all that is over stands in the history file, if there is one. */
  async saved(): Promise<void> {
    await this.#history.saved()
  }

  /**
   * Cancels all that is not over, also what waits for its sender. Resolves when that is closed, and stands in the
   * history file.
   */
  async cancelAll(reason?: string): Promise<void> {
    await Promise.all([...this.#transfers.keys()].map((transfer) => transfer.cancel(reason)))
    this.#kept.forgetAll()
    await this.saved()
  }

  /** Waits until one may begin; what it took ends with the connection. */
  async #takeTurn(session: Receiver, signal: AbortSignal, isFirst?: boolean): Promise<void> {
    const end = await this.#semaphore.take(signal, isFirst)
    session.closed.then(end)
  }
}
