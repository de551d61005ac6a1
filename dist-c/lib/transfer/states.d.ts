import { SluiceError } from '../errors.js';
/** Where a transfer stands. The last five are final; `interrupted` can be resumed by running it again. */
export type TransferState = 'preparing' | 'connecting' | 'offered' | 'sending' | 'receiving' | 'completed' | 'rejected' | 'cancelled' | 'interrupted' | 'failed';
/** Whether nothing can follow `state`. */
export declare function isFinal(state: TransferState): boolean;
/**
 * The state after `from`, if `to` may follow it.
 * @throws SluiceError `ERR_STATE` if it may not
 */
export declare function nextState(from: TransferState, to: TransferState): TransferState;
/** The final state that an error of a transfer leads to. */
export declare function stateOfError(error: SluiceError): TransferState;
