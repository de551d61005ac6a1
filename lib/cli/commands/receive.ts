import type { Server, Socket } from 'node:net'
import { SluiceError } from '../../errors.js'
import { blockingFileSystem } from '../../files/fs.js'
import type { Conflict, Durability } from '../../files/publish.js'
import { type Accept, type ReceiveOptions, receive } from '../../receive.js'
import type { Unless } from '../../stages/settle-file.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/manifest.js'
import type { Names } from '../../wire/paths.js'
import { confirmOffer, describeOffer } from '../ask.js'
import { connectTo, listenAt } from '../connection.js'
import type { Context } from '../context.js'
import { asSluiceError, stopped } from '../exit.js'

export interface ReceiveFlags {
  dir: string
  listen?: string
  once?: boolean
  yes?: boolean
  conflict?: Conflict
  unless?: Unless
  durability?: Durability
  names?: Names
  links?: boolean
}

/** Connections that have not offered anything yet; when there are more, one of them has to go. */
const MOST_SILENT = 256

/** `sluice receive`: connects to ADDRESS for one transfer, or listens. */
export async function receiveCommand(
  address: string | undefined,
  flags: ReceiveFlags,
  context: Context,
): Promise<void> {
  const { reporter, signal } = context
  if (address !== undefined && flags.listen !== undefined) {
    throw new SluiceError('ERR_USAGE', 'either an address to connect to or --listen, not both')
  }
  if (address !== undefined) {
    const transfer = receive(await connectTo(address, signal), optionsOf(flags, context))
    reporter.watch(transfer)
    await transfer.finished
    return
  }
  const { server, address: here } = await listenAt(flags.listen ?? '127.0.0.1:0')
  reporter.result({ event: 'listening', address: here }, here)
  try {
    await serve(server, flags, context)
  } finally {
    server.close()
  }
  if (signal.aborted) throw stopped()
}

/** Takes transfers until the user stops it, or with `--once` until the first that was offered has ended. */
function serve(server: Server, flags: ReceiveFlags, context: Context): Promise<void> {
  const { reporter, signal } = context
  const running = new Set<Transfer>()
  const silent = new Map<Socket, Transfer>()
  return new Promise<void>((resolve, reject) => {
    let taken: Transfer | null = null
    const stop = () => {
      server.close()
      if (running.size === 0) resolve()
    }
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    server.on('connection', (socket: Socket) => {
      if (taken !== null) return void socket.destroy()
      const transfer = receive(socket, optionsOf(flags, context))
      running.add(transfer)
      silent.set(socket, transfer)
      if (silent.size > MOST_SILENT) leastWorth(silent.keys()).destroy()
      transfer.once('state', () => {
        silent.delete(socket)
        if (transfer.state !== 'offered') return
        if (flags.once) {
          if (taken !== null) return void socket.destroy()
          taken = transfer
          server.close()
          for (const other of silent.keys()) other.destroy()
        }
        reporter.watch(transfer)
      })
      const over = (error?: SluiceError) => {
        running.delete(transfer)
        silent.delete(socket)
        if (transfer === taken) return error ? reject(error) : resolve()
        if (error && taken === null && !signal.aborted) reporter.warn(error)
        if (signal.aborted && running.size === 0) resolve()
      }
      transfer.finished.then(() => over(), over)
    })
  })
}

/** The oldest that has not said a word; an honest one greets at once. If all have, the oldest. */
function leastWorth(sockets: Iterable<Socket>): Socket {
  const all = Array.from(sockets)
  return all.find(({ bytesRead }) => bytesRead === 0) ?? all[0]!
}

function optionsOf(flags: ReceiveFlags, context: Context): ReceiveOptions {
  const { conflict, unless, durability, names, dir } = flags
  return {
    dir,
    conflict,
    unless,
    durability,
    names,
    symlinks: flags.links ? 'keep' : 'skip',
    fs: blockingFileSystem,
    signal: context.signal,
    accept: (offer, over) => answer(offer, over, flags, context),
  }
}

/** What is answered to an offer; `over` aborts when nobody waits for it any more. */
async function answer(
  offer: Offer,
  over: AbortSignal,
  flags: ReceiveFlags,
  context: Context,
): Promise<Accept> {
  const { io, reporter } = context
  const { id, name, entries, bytes } = offer
  reporter.event({ event: 'offer', id, name, entries: entries.length, bytes })
  const lines = describeOffer(offer, await freeAt(flags.dir))
  if (!flags.yes && io.stdin.isTTY && io.stderr.isTTY) {
    const accept = await reporter.ask(lines, () => confirmOffer(context, over), over)
    return { accept, reason: 'the receiver said no' }
  }
  for (const line of lines) reporter.note(line)
  if (flags.yes) return true
  return { accept: false, reason: 'nobody is there to be asked; the receiver has to be started with --yes' }
}

/** Free bytes where the folder is or will be. */
async function freeAt(dir: string): Promise<number | null> {
  for (const path of [dir, '.']) {
    try {
      return await blockingFileSystem.free(path)
    } catch (error) {
      if (asSluiceError(error).code === 'ERR_USAGE') return null
    }
  }
  return null
}
