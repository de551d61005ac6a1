import type { Server, Socket } from 'node:net'
import { SluiceError } from '../../errors.js'
import type { TransferState } from '../../transfer/lifecycle.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Context } from '../terminal/context.js'
import { endWith } from './connection.js'

/** Connections without an offer, at most: if there are more, one of them is closed. */
const MOST_SILENT = 256

/**
 * Accepts transfers until the user stops the program; with `once` until the first one that was offered has ended.
 * Then it rejects as that transfer does or resolves with 'done'. Where it was stopped before, it resolves with 'idle',
 * or 'stopped' if something was on its way. A
 * connection that fails before an offer came from a stranger: there is a warning, and other connections are not
 * affected.
 * @param begin begins the transfer of a connection
 */
export function serve(
  server: Server,
  begin: (socket: Socket) => Transfer,
  { once, leftOut }: { once: boolean; leftOut?: number },
  { reporter, signal }: Context,
): Promise<'done' | 'idle' | 'stopped'> {
  const running = new Set<Transfer>()
  const silent = new Map<Socket, Transfer>()
  return new Promise((resolve, reject) => {
    let taken: Transfer | null = null
    let end: 'idle' | 'stopped' = 'idle'
    const stop = () => {
      server.close()
      if (running.size === 0) resolve(end)
    }
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    server.on('connection', (socket: Socket) => {
      if (taken !== null) return void socket.destroy()
      endWith(socket, signal)
      const transfer = begin(socket)
      let offered = false
      running.add(transfer)
      silent.set(socket, transfer)
      if (silent.size > MOST_SILENT) leastWorth(silent.keys()).destroy()
      const met = (state: TransferState) => {
        // the peer has not answered yet
        if (state === 'connecting') return
        transfer.off('state', met)
        silent.delete(socket)
        if (state !== 'offered') return
        offered = true
        if (once) {
          if (taken !== null) return void socket.destroy()
          taken = transfer
          reporter.endsWith(transfer)
          server.close()
          for (const other of silent.keys()) other.destroy()
        }
        reporter.watch(transfer, leftOut)
      }
      transfer.on('state', met)
      const over = (error?: SluiceError) => {
        running.delete(transfer)
        silent.delete(socket)
        if (transfer === taken) return error ? reject(error) : resolve('done')
        if (error && offered && signal.aborted) end = 'stopped'
        if (error && offered) reporter.failed(error, transfer.id, signal.aborted)
        else if (error && taken === null && !signal.aborted) reporter.warn(ofStranger(error))
        if (signal.aborted && running.size === 0) resolve(end)
      }
      transfer.finished.then(() => over(), over)
    })
  })
}

/** The oldest connection that has not sent a byte, because an honest peer greets at once; if all have, the oldest. */
function leastWorth(sockets: Iterable<Socket>): Socket {
  const all = Array.from(sockets)
  return all.find(({ bytesRead }) => bytesRead === 0) ?? all[0]!
}

/** A warning without the advice to run it again: the program keeps listening. */
function ofStranger(cause: SluiceError): SluiceError {
  const why = cause.code === 'ERR_INTERRUPTED' ? 'it broke' : cause.message
  return new SluiceError(cause.code, `a connection came to nothing: ${why}; still listening`, { cause })
}
