/** Which bytes are there: the ranges that were added, joined where they touch. Pure. */
export declare class Ranges {
    #private;
    /** Adds the bytes from `start` up to, but not including, `end`. */
    add(start: number, end: number): void;
    /** Whether all bytes from `start` up to `end` are there. */
    covers(start: number, end: number): boolean;
    clear(): void;
}
