import { type Code, SluiceError } from '../errors.js'

/**
 * Where a transfer stands. It is `paused` while one of the sides wants that, and goes back to what it was before. The last
 * five are final; `interrupted` can be resumed by running it again.
 */
export type TransferState =
  | 'preparing'
  | 'connecting'
  | 'offered'
  | 'sending'
  | 'receiving'
  | 'paused'
  | 'completed'
  | 'rejected'
  | 'cancelled'
  | 'interrupted'
  | 'failed'

const FINAL: readonly TransferState[] = ['completed', 'rejected', 'cancelled', 'interrupted', 'failed']

/** What may follow; nothing where nothing is said. */
const NEXT: Partial<Record<TransferState, readonly TransferState[]>> = {
  preparing: ['connecting', ...FINAL],
  connecting: ['offered', ...FINAL],
  offered: ['sending', 'receiving', ...FINAL],
  sending: ['paused', ...FINAL],
  receiving: ['paused', ...FINAL],
  paused: ['sending', 'receiving', ...FINAL],
}

/** Whether nothing can follow `state`. */
export function isFinal(state: TransferState): boolean {
  return FINAL.includes(state)
}

/**
 * The state after `from`, if `to` may follow it.
 * @throws SluiceError `ERR_STATE` if it may not
 */
export function nextState(from: TransferState, to: TransferState): TransferState {
  const expected = NEXT[from] ?? []
  if (expected.includes(to)) return to
  const message = `a transfer that is ${from} cannot become ${to}`
  throw new SluiceError('ERR_STATE', message, { expected, found: to })
}

/** Errors that are no failure. */
const STATE_OF_ERROR: Partial<Record<Code, TransferState>> = {
  ERR_REJECTED: 'rejected',
  ERR_CANCELLED: 'cancelled',
  ERR_INTERRUPTED: 'interrupted',
  ERR_TRUNCATED: 'interrupted',
  ERR_TIMEOUT: 'interrupted',
}

/** The final state that an error of a transfer leads to. */
export function stateOfError({ code }: SluiceError): TransferState {
  return STATE_OF_ERROR[code] ?? 'failed'
}
