import type { Duplex } from 'node:stream'

/** What a connector is told when it connects. */
export interface ConnectOptions {
  /** Ends the attempt, which rejects with its reason. A connection that stands already is not touched. */
  signal?: AbortSignal
}

/** What a connector is told when it listens. */
export interface ListenOptions {
  /** Closes the listener, as `close` does; aborted before it listens, `listen` rejects with its reason. */
  signal?: AbortSignal
  /**
   * Called with each connection, which is to be read from, or destroyed, by whoever is called.
   * @param from where it comes from, for limits per address and for people, as far as the connector can tell
   */
  onConnection(duplex: Duplex, from: { address?: string }): void
}

/** What listens for connections. */
export interface Listening {
  /** Where others connect to, each in the form that `connect` takes. */
  readonly addresses: readonly string[]
  /** Takes no more connections; those that stand go on. It may be called twice. */
  close(): Promise<void>
}

/**
 * A kind of connection: what makes both ends of it. What it makes is any Duplex of bytes that tells its end: where one
 * side ends, the other one can still say all that it has to. `connectorConformance` of `sluice/testing` judges it.
 */
export interface Connector {
  /** Whether it is for this address, by its form: one that begins as its addresses do is, also if it is wrong then. */
  takes(address: string): boolean
  /**
   * Connects. Rejects with `ERR_UNREACHABLE` where nobody can be reached, with `ERR_USAGE` for an address that is
   * wrong, or with the reason of the signal. One that learns only later that nobody is there fails the connection with
   * `ERR_UNREACHABLE`.
   */
  connect(address: string, options?: ConnectOptions): Promise<Duplex>
  /** Listens. Rejects with `ERR_USAGE` for an address that is wrong or taken, or with the reason of the signal. */
  listen?(address: string, options: ListenOptions): Promise<Listening>
}
