import type { Duplex } from 'node:stream'
import { printable, SluiceError } from '../../errors.js'
import { localPath } from '../../files/disk/names.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import type { Conflict, Durability } from '../../files/publish/publish.js'
import { stdio } from '../../peers/connectors/stdio.js'
import { type ReceiveOptions, receive } from '../../receive.js'
import type { Unless } from '../../stores/policy.js'
import { Transfers } from '../../transfers.js'
import { isEndOfSeries, isFollowed } from '../../watch/receive-series.js'
import type { Offer } from '../../wire/entry.js'
import type { Names } from '../../wire/paths.js'
import { type CompressFlag, compressHint, parseCompress, withAdvice } from '../network/compress.js'
import { diallerTo, dialling, isAddress, plainly, shownWord, wordGiven } from '../network/dialler.js'
import { type Caller, isForOne, type ListenFlags, openEntrance } from '../network/entrance.js'
import { findHint } from '../network/find.js'
import { remembering } from '../network/remember.js'
import { serve, tellSeries } from '../network/serve.js'
import { qrCodeOf } from '../network/ticket-code.js'
import { checkWays } from '../network/ways.js'
import { AllSeries } from '../receiving/all-series.js'
import { answer, canAsk } from '../receiving/answer.js'
import { Companions } from '../receiving/companions.js'
import { Guests } from '../receiving/guests.js'
import { keptHistory } from '../receiving/history.js'
import { mirror } from '../receiving/mirror.js'
import { onlyFirst } from '../receiving/only-first.js'
import { proofOf, receiptAt, withoutKey } from '../receiving/receipt.js'
import type { Series } from '../receiving/series.js'
import { standardOutput } from '../receiving/standard-output.js'
import type { Context } from '../ui/context.js'
import { isTermination, stoppedByUser } from '../ui/exit.js'
import { checkDestination } from './destination.js'

/** The options of `sluice receive`; see its help. */
export interface ReceiveFlags extends ListenFlags {
  dir: string
  remember?: string
  stdio?: boolean
  once?: boolean
  compress?: CompressFlag
  receipt?: string
  stdout?: boolean
  history?: boolean
  delete?: boolean
  backupDir?: string
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
  const from = flags.stdio ? whom : wordGiven(whom)
  checkWays({ ...flags, word: from }, { option: '', isArgument: whom !== undefined }, EITHER)
  checkReceipt(from, flags)
  parseCompress(flags.compress)
  await checkDestination(flags.dir)
  const receipt = flags.receipt === undefined ? undefined : await receiptAt(flags.receipt, context.reporter)
  if (flags.backupDir !== undefined && !flags.delete)
    throw new SluiceError('ERR_USAGE', '--backup-dir is for --delete')
  const mirroring = flags.delete ? mirror(flags, context.reporter) : undefined
  if (!flags.stdout) return receiveFrom(from, flags, new Companions([receipt, mirroring]), context)
  const output = await standardOutput(context)
  try {
    const one = { ...flags, dir: output.dir, once: true }
    await receiveFrom(from, one, new Companions([receipt, output]), context)
  } finally {
    await output.close()
  }
}

