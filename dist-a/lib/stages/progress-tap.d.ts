import type { Transform } from 'node:stream';
import { type Clock } from './clock.js';
/** What has passed a {@link progressTap}. */
export interface Passed {
    bytes: number;
    /** Files that ended; 0 where only bytes pass. */
    files: number;
}
/** What {@link progressTap} takes. */
export interface ProgressTapOptions {
    /** Milliseconds between two calls at least; 100 by default, 0 for a call with each chunk. */
    interval?: number;
    /** Where the time comes from; the clock of the process by default. */
    clock?: Clock;
}
/**
 * Looks at each chunk on its way, bytes or objects alike, and passes it on as it is; `onEnd` sees the end. What
 * they throw fails the stream. Holds at most two chunks.
 */
export declare function tap<T>(onChunk: (chunk: T) => void, onEnd?: () => void): Transform;
/** A {@link tap} that adds up: by default the chunks, else what `measure` says of each. */
export declare function counter<T>(measure?: (chunk: T) => number): Transform & {
    readonly count: number;
};
/**
 * Tells how many bytes and files have passed, not more often than every `interval`, and once at the end. It may
 * stand anywhere, between bytes or between items; before `partSink` it counts runs, behind it stored files.
 * Throws `ERR_USAGE` on a bad option.
 */
export declare function progressTap(onProgress: (passed: Passed) => void, options?: ProgressTapOptions): Transform;
