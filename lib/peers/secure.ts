import { deferred } from '../async.js'
import { type Clock, MOST_TIMER, systemClock } from '../clock.js'
import { asSluiceError, isSluiceError, messageOf, SluiceError } from '../errors.js'
import {
  checkAbortSignal,
  checkChoice,
  checkFunction,
  checkKeys,
  checkObject,
  checkOption,
  checkWhole,
  isBytes,
  shownValue,
} from '../options.js'
import { Connection, type ConnectionEvents } from '../transfer/connection.js'
import { type ByteDuplex, checkDuplex } from '../transfer/streams/byte-duplex.js'
import { passingMemory } from '../transfer/streams/read-into.js'
import type { Identity } from './identity.js'
import { KEY_LENGTH, sameKey } from './keys.js'
import { FirstWords } from './secure/first-words.js'
import {
  type Agreed,
  decodeSecret,
  encodeSecret,
  Handshake,
  HELLO,
  PREFACE,
  PROOF,
  SECRET_LENGTH,
} from './secure/noise.js'
import { SecureDuplex } from './secure/secure-duplex.js'

export { SecureDuplex }

interface CommonOptions {
  /** Who this side is. */
  identity: Identity
  /** Gives up, with `ERR_CANCELLED`. */
  signal?: AbortSignal
  /** Milliseconds for all until both sides are known and let in; 10,000 by default. */
  timeout?: number
  /** For tests: what the time is taken from. */
  clock?: Clock
}

/** The side that connects. */
export interface DiallerOptions extends CommonOptions {
  as: 'dialler'
  /** The listener's public key, 32 bytes: whoever has not its secret key learns nothing. */
  key: Uint8Array
  /** That of a ticket, 16 bytes; shown only to the listener, once that has proved its key. */
  secret?: Uint8Array
}

/**
 * Who asks to be let in: has proved its public key (32 bytes), and may have shown the secret of a ticket (16 bytes).
 */
export interface Stranger {
  key: Uint8Array
  secret?: Uint8Array
}

/** The side that is connected to. */
export interface ListenerOptions extends CommonOptions {
  as: 'listener'
  /** Whether a dialler is let in; the reason why not may be thrown, and stays on this side. */
  admit(stranger: Stranger): boolean | Promise<boolean>
}

/** What {@link secure} takes: which side this is, and what that side needs. */
export type SecureOptions = DiallerOptions | ListenerOptions

const COMMON = { as: true, identity: true, signal: true, timeout: true, clock: true }
const KEYS = {
  dialler: { ...COMMON, key: true, secret: true },
  listener: { ...COMMON, admit: true },
}

/** The first byte that a listener says in the channel. */
const WELCOME = 1

/**
 * Makes a secure channel of any raw duplex: both sides prove their keys, the listener lets the dialler in or not,
 * and what is said from then on is encrypted, authenticated and padded. The handshake is described in
 * `secure/noise.ts`, the records in `../stages/encryption/sealed-stream.ts`. Where it fails, the raw duplex is closed,
 * and nothing of the peer has been given to anybody. Whoever gets the channel may listen to its errors only later, or
 * not at all: none of them ends the process.
 *
 * @throws SluiceError `ERR_IDENTITY`: the other side does not speak this, has not proved its key, was not let in, or
 *   does not let us in; `ERR_UNREACHABLE`: the connection was gone; `ERR_TIMEOUT`; `ERR_CANCELLED`; `ERR_USAGE`;
 *   `ERR_STATE`
 */
export async function secure(duplex: ByteDuplex, options: SecureOptions): Promise<SecureDuplex> {
  checkSecure(options)
  checkDuplex('duplex', duplex)
  return new Opening(duplex, options).run()
}

/** A channel that is being made. */
class Opening {
  readonly #options: SecureOptions
  readonly #connection: Connection
  readonly #words = new FirstWords()
  /** What hears of the connection. */
  #events: ConnectionEvents = this.#words
  #channel: SecureDuplex | undefined
  /** Why the dialler is not let in, once that is known: whatever happens afterwards. */
  #refusal: SluiceError | undefined
  readonly #failed = deferred<never>()

