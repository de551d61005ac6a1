import type { Duplex } from 'node:stream'
import { checkAbortSignal, checkFlag, checkOption } from '../options.js'
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
  checkOption('socket', socket, isByteStream(socket), 'a duplex stream of bytes')
  checkOption('head', head, head === undefined || Buffer.isBuffer(head), 'a Buffer')
  checkFlag('keepOpen', keepOpen)
  checkAbortSignal('signal', signal)
}

function isByteStream(socket: Duplex | undefined): boolean {
  return (
    typeof socket?.write === 'function' &&
    typeof socket.read === 'function' &&
    !socket.writableObjectMode &&
    !socket.readableObjectMode
  )
}
