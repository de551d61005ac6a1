import { setMaxListeners } from 'node:events'
import type { Duplex } from 'node:stream'
import { systemClock } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import { showKey } from '../../peers/keys.js'
import type { Transfer } from '../../transfer/transfer.js'
import { isEndOfSeries } from '../../watch/receive-series.js'
import type { Context } from '../ui/context.js'
import type { Caller, Entrance } from './entrance.js'
import { farewell } from './sockets.js'
import { Strangers } from './strangers.js'

/** Connections without an offer, at most: if there are more, one of them is closed. */
const MOST_SILENT = 256

/** Milliseconds in which an honest peer has greeted. */
const TIME_TO_SPEAK = 2000

/** Whoever was let in has another key than was expected, or another name: see `remembering`. */
const NOT_MEANT: readonly string[] = ['ERR_IDENTITY', 'ERR_USAGE']

const EXPIRED = 'the ticket has expired; start this command again for a new one, or with a longer --expires'

/**
 * Tells people that the first transfer of a series is there, and more may follow. Until its connection closes, keys
 * that are typed between two of them are none for the terminal, which would show them.
 */
export function tellSeries(connection: Duplex, { reporter }: Pick<Context, 'reporter'>): void {
  reporter.controls?.listenUntil(new Promise<void>((resolve) => connection.once('close', resolve)))
  reporter.note('waiting for what changes there; Ctrl-C stops')
}

/** How {@link serve} goes about it. */
interface Serving {
  /** Begins with a connection; resolves with its transfer as soon as something is offered, rejects if nothing is. */
  begin(socket: Duplex, caller: Caller, isNext: boolean): Promise<Transfer>
  /** It ends with the first transfer that is offered; over other connections that one may go on, if `goesOn`. */
  once: boolean
  goesOn?: boolean
  /** Over a connection one transfer may follow another: `begin` is called for each. */
  hasSeries?: boolean
  /** It ends when so many others have completed one. */
  enough?: number
  /** Nobody else can come where one was let in, and turns out to be another one than was meant. */
  isForOne?: boolean
  /** Where files go, for the end of a line. */
  where(caller: Caller): string
  /** How much is left out of what is offered here. */
  leftOut?(): number
}

/**
 * Accepts transfers until the user stops the program; with `once` until the first one that was offered has ended.
 * Then it rejects as that transfer does or resolves with 'done'. Where it was stopped before, it resolves with 'idle',
 * or 'stopped' if something was on its way. A connection that fails before an offer came from a stranger: there is a
 * warning, and other connections are not affected.
 */
