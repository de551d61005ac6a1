import type { SluiceError } from '../errors.js'
import { checkText, checkWhole } from '../options.js'
import type { TransferState } from '../transfer/lifecycle.js'
import type { Transfer } from '../transfer/transfer.js'
import { HistoryFile } from './history-file.js'

/** A transfer that is over. */
export interface PastTransfer {
  readonly id: string
  readonly peer: string | undefined
  readonly direction: 'send' | 'receive'
  readonly state: TransferState
  /** Entries that have an outcome, and bytes that travelled. */
  readonly files: number
  readonly bytes: number
  /** When it was over. */
  readonly ended: Date
  /** Why it did not complete. */
  readonly error?: SluiceError
}

/** What is kept of transfers that are over. */
export interface HistoryOptions {
  /** Transfers that are over and stay in {@link Transfers.history}, and in `historyFile`. Default 100. */
  history?: number
  /**
   * A file to which each transfer is added when it is over, for `readHistory`; processes may share one. Where it cannot
   * be written, there is an event `warning`. Default: none.
   */
  historyFile?: string
  /**
   * Where the transfers go, in the words of the caller: it stands with each in `historyFile`. A function gives that of
   * a peer. Default: nothing.
   */
  place?: string | ((peer: string | undefined) => string | undefined)
}

/** The last transfers that are over: in memory, and in a file if there is to be one. */
export class History {
  /** The oldest first. */
  readonly past: PastTransfer[] = []
  readonly #most: number
  readonly #file: HistoryFile | undefined
  readonly #place: (peer: string | undefined) => string | undefined

  /** @throws SluiceError `ERR_USAGE` */
  constructor({ history = 100, historyFile, place }: HistoryOptions) {
    checkWhole('history', history, 0)
    if (typeof place !== 'function' && place !== undefined) checkText('place', place)
    if (historyFile !== undefined) checkText('historyFile', historyFile)
    this.#most = history
    this.#place = typeof place === 'function' ? place : () => place
    if (historyFile !== undefined) this.#file = new HistoryFile(historyFile, history)
  }

  /** A transfer is over. Rejects if it cannot be written into the file. */
  async add(transfer: Transfer, peer: string | undefined, error: SluiceError | undefined): Promise<void> {
    const { id, direction, state, progress } = transfer
    const { files, bytes } = progress
    const told = { id, direction, state, files, bytes }
    const ended = new Date()
    const place = this.#place(peer)
    this.past.push({ ...told, peer, ended, ...(error && { error }) })
    if (this.past.length > this.#most) this.past.shift()
    await this.#file?.add({
      ...told,
      ...(peer !== undefined && { peer }),
      ...(place !== undefined && { place }),
      ended: ended.toISOString(),
      ...(error && { code: error.code, message: error.message }),
    })
  }

  /** Resolves when all that is over stands in the file, if there is one. */
  async saved(): Promise<void> {
    await this.#file?.saved()
  }
}
