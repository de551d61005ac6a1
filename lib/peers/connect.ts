import { deferred } from '../async.js'
import { type Clock, MOST_TIMER, systemClock } from '../clock.js'
import { asSluiceError, isSluiceError, SluiceError } from '../errors.js'
import { errorCode } from '../files/disk/disk-error.js'
import {
  checkCallback,
  checkKeys,
  checkObject,
  checkOption,
  checkWhole,
  given,
  type Keys,
  shownValue,
} from '../options.js'
import { type Answered, connections, type FindOptions, silent } from './connectors/attempts.js'
import type { Connector } from './connectors/connector.js'
import type { Identity } from './identity.js'
import { KnownPeers } from './known-peers.js'
import { type SecureDuplex, secure } from './secure.js'

/** Whom to connect to: a `Ticket` is one. */
export interface Destination {
  /** Where it may be, those first that are to be tried first. */
  readonly addresses: readonly string[]
  /** The key that it has to prove, 32 bytes. */
  readonly publicKey: Uint8Array
  /** The secret of a ticket, 16 bytes, which is shown to nobody else. */
  readonly secret?: Uint8Array
}

/** What {@link connect} takes. */
export interface ConnectToPeerOptions {
  /** Who this side is. */
  identity: Identity
  /** Other connectors than those of Sluice, which are asked first. */
  connectors?: readonly Connector[]
  /**
   * What looks for addresses beside those that are known, of which there may be none then: `findPeer`, or anything that
   * calls `onFound` with each address at which the owner of the key may be. It resolves when there will be no more, and
   * rejects if there was none.
   */
  find?(publicKey: Uint8Array, options: FindOptions): Promise<void>
  /** Milliseconds for each address, in which somebody answers there and proves to be the peer; 10,000 by default. */
  timeout?: number
  /** Gives up, with its reason. */
  signal?: AbortSignal
  clock?: Clock
}

const OPTIONS: Keys<ConnectToPeerOptions> = {
  identity: true,
  connectors: true,
  find: true,
  timeout: true,
  signal: true,
  clock: true,
}

const { signal: _, ...OF_CONNECT } = OPTIONS

const BY_NAME_OPTIONS: Keys<ConnectByNameOptions> = { ...OF_CONNECT, peers: true, onWarning: true }

/** A secure channel to a peer, and at which of its addresses that was reached. */
export interface Connected {
  duplex: SecureDuplex
  address: string
}

/**
 * Connects to a peer by the first of its addresses at which somebody proves its key: others may be those of other
 * machines by now. One that does not answer holds up none of the others, nor does one that answers and says nothing.
 * @throws SluiceError `ERR_IDENTITY` if somebody answers who is not the peer, or does not let us in; else
 *   `ERR_UNREACHABLE`; `ERR_USAGE`, or the reason of `signal`
 */
export async function connect(to: Destination, options: ConnectToPeerOptions): Promise<Connected> {
  checkObject('options', options)
  checkKeys('options', options, OPTIONS)
  checkObject('to', to)
  const { addresses, publicKey, secret } = to
  const { identity, connectors, find, signal, timeout = 10_000, clock = systemClock } = options
  checkCallback('find', find)
  const isEnough = Array.isArray(addresses) && (addresses.length > 0 || find !== undefined)
  checkOption('addresses', addresses, isEnough, 'a list of addresses')
  checkWhole('timeout', timeout, 1, MOST_TIMER)
  const stop = new AbortController()
  const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const dialler = {
    as: 'dialler',
    identity,
    key: publicKey,
    clock,
    signal: stopped,
    ...given({ secret }),
  } as const
  const failures: unknown[] = []
  let notFound: unknown
  const attempts = {
    connectors,
    find: find && ((how: FindOptions) => find(publicKey, how)),
    stopped,
    timeout,
    clock,
  }
  const open = async ({ raw, address, left }: Answered): Promise<Connected | undefined> => {
    try {
      return { duplex: await secure(raw, { ...dialler, timeout: left }), address }
    } catch (error) {
      failures.push(isSluiceError(error, 'ERR_TIMEOUT') ? silent(address, timeout, error) : error)
      return undefined
    }
  }
  const found = deferred<Connected>()
  const tryAll = async (): Promise<never> => {
    const opening: Promise<void>[] = []
    for await (const reached of connections(addresses, attempts)) {
      if ('notFound' in reached) {
        notFound = reached.notFound
        continue
      }
      if ('failure' in reached) {
        failures.push(reached.failure)
        continue
      }
      const opened = open(reached).then((connected) => {
        if (stopped.aborted) connected?.duplex.destroy()
        if (!connected || stopped.aborted) return
        found.resolve(connected)
        stop.abort(new SluiceError('ERR_CANCELLED', 'another address has answered'))
      })
      opening.push(opened)
      // one after the other: a listener that has several addresses would have several guests
      await within(TURN, opened, clock)
    }
    await Promise.all(opening)
    signal?.throwIfAborted()
    throw plainest(failures, notFound)
  }
  return Promise.race([found.promise, tryAll()])
}