export function serve(
  entrance: Entrance,
  {
    begin,
    once,
    goesOn = false,
    hasSeries = false,
    enough = Infinity,
    isForOne = false,
    where,
    leftOut,
  }: Serving,
  { reporter, signal }: Context,
): Promise<'done' | 'idle' | 'stopped'> {
  const sockets = new Set<Duplex>()
  const silent = new Map<Duplex, Silent>()
  const running = new Set<Transfer>()
  // each connection listens to it, and there may be many
  setMaxListeners(0, signal)
  let taken: Transfer | null = null
  let hasCome = false
  const strangers = new Strangers(
    (warning) => reporter.warn(warning),
    () => (taken === null ? 'still listening' : 'the transfer goes on'),
  )
  const completed = new Set<unknown>()
  const result = new Promise<'done' | 'idle' | 'stopped'>((resolve, reject) => {
    let end: 'idle' | 'stopped' = 'idle'
    const isOver = () => signal.aborted && running.size === 0 && silent.size === 0
    const closeOthers = () => {
      for (const other of silent.keys()) other.destroy()
    }
    const stop = () => {
      strangers.flush()
      entrance.close()
      farewell(() => sockets)
      if (isOver()) resolve(end)
    }
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    const take = (transfer: Transfer) => {
      strangers.flush()
      taken = transfer
      reporter.endsWith(transfer)
      // by a ticket nobody else is let in, and who tries is told of: the ticket may have been stolen
      if (!goesOn && !isForOne) entrance.close()
      closeOthers()
    }
    /**
     * Another sender may come in the place of the one that is waited for, once it was accepted; what came before stays.
     */
    const replaceBy = (transfer: Transfer, socket: Duplex, caller: Caller) => {
      transfer.on('state', function accepted(state) {
        if (state !== 'receiving') return
        transfer.off('state', accepted)
        const before = taken!
        if (!isLost(before)) return void transfer.cancel('the sender before it has come back')
        running.delete(before)
        void before.cancel('its sender has begun again')
        take(transfer)
        watch(transfer, socket, caller)
      })
    }
    const watch = (transfer: Transfer, socket: Duplex, caller: Caller, isNext = false) => {
      const { who, key, ticket } = caller
      running.add(transfer)
      // a receiver names the sender with its offer
      if (!isNext && who !== undefined && transfer.direction === 'send') reporter.note(`to ${who}`)
      const over = (error?: SluiceError) => {
        if (!running.delete(transfer)) return
        if (hasSeries && transfer.hasNext && (!error || error.code === 'ERR_FILES_FAILED')) {
          reporter.event({ event: 'waiting', id: transfer.id })
          if (!isNext) tellSeries(socket, { reporter })
          return converse(socket, caller, true)
        }
        if (transfer === taken) {
          closeOthers()
          return error ? reject(error) : resolve('done')
        }
        // one that comes again is the same
        if (!error) completed.add(key ? showKey(key) : transfer)
        if (completed.size >= enough && running.size === 0) {
          closeOthers()
          return resolve('done')
        }
        if (error && signal.aborted) end = 'stopped'
        if (error) reporter.failed(error, transfer.id, signal.aborted)
        if (isOver()) resolve(end)
        else if (running.size === 0 && !signal.aborted) reporter.note('waiting for the next')
      }
      // first what it says of the end
      reporter.watch(transfer, {
        where: where(caller),
        leftOut,
        ticket,
        isOneOfMany: !once,
        isNext,
      })
      transfer.finished.then(() => over(), over)
    }
    const warn = (error: SluiceError) => {
      // somebody else may have used the ticket
      const isAlarm = error.code === 'ERR_IDENTITY'
      if ((taken === null || isAlarm) && !signal.aborted) strangers.refused(error)
    }
    const goOn = (transfer: Transfer, socket: Duplex, caller: Caller) => {
      if (once) taken = transfer
      if (once) reporter.endsWith(transfer)
      watch(transfer, socket, caller, true)
    }
    /** No transfer follows: `error` says so, or why none can. */
    const endSeries = (error: SluiceError) => {
      const isWell = isEndOfSeries(error)
      if (once) return isWell ? resolve('done') : reject(error)
      if (signal.aborted) end = 'stopped'
      else if (!isWell) reporter.warn(error)
      if (isOver()) resolve(end)
      else if (running.size === 0 && !signal.aborted) reporter.note('waiting for the next')
    }
    /** Waits for what is offered over a connection: at first, or, `isNext`, when a transfer over it is over. */
    const converse = (socket: Duplex, caller: Caller, isNext: boolean): void => {
      silent.set(socket, { socket, address: caller.address, since: systemClock.now() })
      if (silent.size > MOST_SILENT)
        leastWorth(Array.from(silent.values()), systemClock.now()).socket.destroy()
      begin(socket, caller, isNext).then(
        (transfer) => {
          silent.delete(socket)
          if (isNext) return goOn(transfer, socket, caller)
          if (once && taken !== null && transfer !== taken) {
            if (isLost(taken)) return replaceBy(transfer, socket, caller)
            return void socket.destroy()
          }
          if (once && taken === null) take(transfer)
          // one that goes on is watched already
          if (!running.has(transfer) && !transfer.isOver) watch(transfer, socket, caller)
        },
        (error: SluiceError) => {
          silent.delete(socket)
          // it may have a last word
          if (!socket.destroyed) farewell(() => [socket])
          if (isNext) return endSeries(error)
          if (isForOne && taken === null && NOT_MEANT.includes(error.code)) {
            closeOthers()
            return reject(error)
          }
          warn(error)
          if (isOver()) resolve(end)
        },
      )
    }
    entrance.on('refused', warn)
    entrance.on('expired', () => {
      const expired = (text: string) => new SluiceError('ERR_UNREACHABLE', text)
      if (hasCome) reporter.warn(expired(`${EXPIRED}; who has come by it may come again`))
      else reject(expired(`nobody came: ${EXPIRED}`))
    })
    entrance.on('connection', (socket, caller) => {
      if (taken !== null && !goesOn) return void socket.destroy()
      const who = caller.who === undefined ? '' : `, where ${caller.who} proved its key`
      reporter.detail(`a connection from ${printable(caller.address ?? 'somewhere', 100)}${who}`)
      hasCome = true
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      converse(socket, caller, false)
    })
    entrance.serve()
  })
  return result.finally(() => strangers.flush())
}

/** Whether a transfer waits for its sender to come back. */
export function isLost({ state, isOver }: Transfer): boolean {
  return state === 'interrupted' && !isOver
}

/** A connection without an offer. */
export interface Silent {
  socket: Pick<Duplex, 'destroy'> & { bytesRead?: number }
  address: string | undefined
  /** Milliseconds. */
  since: number
}

/**
 * The connection to be closed where there are too many: one of the address that has most of them; there one that has
 * had time to speak, if any has; of these the one that has said least, and the oldest of those. So a newcomer that
 * speaks is not the one, however many have come before it, or come meanwhile.
 */
export function leastWorth(connections: readonly Silent[], now: number): Silent {
  const counts = new Map<string | undefined, number>()
  for (const { address } of connections) counts.set(address, (counts.get(address) ?? 0) + 1)
  const most = Math.max(...counts.values())
  const crowd = connections.filter(({ address }) => counts.get(address) === most)
  const heard = crowd.filter(({ since }) => now - since >= TIME_TO_SPEAK)
  return (heard.length > 0 ? heard : crowd).reduce((worst, one) =>
    (one.socket.bytesRead ?? 0) < (worst.socket.bytesRead ?? 0) ? one : worst,
  )
}
