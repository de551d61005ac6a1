import type { Duplex } from 'node:stream'
import { printable, SluiceError } from '../../errors.js'
import { localPath } from '../../files/disk/names.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import type { Conflict, Durability } from '../../files/publish/publish.js'
import { stdio } from '../../peers/connectors/stdio.js'
import { type Accept, type ReceiveOptions, receive } from '../../receive.js'
import { FreeSpace } from '../../stores/disk/free-space.js'
import type { Unless } from '../../stores/policy.js'
import type { Transfer } from '../../transfer/transfer.js'
import { Transfers } from '../../transfers.js'
import type { Offer } from '../../wire/entry.js'
import type { Names } from '../../wire/paths.js'
import { type Dialler, diallerTo, shownWord, wordGiven } from '../network/dialler.js'
import { type Caller, type ListenFlags, openEntrance } from '../network/entrance.js'
import { remembering } from '../network/remember.js'
import { isLost, serve } from '../network/serve.js'
import { codeOf } from '../network/ticket-code.js'
import { confirmOffer } from '../ui/ask.js'
import type { Context } from '../ui/context.js'
import { isTermination, stoppedByUser } from '../ui/exit.js'
import { describeOffer } from '../ui/words/describe.js'
import { checkDestination } from './destination.js'

/** The options of `sluice receive`; see its help. */
export interface ReceiveFlags extends ListenFlags {
  dir: string
  remember?: string
  stdio?: boolean
  once?: boolean
  yes?: boolean
  conflict?: Conflict
  unless?: Unless
  durability?: Durability
  together?: boolean
  names?: Names
  links?: boolean
}

/** `sluice receive`: connects to a sender for one transfer, or listens. */
export async function receiveCommand(
  whom: string | undefined,
  flags: ReceiveFlags,
  context: Context,
): Promise<void> {
  const { reporter, signal } = context
  const from = flags.stdio ? whom : wordGiven(whom)
  checkWhence(from, flags)
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
  if (from !== undefined || flags.stdio) {
    const dialler =
      from === undefined
        ? overStdio
        : await diallerTo(from, context, `; to choose the folder: --dir ${shownWord(from)}`)
    const { duplex, caller } = await dialler.connect(signal)
    const remember = await remembering(flags.remember, caller, context)
    warn()
    tell([`connected to ${caller.who ?? dialler.to}; waiting for what it sends`])
    const transfer = receive(duplex, optionsOf(flags, context, caller.who))
    remember(transfer)
    reporter.endsWith(transfer)
    reporter.watch(transfer, { where: inFolder(flags.dir) })
    await transfer.finished
    return
  }
  const entrance = await openEntrance(flags, signal)
  try {
    reporter.listening(entrance.word, flags.listen)
    if (flags.qr) reporter.note(await codeOf(entrance.word))
    warn()
    const who = flags.once ? 'a sender' : 'senders'
    tell([`waiting for ${who}; run there:`, `sluice send PATH... --to ${entrance.word}`])
    const once = flags.once === true
    const optionsFor = (peer?: string) => optionsOf(flags, context, peer)
    const transfers: Transfers = new Transfers({
      receive: once ? onlyFirst(optionsFor, () => transfers.list()) : optionsFor,
    })
    const begin = async (duplex: Duplex, caller: Caller) => {
      const remember = await remembering(flags.remember, caller, context)
      const transfer = await transfers.handle(duplex, caller.who === undefined ? {} : { peer: caller.who })
      remember(transfer)
      return transfer
    }
    const serving = { begin, once, goesOn: true, where: inFolder(flags.dir) }
    const end = await serve(entrance, serving, context)
    if (end === 'done' || (end === 'idle' && isTermination(signal.reason))) return
  } finally {
    entrance.close()
  }
  throw stoppedByUser()
}

/** The other end of `send --via`. */
const overStdio: Dialler = {
  to: 'the sender',
  connect: async () => ({ duplex: stdio(), caller: {} }),
}

/** @throws SluiceError `ERR_USAGE` */
function checkWhence(from: string | undefined, flags: ReceiveFlags): void {
  const ways = (['stdio', 'listen', 'plain', 'allow', 'many'] as const).filter(
    (flag) => flags[flag] !== undefined,
  )
  const given = [...(from === undefined ? [] : [shownWord(from)]), ...ways.map((flag) => `--${flag}`)]
  if (given.length < 2 || (from === undefined && !flags.stdio)) return
  const message = `either ${given[0]} or ${given[1]}, not both: ${EITHER}`
  throw new SluiceError('ERR_USAGE', message)
}

/**
 * Options for connections of which only the first one that offers something is taken, and those over which that goes
 * on. Where that has lost its sender, another one that sends something of the same name may take its place, if it is
 * accepted: the same command was run again.
 */
function onlyFirst(
  optionsFor: (peer?: string) => ReceiveOptions,
  running: () => readonly Transfer[],
): (peer?: string) => ReceiveOptions {
  let first: Pick<Offer, 'id' | 'name'> | undefined
  const mayCome = ({ id, name }: Offer) => {
    if (first === undefined || id === first.id) return true
    const before = running().find((transfer) => transfer.id === first!.id)
    return before !== undefined && isLost(before) && name === first.name
  }
  const once =
    (accept: ReceiveOptions['accept']): typeof accept =>
    async (offer, over) => {
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
  return (peer) => {
    const options = optionsFor(peer)
    return { ...options, accept: once(options.accept) }
  }
}

const ONE_ONLY = 'the receiver takes one transfer only'

/** For the end of a line. */
export function inFolder(dir: string): string {
  return `in ${printable(dir.replace(/[/\\]+$/, ''))}/`
}

function optionsOf(flags: ReceiveFlags, context: Context, peer: string | undefined): ReceiveOptions {
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
    accept: (offer, over) => answer(offer, over, flags, context, peer),
  }
}

/** The answer to an offer. `over` aborts when nobody waits for it any more. */
async function answer(
  offer: Offer,
  over: AbortSignal,
  flags: ReceiveFlags,
  context: Context,
  peer: string | undefined,
): Promise<Accept> {
  const { reporter } = context
  reporter.offered(offer)
  const free = await new FreeSpace(commandFileSystem, localPath('--dir', flags.dir)).free()
  const lines = [...(peer === undefined ? [] : [`from ${peer}`]), ...(await describeOffer(offer, free))]
  if (!flags.yes && canAsk(context)) {
    const accept = await reporter.ask(lines, () => confirmOffer(context, offer, over), over)
    if (!accept && !over.aborted) reporter.refused(offer)
    return { accept, reason: 'the receiver said no' }
  }
  for (const line of lines) reporter.note(line)
  if (flags.yes) return true
  return { accept: false, reason: 'nobody is there to be asked; the receiver has to be started with --yes' }
}

const EITHER =
  'a ticket or an address connects to a sender that listens there; without one senders are waited for here'

const NOBODY =
  'there is no terminal to ask at, so that every offer will be rejected; start it with --yes to accept them'

function canAsk({ io }: Context): boolean {
  return io.stdin.isTTY && io.stderr.isTTY
}
