import type { Clock } from './clock.js';
/**
 * Lets others have their turn in a long loop of short steps, also where a blocking file system or a memory never lets
 * go of the event loop by itself.
 */
export declare class Turns {
    #private;
    constructor(clock: Clock);
    /** Waits for a turn of the event loop, if it is time for one. */
    give(): Promise<void>;
}
