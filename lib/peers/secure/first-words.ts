import { messageOf, printable, SluiceError } from '../../errors.js'
import type { ConnectionEvents } from '../../transfer/connection.js'
import { MAGIC } from '../../wire/preface.js'
import { PREFACE } from './noise.js'

/** Each side waits for the other after each message: whoever does not has not heard it. */
const TOO_MUCH = 'the peer did not wait for its turn in the handshake: it may be a recording'

/** Bytes that are kept of a peer which is not known yet: more than a handshake has, so that too many are noticed. */
const MOST_HELD = 256

const LEFT =
  'the peer closed the connection during the handshake: one of the two sides has another key than the other expects'

/** What a peer says before it is known, read message by message; no more of it is kept than a handshake has. */
export class FirstWords implements ConnectionEvents {
  #held: Buffer = Buffer.alloc(0)
  #hasSpoken = false
  #failure: SluiceError | undefined
  #look = () => {}

  data(bytes: Buffer): void {
    const room = MOST_HELD - this.#held.length
    this.#held = Buffer.concat([this.#held, bytes.subarray(0, room)])
    this.#hasSpoken = true
    this.#look()
  }

  drained(): void {}

  ended(): void {
    // nobody has proved anything to anybody then: it is the connection that is not there
    const gone = new SluiceError('ERR_UNREACHABLE', 'the peer closed the connection before it said anything')
    this.fail(this.#hasSpoken ? new SluiceError('ERR_IDENTITY', LEFT) : gone)
  }

  broken(cause: Error): void {
    const message = `the connection broke during the handshake: ${messageOf(cause)}`
    this.fail(new SluiceError('ERR_UNREACHABLE', message, { cause }))
  }

  /** Nothing more will be read. The first reason counts. */
  fail(error: SluiceError): void {
    this.#failure ??= error
    this.#look()
  }

  /** The next `length` bytes. */
  async take(length: number): Promise<Buffer> {
    while (this.#held.length < length) {
      if (this.#failure) throw this.#failure
      await new Promise<void>((resolve) => {
        this.#look = resolve
      })
    }
    const taken = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return taken
  }

  /** All was said that belongs to the handshake: throws if the peer is gone, or has said more. */
  finish(): void {
    if (this.#failure) throw this.#failure
    if (this.#held.length > 0) throw new SluiceError('ERR_IDENTITY', TOO_MUCH)
  }

  /** Reads the preface, and says at its first wrong byte what the peer is instead. */
  async takePreface(): Promise<void> {
    for (let at = 0; at < PREFACE.length; at++) {
      const byte = (await this.take(1))[0]!
      if (byte === PREFACE[at]) continue
      const found = Buffer.concat([PREFACE.subarray(0, at), Buffer.of(byte), this.#held])
      throw new SluiceError('ERR_IDENTITY', `the peer is not known: ${notSecure(found)}`, {
        expected: PREFACE,
        found,
      })
    }
  }
}

function notSecure(found: Buffer): string {
  const common = Math.min(found.length, MAGIC.length)
  if (MAGIC.compare(found, 0, common, 0, common) === 0) return 'it speaks Sluice without a secure channel'
  const name = PREFACE.length - 1
  if (found.length > name && PREFACE.compare(found, 0, name, 0, name) === 0)
    return `it speaks version ${found[name]} of the secure channel, this side ${PREFACE[name]}; install the same version on both sides`
  const shown = printable(found.toString('latin1', 0, 16))
  return `it does not speak the secure channel of Sluice; it began with "${shown}"`
}
