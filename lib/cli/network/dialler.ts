import { createInterface } from 'node:readline'
import { type Duplex, Writable } from 'node:stream'
import { isSluiceError, printable, SluiceError } from '../../errors.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { connect, type Destination } from '../../peers/connect.js'
import { command } from '../../peers/connectors/command.js'
import { identity } from '../../peers/identity.js'
import { mayPretend } from '../../peers/keys.js'
import { KnownPeers } from '../../peers/known-peers.js'
import { NOT_LET_IN } from '../../peers/secure.js'
import { decodeTicket, isTicket } from '../../peers/ticket.js'
import type { Context } from '../ui/context.js'
import { goingOn } from '../ui/input/signals.js'
import { type Caller, knownPeer, shownPeer } from './entrance.js'
import { checkFind, finder } from './find.js'
import { connectTo, farewell } from './sockets.js'

/** How the other side is reached. */
export interface Dialler {
  /** For people. */
  readonly to: string
  /** Makes a connection; it may be called again. Rejects with `ERR_UNREACHABLE` or `ERR_IDENTITY`. */
  connect(signal: AbortSignal): Promise<{ duplex: Duplex; caller: Caller }>
}

/** What may be said with whom to reach. */
interface DiallerFlags {
  /** Look for it in this network, too. */
  find?: boolean | undefined
  /** What else the user may have meant by a name that nobody has. */
  hint?: string
}

/**
 * What a text names: a ticket, a known peer, or an address of this machine, where nothing is proved. `-` asks for it,
 * or reads it from standard input, so that it is seen nowhere.
 */
export async function diallerTo(
  text: string,
  { find = false, hint }: DiallerFlags,
  context: Context,
): Promise<Dialler> {
  const word = text === '-' ? await askedFor(context) : text
  if (isTicket(word)) return secretly(decodeTicket(word), find, 'the listener of the ticket', context)
  checkFind(find, !isAddress(word))
  if (isAddress(word))
    return dialling(printable(word, 100), context, async (over) => plainly(await connectTo(word, over)))
  const { name, addresses, key } = await knownPeer(
    new KnownPeers({ fs: commandFileSystem }),
    word,
    'neither a ticket, nor HOST:PORT, nor a known peer',
    hint,
  )
  if (addresses.length > 0 || find)
    return secretly({ addresses, publicKey: key }, find, printable(name), context)
  const message = `no address of ${printable(name)} is known; --find looks for it in this network, and sluice peers add ${printable(name)} KEY ADDRESS gives it one`
  throw new SluiceError('ERR_USAGE', message)
}

/** Whether a word names an address, where nothing is proved; no name has a colon, and no ticket. */
export function isAddress(word: string): boolean {
  return !isTicket(word) && word.includes(':')
}

/** Through a program, as ssh: that it leads where it should is its own affair. */
export function diallerThrough(line: string, context: Context): Dialler {
  const connector = command(line, { onLine: (said) => context.reporter.note(said) })
  return dialling(printable(line, 100), context, async (over) =>
    plainly(await connector.connect('', { signal: over })),
  )
}

/**
 * A dialler of which the last connection is closed where the user stops the program, and the peer takes no notice.
 * @param reach makes a connection
 */
export function dialling(
  to: string,
  { signal }: Pick<Context, 'signal'>,
  reach: Dialler['connect'],
): Dialler {
  let last: Duplex[] = []
  signal.addEventListener('abort', () => farewell(() => last))
  return {
    to,
    async connect(over) {
      const reached = await reach(over)
      last = [reached.duplex]
      return reached
    },
  }
}

/** What a user gave, for a message: of a ticket nothing is shown, since it is a secret. */
export function shownWord(word: string): string {
  return isTicket(word) ? 'a ticket' : printable(word, 100)
}

/** What a user gave as the other side, or the variable `SLUICE_TICKET`; undefined if nothing did. */
export function wordGiven(argument: string | undefined): string | undefined {
  return argument ?? (process.env.SLUICE_TICKET || undefined)
}

/** A connection over which nobody proves a key. */
export function plainly<D extends Duplex>(duplex: D): { duplex: D; caller: Caller } {
  heardLater(duplex)
  return { duplex, caller: { hangUp: () => duplex.destroy() } }
}

function secretly(destination: Destination, find: boolean, to: string, context: Context): Dialler {
  const fs = commandFileSystem
  const { reporter } = context
  return dialling(to, context, async (over) => {
    const addresses = destination.addresses.map((address) => printable(address, 100))
    if (addresses.length > 0) reporter.detail(`trying ${addresses.join(', ')}`)
    const me = await identity({ fs })
    const { duplex, address } = await connect(destination, {
      identity: me,
      signal: over,
      find: find ? await finder(to, context) : undefined,
    }).catch((error) => {
      throw destination.secret ? error : ofKnown(to, error)
    })
    heardLater(duplex)
    const { peerKey: key, handshakeHash } = duplex
    const peers = new KnownPeers({ fs })
    const who = await shownPeer(peers, key)
    await peers.reached(key, address).catch((error) => reporter.warn(error))
    reporter.detail(`connected to ${printable(address, 100)}, where ${who} proved its key`)
    return {
      duplex,
      caller: {
        ticket: destination.secret && 'given',
        reachedAt: address,
        key,
        handshakeHash,
        who,
        hangUp: () => duplex.destroy(),
      },
    }
  })
}

/** The same error for who was called by a name, and has no ticket: it says what to do, or gives the alarm. */
function ofKnown(name: string, error: unknown): unknown {
  if (!isSluiceError(error, 'ERR_IDENTITY')) return error
  const shown = `"${name}"`
  const message = error.message.startsWith(NOT_LET_IN)
    ? `${shown} does not let us in: it does not know our key (sluice identity prints it), or was started without --allow; ask for a ticket`
    : `whoever answers as ${shown} has not the key that ${shown} had before. ${mayPretend(shown)}`
  return new SluiceError('ERR_IDENTITY', message, { cause: error })
}

/** A connection that fails before a transfer has begun: the transfer tells of it, and nobody has to until then. */
function heardLater(duplex: Duplex): void {
  duplex.on('error', () => {})
}

/** A line of standard input, which nobody sees on a terminal. */
async function askedFor({ io, signal, stop }: Context): Promise<string> {
  const { stdin, stderr } = io
  // the terminal itself shows nothing then, nor does what reads its keys
  const hidden = new Writable({ write: (_bytes, _encoding, done) => done() })
  const lines = createInterface({
    input: stdin,
    signal,
    ...(stdin.isTTY && { output: hidden, terminal: true, historySize: 0 }),
  })
  // Ctrl-C is a key then, and not a signal
  lines.on('SIGINT', stop)
  const over = stdin.isTTY ? goingOn(stdin, () => lines.resume()) : () => {}
  // only now: what is typed before the terminal was set is shown by it
  if (stdin.isTTY) stderr.write('Ticket (it is not shown): ')
  try {
    for await (const line of lines) if (line.trim() !== '') return line.trim()
  } finally {
    over()
    lines.close()
    if (stdin.isTTY) stderr.write('\n')
  }
  signal.throwIfAborted()
  throw new SluiceError('ERR_USAGE', 'no ticket came from standard input')
}
