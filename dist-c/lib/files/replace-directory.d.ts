import { SluiceError } from '../errors.js';
import { type Finished } from './claim.js';
import type { Directory } from './directory.js';
import { type FileSystem } from './fs.js';
/** A file that has the name of a folder now, while the folder still exists. */
export interface Replaced {
    /** Removes the folder; gives what went wrong. */
    removeOld(): Promise<SluiceError | undefined>;
    /** Ends it, in any case. */
    close(): Promise<void>;
}
/**
 * Puts the file in the place of the folder `name`: the folder is moved aside, the file gets the name, and the caller
 * removes the folder once the file's name is safe. There is no call that swaps them, so that for a moment nothing has
 * the name; a crash then is repaired by {@link recoverReplaced}. Where the file cannot get the name, the folder is
 * moved back.
 */
export declare function replaceDirectory(file: Finished, name: string, durability: 'crash' | 'power'): Promise<Replaced>;
/** What {@link recoverReplaced} did, by the names of the replaced folders. */
export interface Recovered {
    /** Moved back, because the new file had not got the name. */
    restored: string[];
    /** Removed, because the new file stands. */
    removed: string[];
    /** Left in the folder that it was moved to: something else has its name now, or it failed. Paths. */
    kept: string[];
}
/** Ends what a crash left of replaced folders in `directory`. May itself be stopped at any moment and run again. */
export declare function recoverReplaced(fs: FileSystem, directory: Directory): Promise<Recovered>;
/**
 * Removes the folder at `path` and what is in it, never through a link and never into another mounted file system.
 * Goes on after an error and throws the first one at the end, with its system code.
 */
export declare function removeTree(fs: FileSystem, path: string): Promise<void>;
