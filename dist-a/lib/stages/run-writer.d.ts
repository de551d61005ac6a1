import type { Entry } from '../wire/manifest.js';
import type { Destination } from './destination.js';
import type { SentDigest, StoredFile } from './items.js';
import type { Piece } from './pieces.js';
/**
 * Puts the pieces of runs on disk: folders before their files, several files at once, those of one file in order. What
 * fails for one file is its outcome; what would fail for all is thrown.
 */
export declare class RunWriter {
    #private;
    constructor(destination: Destination, concurrency: number);
    /** The first file that began and did not end. */
    get unfinished(): Entry | undefined;
    /**
     * Writes them; gives the entries that ended, in order. One write in the middle of a file is not waited for, but the
     * next call waits for it.
     */
    write(pieces: readonly Piece[], isStopped: () => boolean): Promise<StoredFile[]>;
    /** Waits for the write that was left behind; gives its entry if that failed. */
    settle(): Promise<StoredFile[]>;
    /** Files that the sender gave up will not end by themselves: gives those that began. */
    giveUp(digests: readonly SentDigest[]): Promise<StoredFile[]>;
}
