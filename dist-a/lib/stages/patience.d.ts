import { type Clock } from './clock.js';
/**
 * Does `act` again while too many files are open, here or on the whole system: others will close theirs. Everything
 * else that goes wrong is passed on at once, and so is this after 10 s or once `signal` is aborted.
 */
export declare function patiently<T>(act: () => Promise<T>, { clock, signal }?: {
    clock?: Clock;
    signal?: AbortSignal;
}): Promise<T>;
