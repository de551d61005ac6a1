import type { Duplex } from 'node:stream'
import { SluiceError } from '../errors.js'
import type { Limits } from '../wire/limits.js'

export interface SessionOptions {
  limits: Limits
  /** What was read from the socket before it was handed over, for instance by an HTTP server on an upgrade. */
  head?: Buffer
  /** Leaves the socket open after a transfer that came to its end; after an error it is always closed. */
  keepOpen?: boolean
  /** Cancels the transfer. */
  signal?: AbortSignal
}

/** Throws `ERR_USAGE` for a socket or an option that is none, before anything is done to the socket. */
export function checkSession(socket: Duplex, { head, keepOpen, signal }: SessionOptions): void {
  if (!isByteStream(socket)) refuse('socket: must be a duplex stream of bytes', socket)
  if (head !== undefined && !Buffer.isBuffer(head)) refuse('head: must be a Buffer', head)
  if (keepOpen !== undefined && typeof keepOpen !== 'boolean')
    refuse('keepOpen: must be true or false', keepOpen)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    refuse('signal: must be an AbortSignal', signal)
}

function isByteStream(socket: Duplex | undefined): boolean {
  return (
    typeof socket?.write === 'function' &&
    typeof socket.read === 'function' &&
    !socket.writableObjectMode &&
    !socket.readableObjectMode
  )
}

function refuse(message: string, found: unknown): never {
  throw new SluiceError('ERR_USAGE', message, { found })
}