async function receiveFrom(
  from: string | undefined,
  flags: ReceiveFlags,
  companions: Companions,
  context: Context,
): Promise<void> {
  const { reporter } = context
  const allSeries = new AllSeries()
  const guests = new Guests(flags, reporter)
  const optionsFor = (peer: string | undefined, connection: object) => {
    const series = allSeries.of(connection)
    const guest = guests.of(peer)
    const accept: ReceiveOptions['accept'] = async (offer, over) => {
      // an id stands for one of those that are not over, and the one that is offered is among them
      const transfer = transfers.list({ id: offer.id })[0]!
      const goesOn = allSeries.goesOn(connection, transfer, offer)
      const offered = { peer, transfer, companions, goesOn, quota: () => guests.usedBy(peer) }
      const answered = await answer(offer, over, { ...flags, ...guest }, context, offered)
      const isAccepted = typeof answered === 'boolean' ? answered : answered.accept
      if (isAccepted && transfer.hasNext) series.accepted(offer)
      return answered
    }
    return { ...optionsOf(flags, context, series, accept), ...guest }
  }
  const goesOn = (offer: Offer, _peer: unknown, connection: object) =>
    allSeries.of(connection).goesOnWith(offer)
  const transfers: Transfers = new Transfers({
    receive: flags.once ? onlyFirst(optionsFor, () => transfers.list(), goesOn) : optionsFor,
    ...(flags.history && (await keptHistory(flags.stdout ? undefined : (peer) => guests.of(peer).dir))),
  })
  transfers.on('warning', (warning) => reporter.warn(warning))
  transfers.on('transfer', (transfer, peer) => guests.attend(transfer, peer))
  const where = ({ who }: Caller) => (flags.stdout ? 'for standard output' : intoFolder(guests.of(who).dir))
  const receiving = { flags, context, companions, transfers, allSeries, guests, optionsFor, where }
  try {
    if (from !== undefined || flags.stdio) await receiveFromSender(from, receiving)
    else await receiveFromCallers(receiving)
  } finally {
    await Promise.all([companions.done(), transfers.saved(), guests.saved()])
  }
}

/** What it takes to receive, whoever made the connection. */
interface Receiving {
  flags: ReceiveFlags
  context: Context
  companions: Companions
  transfers: Transfers
  allSeries: AllSeries
  guests: Guests
  optionsFor: (peer: string | undefined, connection: object) => ReceiveOptions
  /** Where files go, for the end of a line. */
  where(caller: Caller): string
}

/** Connects to a sender; without one named it is at the other end of standard input and output. */
async function receiveFromSender(from: string | undefined, receiving: Receiving): Promise<void> {
  const { flags, context, companions, transfers, allSeries, guests, optionsFor, where } = receiving
  const { reporter, signal } = context
  const dialler =
    from === undefined
      ? dialling('the sender', context, async () => plainly(stdio()))
      : await diallerTo(
          from,
          { find: flags.find, hint: `; to choose the folder: --dir ${shownWord(from)}` },
          context,
        )
  const { duplex, caller } = await dialler.connect(signal)
  const remember = await remembering(flags.remember, caller, context)
  if (flags.receipt !== undefined) checkProof(caller)
  await guests.meet(caller)
  tellHow(receiving, `connected to ${caller.who ?? dialler.to}; waiting for what it sends`)
  const series = allSeries.of(duplex, caller)
  let transfer = receive(duplex, optionsFor(caller.who, duplex))
  transfers.add(transfer, caller.who)
  remember(transfer)
  companions.attend(transfer, caller)
  const follow = (isNext: boolean) => {
    series.follow(transfer)
    reporter.endsWith(transfer)
    reporter.watch(transfer, { where: where(caller), ticket: caller.ticket, isNext })
    return isFollowed(transfer)
  }
  for (let isFirst = true; await follow(!isFirst); isFirst = false) {
    reporter.event({ event: 'waiting', id: transfer.id })
    if (isFirst) tellSeries(duplex, context)
    try {
      transfer = await transfers.handle(duplex, { ...peerOf(caller), isNext: true })
    } catch (error) {
      if (isEndOfSeries(error)) return series.end()
      throw error
    }
  }
  await transfer.finished.catch(withAdvice)
}

