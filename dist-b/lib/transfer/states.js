import { SluiceError } from '../errors.js';
const FINAL = ['completed', 'rejected', 'cancelled', 'interrupted', 'failed'];
const NEXT = {
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
};
/** Whether nothing can follow `state`. */
export function isFinal(state) {
    return NEXT[state].length === 0;
}
/**
 * The state after `from`, if `to` may follow it.
 * @throws SluiceError `ERR_STATE` if it may not
 */
export function nextState(from, to) {
    if (!NEXT[from].includes(to)) {
        throw new SluiceError('ERR_STATE', `a transfer that is ${from} cannot become ${to}`, {
            expected: NEXT[from],
            found: to,
        });
    }
    return to;
}
/** The final state that an error of a transfer leads to. */
export function stateOfError(error) {
    switch (error.code) {
        case 'ERR_REJECTED':
            return 'rejected';
        case 'ERR_CANCELLED':
            return 'cancelled';
        case 'ERR_INTERRUPTED':
        case 'ERR_TRUNCATED':
        case 'ERR_TIMEOUT':
            return 'interrupted';
        default:
            return 'failed';
    }
}
//# sourceMappingURL=states.js.map