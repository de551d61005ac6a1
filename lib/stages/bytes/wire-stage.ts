import type { Transform } from 'node:stream'

/**
 * What stands between the framer and the connection: throttling, encryption, compression, or your own.
 * A session runs `outgoing` in the order of its list and `incoming` in reverse.
 */
export interface WireStage {
  /**
   * What the bytes are afterwards. Both sides must have the same list of formats; it goes plain, ahead of
   * everything. A stage that leaves the bytes as they are has none, and may stand on one side only.
   */
  format?: string
  /** Bytes per second that it lets pass; the session keeps frames so small that talk is never more than a second behind. */
  rate?: number
  /** A fresh Transform for what leaves; called once for each connection. */
  outgoing?(): Transform
  /** A fresh Transform for what arrives; called once for each connection. */
  incoming?(): Transform
}
