/** How far a transfer is. A snapshot: it does not change any more. */
export interface Progress {
    /** Files, folders and links that ended, whatever their outcome. */
    readonly files: number;
    /** Those that the plan contains; 0 before there is a plan. */
    readonly totalFiles: number;
    /** Bytes sent or received. */
    readonly bytes: number;
    /** Bytes of the plan; `null` while a file of unknown size is among them. */
    readonly totalBytes: number | null;
    /** Bytes that did not have to travel, since the receiver had them. */
    readonly resumedBytes: number;
    /** Bytes per second over the last seconds. */
    readonly rate: number;
    /** Milliseconds that are left at this rate; `null` if it cannot be told. */
    readonly eta: number | null;
    /** The file that is running, or ran last; `null` before the first. */
    readonly current: CurrentFile | null;
}
/** One file on its way. */
export interface CurrentFile {
    readonly path: string;
    /** Its bytes so far. */
    readonly bytes: number;
    /** Its bytes in all; `null` if not known yet. */
    readonly size: number | null;
}
/** Counts what passes and makes {@link Progress} of it. Pure but for the clock (milliseconds, monotonic). */
export declare class ProgressMeter {
    #private;
    files: number;
    totalFiles: number;
    bytes: number;
    totalBytes: number | null;
    resumedBytes: number;
    current: CurrentFile | null;
    constructor(now?: () => number);
    /** Counts `length` more bytes, which belong to `current`. */
    add(length: number, current: CurrentFile): void;
    snapshot(): Progress;
}
