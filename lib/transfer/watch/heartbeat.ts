import type { Clock } from '../../clock.js'
import { SluiceError } from '../../errors.js'
import type { Limits } from '../../wire/limits.js'

/** What a {@link Heartbeat} asks of its connection. */
export interface Pulse {
  /** Sends a sign of life, unless bytes are waiting to go out anyway. */
  ping(): void
  /** Whether all that comes is read and understood at the moment: a peer that is not listened to is not silent. */
  isListening(): boolean
  /** Frames that the peer has begun. */
  frames(): number
  /** Some time has passed, a `pingInterval` at most: who waits for others may look at them. */
  looked(): void
  /** The peer has been silent for longer than its own pings allow, or is heard again. */
  silent(isSilent: boolean): void
  /** The peer is given up, with `ERR_TIMEOUT`. Called at most once; the heartbeat has stopped by then. */
  timedOut(error: SluiceError): void
}

/**
 * Bytes that say as much as a frame. Fewer do not: where a bit of a length changed on the way, all that the peer says,
 * its pings too, is taken for more of one frame that never ends.
 */
const ENOUGH = 1024

/** Ping intervals without a sign of a peer, which pings once an interval, from which on it is silent. */
const SILENT = 4 / 3

/**
 * Watches the time of a connection: the handshake must end within `handshakeTimeout`, a peer of which nothing is
 * understood for `idleTimeout` is given up, and after `pingInterval` in which nothing was said a ping is sent. All in
 * milliseconds.
 */
export class Heartbeat {
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #pulse: Pulse
  #heard = 0
  #said = 0
  /** When the last bytes came; how many since `#heard`, and the frames until then. */
  #came = 0
  #bytes = 0
  #frames = 0
  #isSilent = false
  #looksSoon = false
  #cancelHandshake = () => {}
  #cancelLook = () => {}

  constructor(clock: Clock, limits: Limits, pulse: Pulse) {
    this.#clock = clock
    this.#limits = limits
    this.#pulse = pulse
  }

  /** From now on time runs. */
  start(): void {
    this.#heard = this.#said = this.#came = this.#clock.now()
    const { handshakeTimeout } = this.#limits
    this.#cancelHandshake = this.#clock.after(handshakeTimeout, () =>
      this.#giveUp('handshake did not end', handshakeTimeout),
    )
    this.#lookLater()
  }

  /** The handshake has ended. */
  greeted(): void {
    this.#cancelHandshake()
  }

  /** So many bytes came. */
  heard(bytes: number): void {
    this.#came = this.#clock.now()
    this.#bytes += bytes
    if (this.#bytes >= ENOUGH) this.#hearing(this.#came)
    // whether it can be understood is known when it has been read
    else if (this.#isSilent && !this.#looksSoon) {
      this.#looksSoon = true
      this.#lookIn(1)
    }
  }

  /** The peer is listened to again: its silence before meant nothing. */
  listening(): void {
    this.#hearing(this.#clock.now())
  }

  #hearing(at: number): void {
    this.#heard = at
    this.#bytes = 0
    this.#silent(false)
  }

  #silent(isSilent: boolean): void {
    if (isSilent === this.#isSilent) return
    this.#isSilent = isSilent
    this.#pulse.silent(isSilent)
  }

  /** Bytes went out. */
  said(): void {
    this.#said = this.#clock.now()
  }

  /** The time of this connection does not matter any more. */
  stop(): void {
    this.#cancelHandshake()
    this.#cancelLook()
    // what comes now need not be looked at
    this.#isSilent = false
  }

  /** Sets one timer, to the first moment at which there may be something to do; bytes only move that moment. */
  #lookLater(): void {
    const { idleTimeout, pingInterval } = this.#limits
    const silence = this.#isSilent ? idleTimeout : Math.min(pingInterval * SILENT, idleTimeout)
    const next = Math.min(this.#heard + silence, this.#said + pingInterval)
    // Rounded up: a timer that rings a little early would be set again and again.
    this.#lookIn(Math.max(1, Math.ceil(next - this.#clock.now())))
  }

  #lookIn(wait: number): void {
    this.#cancelLook()
    this.#cancelLook = this.#clock.after(wait, () => this.#look())
  }

  #look(): void {
    this.#looksSoon = false
    const now = this.#clock.now()
    const { idleTimeout, pingInterval } = this.#limits
    const frames = this.#pulse.frames()
    if (!this.#pulse.isListening()) this.#hearing(now)
    else if (frames !== this.#frames) this.#hearing(this.#came)
    this.#frames = frames
    if (now - this.#heard >= idleTimeout) {
      const what = this.#bytes === 0 ? 'peer was silent' : 'peer said nothing that could be understood'
      return this.#giveUp(what, idleTimeout)
    }
    this.#silent(now - this.#heard >= pingInterval * SILENT)
    this.#pulse.looked()
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

/** PINGs, PAUSEs and RESUMEs that a peer may send within a `pingInterval`; an honest one sends a few. */
const MOST_PINGS = 1000

/** A sign of life costs the peer next to nothing, and keeps the connection: there must not be any number of them. */
export class PingLimit {
  readonly #clock: Clock
  readonly #interval: number
  #since: number
  #count = 0

  constructor(clock: Clock, interval: number) {
    this.#clock = clock
    this.#interval = interval
    this.#since = clock.now()
  }

  /** The peer has sent one. Throws `ERR_LIMIT` for one too many. */
  heard(): void {
    const now = this.#clock.now()
    if (now - this.#since > this.#interval) {
      this.#since = now
      this.#count = 0
    }
    this.#count += 1
    if (this.#count <= MOST_PINGS) return
    const message = `the peer sent more than ${MOST_PINGS} pings and pauses within ${this.#interval} ms`
    throw new SluiceError('ERR_LIMIT', message, { expected: MOST_PINGS })
  }
}
