import { CODES, exitOfCode, isSluiceError, printable, SluiceError } from '../../errors.js'
import { knownConnectionError } from '../../peers/connectors/connection-error.js'

/** What each exit status says. */
export const EXITS: readonly (readonly [exit: number, about: string])[] = [
  [0, 'all files are there, or were left out on purpose'],
  [1, 'finished; some files failed, or could not be read'],
  [2, 'usage'],
  [3, 'rejected by the peer'],
  [4, 'interrupted; run it again'],
  [5, 'integrity: a digest never matched'],
  [6, 'the peer could not be reached, or did not prove who it is'],
  [7, 'the peer broke the protocol'],
  [8, 'the receiving disk: full, read-only, no permission'],
  [130, 'stopped by the user here; by the peer is 4'],
]

/** Exit statuses by priority: if several apply, the first one counts (README.md, "The command line"). */
const ORDER = [130, 2, 3, 6, 7, 8, 4, 5, 1]

/**
 * The exit status for an error, never 0. If files failed, it is that of the most important failure.
 * @param byPeer what was cancelled was cancelled by the peer, unless it says that it was here: to the user here it is
 * interrupted
 */
export function exitOf(error: SluiceError, byPeer = false): number {
  if (byPeer && error.code === 'ERR_CANCELLED' && error.found !== 'here') return CODES.ERR_INTERRUPTED.exit
  const outcomes = (error.outcomes ?? []) as readonly { status: string; code?: string; error?: SluiceError }[]
  const codes = outcomes
    .filter(({ status }) => status === 'failed')
    .map(({ code, error }) => error?.code ?? code)
  const exits = [error.code, ...codes].map(exitOfCode)
  return ORDER.find((exit) => exits.includes(exit)) ?? 1
}

/**
 * Any error as a {@link SluiceError}.
 * @param where the address, for the message
 */
export function commandError(error: unknown, where = 'the peer'): SluiceError {
  if (isSluiceError(error)) return error
  const cause = error as NodeJS.ErrnoException
  if (cause.syscall === 'uv_cwd') {
    const message =
      'the folder that this was started in is no more, or cannot be looked at; change into another one'
    return new SluiceError('ERR_USAGE', message, { cause })
  }
  const message = cause.code === 'EPIPE' ? 'the reader of the output went away' : printable(cause.message)
  return knownConnectionError(cause, where) ?? new SluiceError('ERR_INTERRUPTED', message, { cause })
}

/** The error of a program that was told to end. In the middle of nothing that is none: see {@link isTermination}. */
export function terminated(): SluiceError {
  return new SluiceError('ERR_CANCELLED', 'ended by SIGTERM', { found: 'SIGTERM' })
}

/** Whether the program was stopped by {@link terminated}. */
export function isTermination(reason: unknown): boolean {
  return isSluiceError(reason, 'ERR_CANCELLED') && reason.found === 'SIGTERM'
}

/** The error of a program that the user stopped. */
export function stoppedByUser(): SluiceError {
  return new SluiceError('ERR_CANCELLED', 'stopped by the user')
}
