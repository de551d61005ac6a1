import { SluiceError } from '../errors.js'

/** Where a transfer stands. The last five are final; `interrupted` can be resumed by running it again. */
export type TransferState =
  | 'preparing'
  | 'connecting'
  | 'offered'
  | 'sending'
  | 'receiving'
  | 'completed'
  | 'rejected'
  | 'cancelled'
  | 'interrupted'
  | 'failed'

const FINAL: readonly TransferState[] = ['completed', 'rejected', 'cancelled', 'interrupted', 'failed']

const NEXT: Record<TransferState, readonly TransferState[]> = {
  preparing: ['connecting', ...FINAL],
  connecting: ['offered', ...FINAL],
  offered: ['sending', 'receiving', ...FINAL],
  sending: FINAL,
  receiving: FINAL,
  completed: [],
  rejected: [],
  cancelled: [],
  interrupted: [],
  failed: [],
}

/** Whether nothing can follow `state`. */
export function isFinal(state: TransferState): boolean {
  return NEXT[state].length === 0
}

/**
 * The state after `from`, if `to` may follow it.
 * @throws SluiceError `ERR_STATE` if it may not
 */
export function nextState(from: TransferState, to: TransferState): TransferState {
  if (!NEXT[from].includes(to)) {
    throw new SluiceError('ERR_STATE', `a transfer that is ${from} cannot become ${to}`, {
      expected: NEXT[from],
      found: to,
    })
  }
  return to
}

/** The final state that an error of a transfer leads to. */
export function stateOfError(error: SluiceError): TransferState {
  switch (error.code) {
    case 'ERR_REJECTED':
      return 'rejected'
    case 'ERR_CANCELLED':
      return 'cancelled'
    case 'ERR_INTERRUPTED':
    case 'ERR_TRUNCATED':
    case 'ERR_TIMEOUT':
      return 'interrupted'
    default:
      return 'failed'
  }
}
