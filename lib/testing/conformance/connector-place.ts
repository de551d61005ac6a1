import type { Duplex } from 'node:stream'
import type { Connector, Listening, ListenOptions } from '../../peers/connectors/connector.js'
import { closeCame, ensure, within } from './harness/probe.js'

/** A connector to be tested, and where. */
export interface ConnectorSample {
  connector: Connector
  /** Where it is to listen: an address that is free, as `127.0.0.1:0`. */
  address: string
  /** What listens in the place of a connector that only connects: to the addresses of this one it connects. */
  listen?: NonNullable<Connector['listen']>
}

/** Where a connector connects to what listens for it, and all that came of it. */
export class ConnectorPlace {
  readonly connector: Connector
  readonly accepted: Duplex[] = []
  onAccept: (far: Duplex) => void = () => {}
  readonly #sample: ConnectorSample
  readonly #patience: number
  readonly #made: Duplex[] = []
  readonly #listening: Listening[] = []

  constructor(sample: ConnectorSample, patience: number) {
    this.#sample = sample
    this.connector = sample.connector
    this.#patience = patience
  }

  async listen(signal?: AbortSignal): Promise<Listening> {
    const { connector, address, listen } = this.#sample
    const options: ListenOptions = {
      signal,
      onConnection: (duplex) => {
        this.#made.push(duplex.on('error', () => {}))
        this.accepted.push(duplex)
        this.onAccept(duplex)
      },
    }
    const begun = listen ? listen(address, options) : connector.listen?.(address, options)
    ensure(begun !== undefined, 'it cannot listen, and the sample has no listen() in its place')
    const listening = await within(this.#patience, 'listen()', begun)
    this.#listening.push(listening)
    return listening
  }

  async connect(address: string, signal?: AbortSignal): Promise<Duplex> {
    const duplex = await this.connector.connect(address, signal ? { signal } : {})
    this.#made.push(duplex.on('error', () => {}))
    return duplex
  }

  /** Both ends of a connection; the dialler's first. */
  async pair(signal?: AbortSignal, ofListener?: AbortSignal): Promise<[Duplex, Duplex, Listening]> {
    const accepted = new Promise<Duplex>((resolve) => {
      this.onAccept = resolve
    })
    const listening = await this.listen(ofListener)
    const near = await within(this.#patience, 'connect()', this.connect(listening.addresses[0]!, signal))
    return [near, await within(this.#patience, 'the connection at the listener', accepted), listening]
  }

  async leave(): Promise<void> {
    for (const listening of this.#listening) await listening.close()
    for (const duplex of this.#made) duplex.destroy()
    for (const duplex of this.#made)
      await within(this.#patience, `'close' after destroy()`, closeCame(duplex))
  }
}
