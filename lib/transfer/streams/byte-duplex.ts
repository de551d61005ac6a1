import type { Duplex } from 'node:stream'
import { SluiceError } from '../../errors.js'
import { checkOption } from '../../options.js'

// biome-ignore lint/suspicious/noExplicitAny: the types of other streams name the events that they know
type Event = any
// biome-ignore lint/suspicious/noExplicitAny: and what these bring
export type Listener = (...args: any[]) => void
// biome-ignore lint/suspicious/noExplicitAny: some types ask for a last chunk, and none is given
type Last = any

/**
 * Any duplex stream of bytes: what is used of it, and nothing more: nothing of what its methods return, but for the
 * `false` of `write`. It gives the events 'data' with bytes, 'end', 'error', 'close', and, where `write` has returned
 * false, 'drain'; which of 'finish' and 'close' it tells at its end does not matter. Every Duplex of `node:stream`,
 * `readable-stream` and `streamx` is one.
 */
export interface ByteDuplex {
  write(chunk: Buffer): boolean
  end(last?: Last): unknown
  destroy(): unknown
  pause(): unknown
  resume(): unknown
  on(event: Event, listener: Listener): unknown
  off(event: Event, listener: Listener): unknown
}

const METHODS = ['write', 'end', 'destroy', 'pause', 'resume', 'on', 'off']

/** Those that carry a transfer: two of them would take the bytes of each other. */
export const BUSY = new WeakSet<ByteDuplex>()

/** A request or a response of `node:http`: beginners hand these over, and they have the connection. */
function isHttp(given: unknown): boolean {
  const { socket, headers, getHeader } = (given ?? {}) as Record<string, unknown>
  return typeof socket === 'object' && (headers !== undefined || typeof getHeader === 'function')
}

/** What `Duplex.from` makes of functions has it, whatever they give and take. */
const OBJECT_MODE =
  ', without objectMode: for Duplex.from, Readable.from(source(), { objectMode: false }) and a Writable in the place of functions'

/**
 * Throws unless it is a {@link ByteDuplex}, and carries no transfer.
 * @param keptOpenBy the option for which it is to be given back, which takes `unshift`, too
 * @throws SluiceError `ERR_USAGE`, `ERR_STATE`
 */
export function checkDuplex(option: string, duplex: ByteDuplex, keptOpenBy?: string): void {
  const { readableObjectMode, writableObjectMode, readableEncoding } = (duplex ?? {}) as Partial<Duplex>
  const methods = duplex as unknown as Record<string, unknown> | undefined
  const missing = METHODS.find((name) => typeof methods?.[name] !== 'function')
  const ofHttp = isHttp(duplex) && ': the socket of this request or response, on an upgrade'
  const ofTexts = readableEncoding && ', without setEncoding()'
  const ofObjects = (readableObjectMode || writableObjectMode) && OBJECT_MODE
  const isRight = missing === undefined && !ofTexts && !ofObjects
  checkOption(option, duplex, isRight, `a duplex stream of bytes${ofTexts || ofObjects || ofHttp || ''}`)
  const canGiveBack = keptOpenBy === undefined || typeof methods?.unshift === 'function'
  checkOption(option, duplex, canGiveBack, `a duplex stream with unshift() where ${keptOpenBy} is asked for`)
  if (!BUSY.has(duplex)) return
  const message = `${option} carries a transfer already: two of them need two connections, or one after the other with keepOpen`
  throw new SluiceError('ERR_STATE', message)
}
