import type { Clock } from '../clock.js'
import { SluiceError } from '../errors.js'
import type { Limits } from '../wire/limits.js'

/** What a {@link Heartbeat} asks of its connection. */
export interface Pulse {
  /** Sends a sign of life, unless bytes are waiting to go out anyway. */
  ping(): void
  /** Whether the connection is read at the moment: a peer that is not listened to is not silent. */
  isListening(): boolean
  /** The peer is given up, with `ERR_TIMEOUT`. Called at most once; the heartbeat has stopped by then. */
  timedOut(error: SluiceError): void
}

/**
 * Watches the time of a connection: the handshake must end within `handshakeTimeout`, the peer may be silent for
 * `idleTimeout`, and after `pingInterval` in which nothing was said it has a ping sent. All in milliseconds.
 */
export class Heartbeat {
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #pulse: Pulse
  #heard: number
  #said: number
  readonly #cancelHandshake: () => void
  #cancelLook = () => {}

  constructor(clock: Clock, limits: Limits, pulse: Pulse) {
    this.#clock = clock
    this.#limits = limits
    this.#pulse = pulse
    this.#heard = this.#said = clock.now()
    const { handshakeTimeout } = limits
    this.#cancelHandshake = clock.after(handshakeTimeout, () =>
      this.#giveUp('handshake did not end', handshakeTimeout),
    )
    this.#lookLater()
  }

  /** The handshake has ended. */
  greeted(): void {
    this.#cancelHandshake()
  }

  /** Bytes came, or are listened for again. */
  heard(): void {
    this.#heard = this.#clock.now()
  }

  /** Bytes went out. */
  said(): void {
    this.#said = this.#clock.now()
  }

  /** The time of this connection does not matter any more. */
  stop(): void {
    this.#cancelHandshake()
    this.#cancelLook()
  }

  /** Sets one timer, to the first moment at which there may be something to do; bytes only move that moment. */
  #lookLater(): void {
    const { idleTimeout, pingInterval } = this.#limits
    const next = Math.min(this.#heard + idleTimeout, this.#said + pingInterval)
    // Rounded up: a timer that rings a little early would be set again and again.
    const wait = Math.max(1, Math.ceil(next - this.#clock.now()))
    this.#cancelLook = this.#clock.after(wait, () => this.#look())
  }

  #look(): void {
    const now = this.#clock.now()
    const { idleTimeout, pingInterval } = this.#limits
    if (!this.#pulse.isListening()) this.#heard = now
    if (now - this.#heard >= idleTimeout) return this.#giveUp('peer was silent', idleTimeout)
    const isQuiet = now - this.#said >= pingInterval
    // one ping an interval, even while it cannot go out yet
    if (isQuiet) this.#said = now
    this.#lookLater()
    if (isQuiet) this.#pulse.ping()
  }

  #giveUp(what: string, milliseconds: number): void {
    this.stop()
    this.#pulse.timedOut(new SluiceError('ERR_TIMEOUT', `the ${what} for ${milliseconds} ms`))
  }
}