/** Waits for senders, until the user stops the program; with `--once` for one. */
async function receiveFromCallers(receiving: Receiving): Promise<void> {
  const { flags, context, companions, transfers, allSeries, guests, where } = receiving
  const { reporter, signal } = context
  const once = flags.once === true
  const begin = async (duplex: Duplex, caller: Caller, isNext: boolean) => {
    const remember = isNext ? () => {} : await remembering(flags.remember, caller, context)
    if (!isNext) await guests.meet(caller)
    const series = allSeries.of(duplex, caller)
    const coming = transfers.handle(duplex, { ...peerOf(caller), isNext }).catch(withAdvice)
    const transfer = await coming.catch((error: SluiceError) => {
      allSeries.over(duplex, error)
      if (isNext && isEndOfSeries(error)) series.end()
      throw error
    })
    series.follow(transfer)
    isFollowed(transfer).then((goesOn) => {
      if (!goesOn) transfer.finished.catch((error: SluiceError) => allSeries.over(duplex, error))
    })
    remember(transfer)
    if (!isNext) companions.attend(transfer, caller, once ? undefined : (error) => reporter.warn(error))
    return transfer
  }
  const entrance = await openEntrance(flags, context)
  try {
    reporter.listening(entrance.word, flags.listen)
    if (flags.qr) reporter.copyable(await qrCodeOf(entrance.word))
    tellHow(
      receiving,
      `waiting for ${once ? 'a sender' : 'senders'}; run there:`,
      entrance.hint(
        (whom) => `sluice send PATH... ${compressHint(flags.compress)}${findHint(flags)}--to ${whom}`,
      ),
    )
    const serving = { begin, once, goesOn: true, hasSeries: true, isForOne: once && isForOne(flags), where }
    const end = await serve(entrance, serving, context)
    if (end === 'done' || (end === 'idle' && isTermination(signal.reason))) return
  } finally {
    entrance.close()
  }
  throw stoppedByUser()
}

/** What of a caller the transfers of it are found by. */
function peerOf({ who }: Caller): { peer?: string } {
  return who === undefined ? {} : { peer: who }
}

/** What a person needs to know who has just started a receiver. */
function tellHow({ flags, context }: Receiving, line: string, toCopy: string[] = []): void {
  const { reporter, io } = context
  if (!flags.yes && !canAsk(context)) reporter.warn(new SluiceError('ERR_REJECTED', NOBODY))
  if (!io.stderr.isTTY) return
  reporter.note(line)
  for (const one of toCopy) reporter.copyable(one)
  const folder = flags.stdout ? 'standard output' : printable(localPath('--dir', flags.dir))
  for (const more of [`files go to ${folder}`, 'Ctrl-C stops']) reporter.note(more)
}

/** There will be a receipt: else the connection is closed, which would keep the program from ending. */
function checkProof(caller: Caller): void {
  try {
    proofOf(caller)
  } catch (error) {
    caller.hangUp()
    throw error
  }
}

/** @throws SluiceError `ERR_USAGE` where there could be no receipt, or more than one */
function checkReceipt(from: string | undefined, { receipt, plain, stdio, once }: ReceiveFlags): void {
  if (receipt === undefined) return
  if (plain || stdio || (from !== undefined && isAddress(from))) throw withoutKey()
  if (from !== undefined || once) return
  throw new SluiceError('ERR_USAGE', '--receipt is for one transfer: add --once')
}

/** For the end of a line. */
export function intoFolder(dir: string): string {
  return `in ${printable(dir.replace(/[/\\]+$/, ''))}/`
}

/** Whether one transfer may follow another: a receipt is of one, and so is what goes to standard output. */
function takesSeries({ compress, receipt, stdout }: ReceiveFlags): boolean {
  return parseCompress(compress).length === 0 && receipt === undefined && !stdout
}

function optionsOf(
  flags: ReceiveFlags,
  context: Context,
  { versions }: Series,
  accept: ReceiveOptions['accept'],
): ReceiveOptions {
  const { conflict, unless, durability, names, dir, together } = flags
  return {
    dir,
    series: takesSeries(flags),
    versions,
    conflict,
    unless,
    durability,
    publish: together ? 'together' : 'each',
    names,
    symlinks: flags.links ? 'keep' : 'skip',
    fs: commandFileSystem,
    signal: context.signal,
    stages: { wire: parseCompress(flags.compress) },
    ...(flags.yes && { lookAhead: true, limits: { unaccepted: Number.MAX_SAFE_INTEGER } }),
    accept,
  }
}

const EITHER =
  'a ticket or an address connects to a sender that listens there; without one senders are waited for here'

const NOBODY =
  'there is no terminal to ask at, so that every offer will be rejected; start it with --yes to accept them'
