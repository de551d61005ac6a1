import { Readable } from 'node:stream';
import { SluiceError } from '../errors.js';
import { type FileSystem } from '../files/fs.js';
import { type Bitmap, type Range } from '../wire/positions.js';
import { type Clock } from './clock.js';
import type { Manifest } from './manifest-of.js';
/** What {@link fileSource} takes. */
export interface FileSourceOptions {
    /** The bytes to send, in ascending order; all by default. The offer is given out before a promise is waited for. */
    ranges?: readonly Range[] | Promise<readonly Range[] | undefined> | undefined;
    /** The entries to send, a bit for each of the offer; all by default. */
    wanted?: Bitmap | Promise<Bitmap | undefined> | undefined;
    /** Bytes of a run at most: 1 to 1 MiB, 1 MiB by default. */
    maxRun?: number | undefined;
    fs?: FileSystem | undefined;
    clock?: Clock | undefined;
    /** Destroys the stream. */
    signal?: AbortSignal | undefined;
    /** Hears why a file could not be sent, with path and cause; the peer is told the code only. */
    onFailure?: ((error: SluiceError) => void) | undefined;
}
/**
 * Reads a manifest as items: the offer, then runs in the order of the stream. A file that cannot be read or is no
 * longer what the manifest says ends with a `failure` instead of its last cut (`ERR_SOURCE_READ`,
 * `ERR_SOURCE_CHANGED`), and the others go on at their own positions. Reads one run ahead. A stream in the manifest
 * is destroyed together with this one.
 *
 * Throws `ERR_USAGE` for an option; a promise that is rejected or gives bad ranges fails the stream.
 */
export declare function fileSource(manifest: Manifest, options?: FileSourceOptions): Readable;
