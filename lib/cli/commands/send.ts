import type { Duplex } from 'node:stream'
import { printable, SluiceError } from '../../errors.js'
import { isTicket } from '../../peers/ticket.js'
import type { Connect } from '../../reconnect/connections.js'
import { send } from '../../send.js'
import { Rate } from '../../stages/bytes/rate.js'
import type { Manifest } from '../../stages/manifest/builder.js'
import { throttle } from '../../stages/throttle.js'
import { lent } from '../../stores/sources.js'
import { size } from '../../terminal/text.js'
import { hasTicket } from '../../terminal/tickets.js'
import type { Transfer } from '../../transfer/transfer.js'
import { untilOffered } from '../../watch/receive-series.js'
import { filesFailed, unreadable } from '../../wire/outcome.js'
import { type CompressFlag, compressHint, parseCompress, withAdvice } from '../network/compress.js'
import { type Dialler, diallerThrough, diallerTo, wordGiven } from '../network/dialler.js'
import {
  type Caller,
  goodFor,
  isForOne,
  type ListenFlags,
  manyOf,
  openEntrance,
} from '../network/entrance.js'
import { findHint } from '../network/find.js'
import { parseRate } from '../network/rate.js'
import { remembering } from '../network/remember.js'
import { serve } from '../network/serve.js'
import { qrCodeOf } from '../network/ticket-code.js'
import { checkWays } from '../network/ways.js'
import { connectionsOf, shareOf } from '../sending/connections.js'
import {
  type GrowingManifest,
  growingManifest,
  leftOut,
  manifestOfArguments,
  type SourceFlags,
} from '../sending/sources.js'
import { checkWatch, type WatchFlags, Watching } from '../sending/watching.js'
import type { Context } from '../ui/context.js'
import { stoppedByUser } from '../ui/exit.js'
import { kindsOf } from '../ui/words/tally.js'

/** The options of `sluice send`; see its help. */
export interface SendFlags extends SourceFlags, ListenFlags, WatchFlags {
  to?: string
  via?: string
  remember?: string
  limit?: string
  compress?: CompressFlag
  retry?: string
  connections?: string
  dryRun?: boolean
}

/** `sluice send`: sends, or shows with `--dry-run` what would be sent. */
export async function sendCommand(paths: string[], flags: SendFlags, context: Context): Promise<void> {
  const { reporter, signal } = context
  const to = flags.via === undefined ? wordGiven(flags.to) : flags.to
  if (paths.some((path) => isTicket(path) && hasTicket(path)))
    throw new SluiceError('ERR_USAGE', 'a ticket stands among the paths; did you forget --to?')
  const rate = new Rate(flags.limit === undefined ? null : parseRate(flags.limit))
  const compressed = parseCompress(flags.compress)
  const attempts = attemptsOf({ ...flags, to })
  const connections = connectionsOf({ ...flags, to })
  checkWatch(paths, flags, compressed.length > 0)
  if (flags.dryRun) return dryRun(await manifestOfArguments(paths, flags, context), context)
  checkWhere(paths, { ...flags, to }, flags.to !== undefined)
  reporter.controls?.limitBy(rate)
  const watching = flags.watch ? new Watching(flags, context) : undefined
  // before anybody is asked what to send: whom nobody knows is told at once
  const dialler = await diallerOf({ ...flags, to }, watching?.context ?? context)
  if (watching) return sendWatched(await watching.takePaths(paths), flags, { attempts, rate, dialler })
  const share = shareOf(rate, connections)
  // nobody can ask for a limit later where there are no keys: each byte would pass a stage for nothing
  const mayBeLimited = rate.limit !== null || reporter.controls !== undefined
  const limited = mayBeLimited ? [throttle({ rate: share })] : []
  const begin = (socket: Duplex | Connect, source: Manifest | GrowingManifest) =>
    send(socket, source, {
      signal,
      connections,
      retry: { attempts },
      stages: { wire: [...compressed, ...limited] },
    })
  if (!dialler) {
    const manifest = await manifestOfArguments(paths, flags, context)
    const each = async (socket: Duplex) => {
      const transfer = begin(socket, shared(manifest))
      await untilOffered(transfer)
      return transfer
    }
    const given = { begin: each, skipped: manifest.skipped, leftOut: () => leftOut(manifest) }
    return sendToCallers(flags, given, context).finally(() => manifest.store.close?.())
  }
  const source = await growingManifest(paths, flags, context)
  const isAgain = attempts > 0 || connections > 1
  const { socket, caller, remember } = await connected(dialler, flags, isAgain, context)
  const transfer = begin(socket, source)
  let left = 0
  transfer.on('warning', ({ code }) => {
    if (code === 'ERR_SKIPPED') left++
  })
  remember(transfer)
  reporter.endsWith(transfer)
  reporter.watch(transfer, { where: 'sent', leftOut: () => left, ticket: caller.ticket })
  await transfer.finished.catch(withAdvice)
}

