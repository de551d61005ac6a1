import { type Code, isSluiceError, messageOf, printable, SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'

/** For the system's codes of connections: our code and message. */
const OF_SYSTEM: Readonly<Record<string, readonly [Code, (where: string) => string]>> = {
  ECONNREFUSED: ['ERR_UNREACHABLE', (where) => `nobody listens at ${where}; start the other side first`],
  ENOTFOUND: ['ERR_UNREACHABLE', (where) => `the host of ${where} is not known`],
  EHOSTUNREACH: ['ERR_UNREACHABLE', (where) => `${where} cannot be reached`],
  ENETUNREACH: ['ERR_UNREACHABLE', (where) => `${where} cannot be reached: there is no way to that network`],
  ETIMEDOUT: ['ERR_UNREACHABLE', (where) => `${where} does not answer`],
  EADDRINUSE: ['ERR_USAGE', (where) => `the address ${where} is in use; choose another port, or 0 for any`],
  EADDRNOTAVAIL: ['ERR_USAGE', (where) => `${where} is no address of this machine`],
  EACCES: ['ERR_USAGE', (where) => `the address ${where} is not for you; choose a port from 1024`],
}

/** What our code and message are for an error of the system, if it is one of those that connections meet. */
export function knownConnectionError(cause: unknown, where: string): SluiceError | undefined {
  const [code, say] = OF_SYSTEM[errorCode(cause) ?? ''] ?? []
  return code && say && new SluiceError(code, say(where), { cause })
}

/** The error of an attempt to connect that came to nothing. */
export function unreachable(cause: unknown, where: string): SluiceError {
  if (isSluiceError(cause)) return cause
  const message = `${where} cannot be reached: ${printable(messageOf(cause), 300)}`
  return knownConnectionError(cause, where) ?? new SluiceError('ERR_UNREACHABLE', message, { cause })
}

/** The error of an attempt to listen that came to nothing. */
export function cannotListen(cause: unknown, where: string): SluiceError {
  if (isSluiceError(cause)) return cause
  const message = `cannot listen at ${where}: ${printable(messageOf(cause), 300)}`
  return knownConnectionError(cause, where) ?? new SluiceError('ERR_USAGE', message, { cause })
}