  constructor(duplex: ByteDuplex, options: SecureOptions) {
    this.#options = options
    this.#connection = new Connection(
      duplex,
      {
        data: (bytes, isOurs) => this.#events.data(bytes, isOurs),
        drained: () => this.#events.drained(),
        ended: () => this.#events.ended(),
        broken: (cause) => this.#events.broken(cause),
      },
      { clock: options.clock },
    )
  }

  async run(): Promise<SecureDuplex> {
    const { signal, timeout = 10_000, clock = systemClock } = this.#options
    const abort = () =>
      this.#fail(new SluiceError('ERR_CANCELLED', 'the handshake was cancelled', { cause: signal?.reason }))
    const late = () => this.#fail(new SluiceError('ERR_TIMEOUT', tooLate(timeout)))
    // what is said in the handshake is copied, and records are opened into other memory
    this.#connection.open(passingMemory)
    const cancel = clock.after(timeout, late)
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
    const options = this.#options
    const opened = options.as === 'dialler' ? this.#dial(options) : this.#listen(options)
    try {
      return await Promise.race([opened, this.#failed.promise])
    } catch (error) {
      this.#channel?.destroy()
      this.#connection.destroy()
      throw this.#refusal ?? error
    } finally {
      cancel()
      signal?.removeEventListener('abort', abort)
    }
  }

  async #dial({ identity, key, secret }: DiallerOptions): Promise<SecureDuplex> {
    this.#connection.write(PREFACE)
    const handshake = await Handshake.begin(identity, key)
    this.#connection.write(handshake.say(NOTHING, 'what is given as the key of the listener is not a key'))
    await this.#words.takePreface()
    handshake.hear(await this.#words.take(HELLO), 'the listener has another key than was expected')
    const proof = handshake.say(encodeSecret(secret), 'the key of the listener is not a valid one')
    const channel = this.#seal(handshake.agreed)
    this.#connection.write(proof)
    if ((await firstByte(channel)) === WELCOME) return channel
    throw new SluiceError('ERR_IDENTITY', `${NOT_LET_IN}: ${secret ? BAD_TICKET : UNKNOWN_HERE}`)
  }

  async #listen({ identity, admit }: ListenerOptions): Promise<SecureDuplex> {
    this.#connection.write(PREFACE)
    const handshake = await Handshake.begin(identity)
    await this.#words.takePreface()
    handshake.hear(await this.#words.take(HELLO), 'the dialler expects somebody with another key')
    this.#connection.write(handshake.say(NOTHING, 'the dialler began with a key that is not a valid one'))
    const proof = await this.#words.take(PROOF)
    const secret = decodeSecret(handshake.hear(proof, 'the dialler has not proved its key'))
    const { agreed } = handshake
    this.#refusal = await refusalOf(() => admit({ key: agreed.peerKey, secret }))
    const channel = this.#seal(agreed)
    if (this.#refusal) {
      await saidNo(channel)
      throw this.#refusal
    }
    channel.write(Buffer.of(WELCOME))
    return channel
  }

  /** From here on what the peer says are records. */
  #seal(agreed: Agreed): SecureDuplex {
    this.#words.finish()
    const hear = (events: ConnectionEvents) => {
      this.#events = events
    }
    this.#channel = new SecureDuplex(this.#connection, agreed, hear).on('error', unheard)
    return this.#channel
  }

  #fail(error: SluiceError): void {
    this.#words.fail(error)
    this.#failed.reject(error)
  }
}

/** How a message begins that says so: the listener has proved its key. */
export const NOT_LET_IN = 'the listener does not let us in'
const BAD_TICKET = 'the ticket was used, has expired, or is not for it'
const UNKNOWN_HERE = 'it does not know our key, or lets nobody in by a key; ask it for a ticket'

/** Errors of a channel to which nobody listens, or not yet: they are looked for where they matter. */
const unheard = () => {}

/** The first byte that the listener says in the channel; what follows it stays there. */
async function firstByte(channel: SecureDuplex): Promise<number | undefined> {
  const look = deferred<void>()
  const events = ['readable', 'end', 'close']
  for (const event of events) channel.on(event, look.resolve)
  await look.promise
  for (const event of events) channel.off(event, look.resolve)
  if (channel.errored) throw brokenOff(channel.errored)
  return channel.read(1)?.[0]
}

/** What ends a channel before anybody is let in: the connection itself, or what came over it. */
function brokenOff(cause: Error): SluiceError {
  const code = isSluiceError(cause) ? 'ERR_IDENTITY' : 'ERR_UNREACHABLE'
  const message = `the listener did not let us in before the connection ended: ${messageOf(cause)}`
  return new SluiceError(code, message, { cause })
}

/** Says to the dialler that it is not let in, and why to nobody but this side; resolves when it was heard. */
async function saidNo(channel: SecureDuplex): Promise<void> {
  const closed = new Promise((resolve) => channel.once('close', resolve))
  channel.resume().end(Buffer.of(0))
  await closed
}

async function refusalOf(admit: () => boolean | Promise<boolean>): Promise<SluiceError | undefined> {
  const message = 'the dialler was not let in'
  try {
    return (await admit()) === true ? undefined : new SluiceError('ERR_IDENTITY', message)
  } catch (error) {
    return asSluiceError(error, 'ERR_IDENTITY', message)
  }
}

const tooLate = (ms: number) =>
  `the handshake was not done within ${ms} ms: the peer is slow, or does not speak the secure channel of Sluice`

const NOTHING = Buffer.alloc(0)

function checkSecure(options: SecureOptions): void {
  checkObject('options', options)
  checkOption('as', options.as, options.as !== undefined, `'dialler' or 'listener'`)
  checkChoice('as', options.as, Object.keys(KEYS))
  checkKeys<object>('options', options, KEYS[options.as])
  checkIdentity(options.identity)
  checkAbortSignal('signal', options.signal)
  checkWhole('timeout', options.timeout, 1, MOST_TIMER)
  if (options.as === 'listener') return checkFunction('admit', options.admit)
  checkBytes('key', options.key, KEY_LENGTH)
  if (options.secret !== undefined) checkBytes('secret', options.secret, SECRET_LENGTH)
}

/** The message shows no byte of it. */
function checkIdentity(identity: Identity): void {
  checkObject('identity', identity)
  const { publicKey, secretKey } = identity
  checkBytes('identity.publicKey', publicKey, KEY_LENGTH)
  checkBytes('identity.secretKey', secretKey, 2 * KEY_LENGTH)
  if (sameKey(publicKey, secretKey.subarray(KEY_LENGTH))) return
  throw new SluiceError('ERR_USAGE', 'identity must be a key pair, not two keys that do not belong together')
}

function checkBytes(option: string, value: unknown, length: number): asserts value is Uint8Array {
  const isRight = isBytes(value) && value.length === length
  const found = typeof value === 'string' ? `a ${typeof value}` : shownValue(value)
  if (isRight) return
  throw new SluiceError(
    'ERR_USAGE',
    `${option} must be ${length} bytes (a Buffer or Uint8Array), not ${found}`,
  )
}
