/** Seconds by name, the largest first. */
export type Shares = [name: string, seconds: number][];
export interface Summary {
    /** Seconds in which the main thread did something. */
    busy: number;
    idle: number;
    /** By what was done. */
    kinds: Shares;
    /** By function. */
    functions: Shares;
}
/** Where the time of one process went, from the file that `node --cpu-prof` leaves. */
export declare function summarise(file: string): Summary;
