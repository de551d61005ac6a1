import type { Socket } from 'node:net'
import { printable, SluiceError } from '../../errors.js'
import { localPath } from '../../files/disk/names.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import type { Conflict, Durability } from '../../files/publish/publish.js'
import { type Accept, type ReceiveOptions, receive } from '../../receive.js'
import { FreeSpace } from '../../stores/disk/free-space.js'
import type { Unless } from '../../stores/policy.js'
import type { Transfer } from '../../transfer/transfer.js'
import { Transfers } from '../../transfers.js'
import type { Offer } from '../../wire/entry.js'
import type { Names } from '../../wire/paths.js'
import { isLost, serve } from '../network/serve.js'
import { connectTo, listenAt } from '../network/sockets.js'
import { confirmOffer } from '../ui/ask.js'
import type { Context } from '../ui/context.js'
import { describeOffer } from '../ui/describe.js'
import { isTermination, stoppedByUser } from '../ui/exit.js'
import { checkDestination } from './destination.js'

/** The options of `sluice receive`; see its help. */
export interface ReceiveFlags {
  dir: string
  listen?: string
  once?: boolean
  yes?: boolean
  conflict?: Conflict
  unless?: Unless
  durability?: Durability
  together?: boolean
  names?: Names
  links?: boolean
}

/** `sluice receive`: connects to ADDRESS for one transfer, or listens. */
export async function receiveCommand(
  address: string | undefined,
  flags: ReceiveFlags,
  context: Context,
): Promise<void> {
  const { reporter, signal } = context
  if (address !== undefined && flags.listen !== undefined) {
    throw new SluiceError('ERR_USAGE', `either ${printable(address, 100)} or --listen, not both: ${EITHER}`)
  }
  // who gives a name here means the folder, which other commands take so
  if (address?.includes(':') === false) {
    const message = `"${printable(address, 100)}" is not an address, which is HOST:PORT; to choose the folder: --dir ${printable(address, 100)}`
    throw new SluiceError('ERR_USAGE', message)
  }
  await checkDestination(flags.dir)
  const warn = () => {
    if (!flags.yes && !canAsk(context)) reporter.warn(new SluiceError('ERR_REJECTED', NOBODY))
  }
  /** What a person needs to know who has just started a receiver. */
  const tell = (lines: string[]) => {
    if (!context.io.stderr.isTTY) return
    for (const line of [...lines, `files go to ${printable(localPath('--dir', flags.dir))}`, 'Ctrl-C stops'])
      reporter.note(line)
  }
  if (address !== undefined) {
    const socket = await connectTo(address, signal)
    warn()
    tell([`connected to ${printable(address)}; waiting for what it sends`])
    const transfer = receive(socket, optionsOf(flags, context))
    reporter.endsWith(transfer)
    reporter.watch(transfer, { where: inFolder(flags.dir) })
    await transfer.finished
    return
  }
  const { server, address: here } = await listenAt(flags.listen ?? '127.0.0.1:0', signal)
  try {
    reporter.listening(here, flags.listen)
    warn()
    const who = flags.once ? 'a sender' : 'senders'
    tell([`waiting for ${who}; run there:`, `sluice send PATH... --to ${here}`])
    const once = flags.once === true
    const options = optionsOf(flags, context)
    const transfers: Transfers = new Transfers({
      receive: once ? onlyFirst(options, () => transfers.list()) : () => options,
    })
    const begin = (socket: Socket) => transfers.handle(socket)
    const serving = { begin, once, goesOn: true, where: inFolder(flags.dir) }
    const end = await serve(server, serving, context)
    if (end === 'done' || (end === 'idle' && isTermination(signal.reason))) return
  } finally {
    server.close()
  }
  throw stoppedByUser()
}

/**
 * Options for connections of which only the first one that offers something is taken, and those over which that goes
 * on. Where that has lost its sender, another one that sends something of the same name may take its place, if it is
 * accepted: the same command was run again.
 */
function onlyFirst(options: ReceiveOptions, running: () => readonly Transfer[]): () => ReceiveOptions {
  const { accept } = options
  let first: Pick<Offer, 'id' | 'name'> | undefined
  const mayCome = ({ id, name }: Offer) => {
    if (first === undefined || id === first.id) return true
    const before = running().find((transfer) => transfer.id === first!.id)
    return before !== undefined && isLost(before) && name === first.name
  }
  const once: typeof accept = async (offer, over) => {
    if (!mayCome(offer)) return { accept: false, reason: ONE_ONLY }
    first ??= offer
    const answer = accept === 'all' || (await accept(offer, over))
    const isAccepted = typeof answer === 'boolean' ? answer : answer.accept
    if (!isAccepted) return answer
    // meanwhile the sender may have come back, or another one have taken its place
    if (!mayCome(offer)) return { accept: false, reason: ONE_ONLY }
    first = offer
    return answer
  }
  return () => ({ ...options, accept: once })
}

const ONE_ONLY = 'the receiver takes one transfer only'

/** For the end of a line. */
export function inFolder(dir: string): string {
  return `in ${printable(dir.replace(/[/\\]+$/, ''))}/`
}

function optionsOf(flags: ReceiveFlags, context: Context): ReceiveOptions {
  const { conflict, unless, durability, names, dir, together } = flags
  return {
    dir,
    conflict,
    unless,
    durability,
    publish: together ? 'together' : 'each',
    names,
    symlinks: flags.links ? 'keep' : 'skip',
    fs: commandFileSystem,
    signal: context.signal,
    ...(flags.yes && { limits: { unaccepted: Number.MAX_SAFE_INTEGER } }),
    accept: (offer, over) => answer(offer, over, flags, context),
  }
}

/** The answer to an offer. `over` aborts when nobody waits for it any more. */
async function answer(
  offer: Offer,
  over: AbortSignal,
  flags: ReceiveFlags,
  context: Context,
): Promise<Accept> {
  const { reporter } = context
  reporter.offered(offer)
  const lines = await describeOffer(
    offer,
    await new FreeSpace(commandFileSystem, localPath('--dir', flags.dir)).free(),
  )
  if (!flags.yes && canAsk(context)) {
    const accept = await reporter.ask(lines, () => confirmOffer(context, offer, over), over)
    if (!accept && !over.aborted) reporter.refused(offer)
    return { accept, reason: 'the receiver said no' }
  }
  for (const line of lines) reporter.note(line)
  if (flags.yes) return true
  return { accept: false, reason: 'nobody is there to be asked; the receiver has to be started with --yes' }
}

const EITHER = 'an address connects to a sender that listens there, --listen waits for senders here'

const NOBODY =
  'there is no terminal to ask at, so that every offer will be rejected; start it with --yes to accept them'

function canAsk({ io }: Context): boolean {
  return io.stdin.isTTY && io.stderr.isTTY
}
