import type { Keys } from '../options.js'

/** What is said of a connection that is handed over. */
export interface HandleOptions {
  /**
   * Whose it is, in the words of the caller; `Transfers.list` finds by it. Over another connection, a transfer
   * goes on only if that is of the same peer: it should be what stays, as the name of a key, and no port.
   */
  peer?: string
  /** What was read from it before it was handed over. */
  head?: Buffer
  /**
   * It has carried a transfer that `hasNext`: the next one is waited for as long as it takes. Rejects with
   * `ERR_CANCELLED` where the sender has nothing more to send.
   */
  isNext?: boolean
}

export const HANDLE_OPTIONS: Keys<HandleOptions> = { peer: true, head: true, isNext: true }
