import type { SluiceError } from '../../errors.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/entry.js'
import type { Caller } from '../network/entrance.js'
import { commandError } from '../ui/exit.js'

/** What a receiver does about its transfers, besides receiving. */
export interface Companion {
  /** Something is offered for a transfer. Returns why it cannot be taken, if there is something against it. */
  offered?(offer: Offer, transfer: Transfer): string | undefined
  /** Lines for people, beside the question whether it is accepted. */
  notes?(offer: Offer, transfer: Transfer): Promise<string[]>
  /** Resolves when the transfer is over, and what was to be done about it is done; it may have failed. */
  attend(transfer: Transfer, caller: Caller): Promise<void>
}

/** Some of them together. */
export class Companions {
  readonly #all: readonly Companion[]
  readonly #met = new WeakSet<Transfer>()
  /** What goes on, or has failed, and about which transfer. */
  readonly #pending = new Map<Promise<void>, Transfer>()

  constructor(all: readonly (Companion | undefined)[]) {
    this.#all = all.filter((one) => one !== undefined)
  }

  /** Each is told of the offer; the first reason against it counts. */
  offered(offer: Offer, transfer: Transfer): string | undefined {
    return this.#all.map((one) => one.offered?.(offer, transfer)).find((reason) => reason !== undefined)
  }

  /** What people are told beside the question. */
  async notes(offer: Offer, transfer: Transfer): Promise<string[]> {
    return (await Promise.all(this.#all.map((one) => one.notes?.(offer, transfer) ?? []))).flat()
  }

  /**
   * To be called for each connection: a transfer may go on over several.
   * @param onFailure is told of what fails, where others follow that it does not concern; else {@link done} rejects
   */
  attend(transfer: Transfer, caller: Caller, onFailure?: (error: SluiceError) => void): void {
    if (this.#met.has(transfer)) return
    this.#met.add(transfer)
    for (const one of this.#all) {
      const all = one.attend(transfer, caller)
      const attending = onFailure ? all.catch((error) => onFailure(commandError(error))) : all
      this.#pending.set(attending, transfer)
      attending.then(
        () => this.#pending.delete(attending),
        () => {},
      )
    }
  }

  /** Resolves when all is done about the transfers that are over; rejects with what failed. */
  async done(): Promise<void> {
    const over = [...this.#pending].filter(([, transfer]) => transfer.isOver)
    await Promise.all(over.map(([attending]) => attending))
  }
}