/** Sends, and goes on with what changes, until the user stops it. */
async function sendWatched(
  watching: Watching,
  flags: SendFlags,
  how: { attempts: number; rate: Rate; dialler: Dialler | undefined },
): Promise<void> {
  const { context } = watching
  const { dialler } = how
  const begin = (socket: Duplex | Connect) => watching.begin(socket, how)
  if (dialler) {
    const { socket, caller, remember } = await connected(dialler, flags, how.attempts > 0, context)
    const transfer = await begin(socket)
    remember(transfer)
    context.reporter.endsWith(transfer)
    context.reporter.watch(transfer, {
      where: 'sent',
      leftOut: () => watching.leftOut,
      ticket: caller.ticket,
    })
  } else {
    const given = { begin, skipped: [], leftOut: () => watching.leftOut }
    await sendToCallers(flags, given, context).catch((error: unknown) => {
      if (!watching.goesOnAfter(error)) throw error
    })
  }
  await watching.ended()
}

/** Connects; gives what makes other connections, too, where that is asked for. */
async function connected(
  dialler: Dialler,
  flags: SendFlags,
  isAgain: boolean,
  context: Context,
): Promise<{ socket: Duplex | Connect; caller: Caller; remember: (transfer: Transfer) => void }> {
  const { duplex, caller } = await dialler.connect(context.signal)
  const remember = await remembering(flags.remember, caller, context)
  const connect: Connect = async (attempt, over) =>
    attempt === 0 ? duplex : (await dialler.connect(over)).duplex
  return { socket: isAgain ? connect : duplex, caller, remember }
}

/** How the receiver is reached; undefined if it is waited for. */
async function diallerOf({ to, via, find }: SendFlags, context: Context): Promise<Dialler | undefined> {
  if (via !== undefined) return diallerThrough(via, context)
  return to === undefined ? undefined : diallerTo(to, { find }, context)
}

/**
 * How often a lost connection is tried again, if that is asked for. Who listens cannot: whoever came next would be sent
 * the files.
 */
function attemptsOf({ retry, to, via }: SendFlags): number {
  if (retry === undefined) return 0
  const attempts = /^\d{1,6}$/.test(retry) ? Number(retry) : undefined
  if (attempts === undefined)
    throw new SluiceError(
      'ERR_USAGE',
      `--retry must be a whole number from 0, not "${printable(retry, 100)}"`,
    )
  if (to !== undefined || via !== undefined || attempts === 0) return attempts
  const message =
    '--retry is for --to: where a receiver is waited for, a lost connection cannot be made again from here'
  throw new SluiceError('ERR_USAGE', message)
}

