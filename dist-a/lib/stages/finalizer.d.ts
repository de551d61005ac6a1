import { Writable } from 'node:stream';
import { type FinalizerOptions } from './finalizer-options.js';
import { type Outcome } from './outcomes.js';
export type { FinalizerOptions };
/** A stream with one record per entry of the offers, in their order, at the end. */
export interface Finalizer extends Writable {
    /** Resolves when the input came to its end, also if files failed; rejects as the stream does otherwise. */
    readonly outcomes: Promise<Outcome[]>;
}
/**
 * Publishes what `partSink` stored: each file gets its name when its digest is that of the sender, never before, and
 * never without one. Files that fail do so alone; the stream then ends with `ERR_FILES_FAILED`, the outcomes in it.
 * Destroyed, it ends what it is doing to a file, and leaves the other parts for a later run.
 *
 * Errors: `ERR_FILES_FAILED`, `ERR_TRUNCATED` (entries never came), `ERR_DISK_FULL`, `ERR_READ_ONLY`,
 * `ERR_UNSAFE_LINK`, `ERR_UNSUPPORTED` (hash algorithm).
 */
export declare function finalizer(options?: FinalizerOptions): Finalizer;
