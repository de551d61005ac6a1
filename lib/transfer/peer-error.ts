import type { Owed } from '../async.js'
import {
  asSluiceError,
  codeOf,
  exitOfCode,
  hasForeignWords,
  isSluiceError,
  printable,
  SluiceError,
  sentenceOf,
} from '../errors.js'
import { LANES, type Limits, RECONNECT, SERIES, saidLimits } from '../wire/limits.js'
import type { Message } from '../wire/messages.js'
import type { Continuing } from './lifecycle.js'

/** What is said of oneself. */
const AGENT = 'sluice/0.1'

const STOPPED = 'a stage of the transfer stopped'

/** What is said first. */
export function firstWord({
  limits,
  continuing,
  series,
}: {
  limits: Limits
  continuing?: Pick<Continuing, 'resume' | 'takesLanes'> & { lane?: number }
  series?: boolean
}): Message {
  const { resume, takesLanes, lane } = continuing ?? {}
  const features = [
    ...(continuing ? [RECONNECT] : []),
    ...(series ? [SERIES] : []),
    ...(takesLanes ? [LANES] : []),
  ]
  return { type: 'hello', version: 1, agent: AGENT, features, limits: saidLimits(limits), resume, lane }
}

/** What the river threw, as an error of ours. */
export function asError(error: unknown): SluiceError {
  return asSluiceError(error, 'ERR_DESTROYED', STOPPED)
}

/**
 * What a peer is told of an error: what it did wrong itself, and what names nothing here, as it is. Where there is a
 * path or a cause, or words of something else, the message may name what is on this machine: then it is what the code
 * says.
 */
export function lastWordOf(error: SluiceError): Message | null {
  const { code, message, path, cause } = error
  if (code === 'ERR_INTERRUPTED' || code === 'ERR_UNREACHABLE') return null
  if (code === 'ERR_DESTROYED') return { type: 'error', code, text: STOPPED }
  const isLocal = path !== undefined || cause !== undefined
  const isOfPeer = exitOfCode(code) === exitOfCode('ERR_PROTOCOL')
  const staysHere = (isLocal && !isOfPeer) || hasForeignWords(error)
  return { type: 'error', code, text: staysHere ? sentenceOf(code) : message }
}

/**
 * The error of a connection that broke. One that was never made says so by the call of the system that failed: that of
 * a name, or of the connection; a socket that tried several addresses has an error for each of them.
 * @param isGreeted the peer has said something: it was reached, whatever the error says
 */
export function brokenBy(cause: Error, isGreeted: boolean): SluiceError {
  const { errors: [first = cause] = [] } = cause as Partial<AggregateError>
  const { syscall } = first as NodeJS.ErrnoException
  const isOfConnecting = syscall === 'connect' || syscall === 'getaddrinfo'
  // one that is made by a program may learn only later that nobody is there
  const isUnreached = !isGreeted && (isOfConnecting || isSluiceError(cause, 'ERR_UNREACHABLE'))
  // the error of several addresses has no words of its own
  const why = cause.message || first.message
  if (isUnreached) return new SluiceError('ERR_UNREACHABLE', `no connection could be made: ${why}`, { cause })
  return new SluiceError('ERR_INTERRUPTED', `the connection broke: ${why}; run it again to resume`, { cause })
}

/** The error of a transfer that one of the sides cancelled: `found` says which. */
export function cancelled(where: string, reason = ''): SluiceError {
  const why = reason === '' ? '' : `: ${printable(reason, 1024)}`
  return new SluiceError('ERR_CANCELLED', `cancelled ${where}${why}`, { found: where })
}

/** An error that the peer told keeps its code, if it is one of ours. */
export function errorOfPeer(code: string, text: string): SluiceError {
  return new SluiceError(codeOf(code), `the peer says: ${printable(text, 1024)}`, { found: code })
}

/** What is said where it was waited long enough: whoever has not answered may still be at work. */
export function notClosed(owed: Iterable<Owed>): string {
  const [first] = owed
  return `${first?.text ?? 'what the transfer had opened was not closed'}; it was waited for, and may still be at work`
}

/** An error that says more. */
export function withMore(error: SluiceError, more: string | undefined): SluiceError {
  if (more === undefined) return error
  return new SluiceError(error.code, `${error.message}; ${more}`, { ...error, cause: error })
}