/** @throws SluiceError `ERR_USAGE` */
function checkWhere(paths: string[], flags: SendFlags, isArgument: boolean): void {
  const { to, include = [], exclude = [] } = flags
  const taken = [...include, ...exclude].find((pattern) => pattern.startsWith('--'))
  if (to === undefined && taken !== undefined) {
    const flag = include.includes(taken) ? '--include' : '--exclude'
    const message = `${flag} took ${printable(taken, 100)} as its pattern; write ${flag} PATTERN, and ${printable(taken, 100)} behind it`
    throw new SluiceError('ERR_USAGE', message)
  }
  if (to === '-' && (paths.includes('-') || flags.filesFrom === '-'))
    throw new SluiceError(
      'ERR_USAGE',
      'standard input cannot be both what is sent and where to: give --to a ticket, or set SLUICE_TICKET',
    )
  checkWays({ ...flags, word: to }, { option: '--to ', isArgument }, EITHER)
}

const EITHER = '--to and --via connect to a receiver that waits, without them one is waited for here'

/** What whoever connects is sent. */
interface ToCallers {
  /** Resolves when it is offered. */
  begin(socket: Duplex): Promise<Transfer>
  skipped: readonly SluiceError[]
  /** How much is left out of what is offered. */
  leftOut(): number
}

/** Listens, and sends to the first receiver that connects, or to each. Nothing of the files is read before. */
async function sendToCallers(
  flags: SendFlags,
  { begin, skipped, leftOut }: ToCallers,
  context: Context,
): Promise<void> {
  const { io, reporter } = context
  const entrance = await openEntrance(flags, context)
  const once = flags.many === undefined
  let hasBegun = false
  try {
    reporter.listening(entrance.word, flags.listen)
    if (flags.qr) reporter.copyable(await qrCodeOf(entrance.word))
    if (io.stderr.isTTY) {
      const who = once ? 'a receiver' : `receivers (${goodFor(flags)})`
      const more = `${compressHint(flags.compress)}${findHint(flags)}${flags.text === undefined ? '' : '--stdout '}`
      reporter.note(`waiting for ${who}; run there:`)
      for (const line of entrance.hint((whom) => `sluice receive ${more}${whom}`)) reporter.copyable(line)
      reporter.note('Ctrl-C stops')
    }
    // now, and not with each connection: a peer may be a stranger
    const warn = reporter.warnings()
    for (const warning of skipped) warn(warning)
    const beginning = async (socket: Duplex, caller: Caller) => {
      const remember = await remembering(flags.remember, caller, context)
      const transfer = await begin(socket).catch(withAdvice)
      remember(transfer)
      hasBegun = true
      return transfer
    }
    const serving = {
      begin: beginning,
      once,
      ...(!once && { enough: manyOf(flags.many) }),
      isForOne: isForOne(flags),
      where: () => 'sent',
      leftOut,
    }
    const end = await serve(entrance, serving, context)
    if (end === 'done') return
  } finally {
    entrance.close()
  }
  throw hasBegun ? stoppedByUser() : new SluiceError('ERR_CANCELLED', 'stopped before anybody connected')
}

/**
 * The same for several transfers, of which one will be accepted: one that fails before must not close what the others
 * are to read. One that has begun to read a stream closes it, since it may wait for the stream's next bytes.
 */
function shared(manifest: Manifest): Manifest {
  const { store } = manifest
  let hasBegun = false
  return {
    ...manifest,
    store: {
      ...lent(store),
      ...(store.stream && {
        stream: (entry) => {
          hasBegun = true
          return store.stream!(entry)
        },
      }),
      close: () => (hasBegun ? store.close?.() : undefined),
    },
  }
}

function dryRun({ offer, skipped }: Manifest, { reporter }: Context): void {
  const failures = offer.entries.filter(({ type }) => type === 'unreadable').map(unreadable)
  for (const { type, path, size } of offer.entries)
    if (type !== 'unreadable') reporter.result({ event: 'entry', type, path, size }, printable(path))
  const warn = reporter.warnings()
  for (const warning of skipped) warn(warning)
  reporter.note(`${kindsOf(offer.entries)}, ${size(offer.bytes)} would be sent`)
  const failure = filesFailed(failures, offer.entries.length)
  if (failure) throw failure
}