/** What {@link connectByName} takes. */
export interface ConnectByNameOptions extends Omit<ConnectToPeerOptions, 'signal'> {
  /** Who is known. Default: those of the configuration folder. */
  peers?: KnownPeers
  /** Called where it cannot be noted at which address a peer was reached. Default: nobody is told. */
  onWarning?(warning: SluiceError): void
}

/**
 * The option `connect` of `Transfers` where peers are sent to by the names that they have among the known ones: looks
 * each up when a connection is to be made, makes it as {@link connect} does, and has the peer looked for first where it
 * was reached. It fails with `ERR_USAGE` for a name
 * that nobody has, `ERR_UNREACHABLE` if no address is known and none is looked for, and else as {@link connect} and
 * `KnownPeers` do.
 */
export function connectByName(
  options: ConnectByNameOptions,
): (peer: string, attempt: number, signal: AbortSignal) => Promise<SecureDuplex> {
  checkObject('options', options)
  checkKeys('options', options, BY_NAME_OPTIONS)
  const { peers = new KnownPeers(), onWarning, ...others } = options
  checkCallback('onWarning', onWarning)
  return async (name, _attempt, signal) => {
    const { addresses, key } = await peers.get(name)
    if (addresses.length === 0 && !others.find)
      throw new SluiceError(
        'ERR_UNREACHABLE',
        `no address of ${shownValue(name)} is known; add one to the peer`,
      )
    const { duplex, address } = await connect({ addresses, publicKey: key }, { ...others, signal })
    // the transfer does not wait for it
    peers.reached(key, address).catch((error: SluiceError) => onWarning?.(error))
    return duplex
  }
}

/**
 * Whoever answered and was refused says more than one that was not there; of the others one that can be told to start
 * says most, and a wrong address more than one where nobody is.
 * @param notFound why there are no other addresses, where some were looked for
 */
function plainest(failures: readonly unknown[], notFound: unknown): SluiceError {
  const asError = (failure: unknown) =>
    asSluiceError(failure, 'ERR_UNREACHABLE', 'no connection could be made')
  if (failures.length === 0) return asError(notFound)
  const errors = failures.map(asError)
  const isAway = ({ code }: SluiceError) => code === 'ERR_UNREACHABLE'
  const isRefused = ({ cause }: SluiceError) => errorCode(cause) === 'ECONNREFUSED'
  const plain =
    errors.find(({ code }) => code === 'ERR_IDENTITY') ??
    errors.find((error) => !isAway(error)) ??
    errors.find(isRefused) ??
    errors.at(-1)!
  if (!isAway(plain) || (errors.length === 1 && notFound === undefined)) return plain
  const where = errors.length === 1 ? '' : `nobody answers as the peer at its ${errors.length} addresses: `
  const nowhere = notFound === undefined ? '' : `; and ${asError(notFound).message}`
  return new SluiceError('ERR_UNREACHABLE', where + plain.message + nowhere, { cause: plain })
}

/** Milliseconds in which whoever answers has proved its key, before the next one is heard beside it. */
const TURN = 2000

/** Waits for something, at most so long. */
async function within(ms: number, what: Promise<void>, clock: Clock): Promise<void> {
  const late = deferred<void>()
  const cancel = clock.after(ms, late.resolve)
  await Promise.race([what, late.promise])
  cancel()
}
