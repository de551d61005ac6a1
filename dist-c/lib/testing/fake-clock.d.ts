import type { Clock } from '../stages/clock.js';
/** A clock that goes on only when it is told to, or by itself from timer to timer: a test never waits for it. */
export declare class FakeClock implements Clock {
    #private;
    /** With `auto`, time jumps to the next timer whenever the event loop has nothing else to do first. */
    constructor({ auto }?: {
        auto?: boolean;
    });
    /** Timers that have neither rung nor been cancelled. */
    get pending(): number;
    now(): number;
    after(ms: number, callback: () => void): () => void;
    /** Lets `ms` milliseconds pass, with every timer that rings within them, in order. */
    advance(ms: number): void;
}
