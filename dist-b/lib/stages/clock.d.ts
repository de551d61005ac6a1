/** Time as the stages see it: monotonic, in milliseconds. A parameter, so that tests need not wait. */
export interface Clock {
    /** Milliseconds since some fixed moment; never goes back. */
    now(): number;
    /** Calls back once after `ms` milliseconds; gives a function that cancels it. */
    after(ms: number, callback: () => void): () => void;
}
/** The clock of this process. */
export declare const systemClock: Clock;
