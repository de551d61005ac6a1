import { type FileStats, type FileSystem } from './fs.js';
import type { Owner } from './owner.js';
/** A file that a journal says is not finished. */
export interface UnfinishedFile {
    /** Its path in the offer. */
    path: string;
    /** The path that it is to get. */
    target: string;
    size: number | null;
    /** Time of last change at the sender, in milliseconds. */
    mtime: number;
    /** The name of its part, beside `target`. */
    part: string;
    /** When the part was announced, in milliseconds: it is not older. */
    at: number;
}
/** What a journal says. */
export interface JournalContent {
    transfer: string;
    owner: Owner;
    /** Whether the owner has let go. */
    isReleased: boolean;
    /** The last sign of life, in milliseconds: the parts have not changed since. */
    until: number;
    unfinished: UnfinishedFile[];
    stats: FileStats;
}
/**
 * Reads a journal; undefined if it is not one, or not to be trusted: no regular file of its own, too large, garbage.
 * A torn tail and torn lines are dropped.
 */
export declare function readJournal(fs: FileSystem, path: string): Promise<JournalContent | undefined>;
