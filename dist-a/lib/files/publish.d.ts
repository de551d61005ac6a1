import { SluiceError } from '../errors.js';
import type { Directory } from './directory.js';
import { type FileSystem } from './fs.js';
/** What to do when the name is taken by other content. */
export type Conflict = 'rename' | 'overwrite' | 'replace' | 'skip' | 'fail';
/** What a finished write survives: the death of the process, or the loss of power too. */
export type Durability = 'crash' | 'power';
export interface PublishOptions {
    conflict: Conflict;
    durability: Durability;
    /** Whether the regular file that stands at `path` has the same content; asked only when the name is taken. */
    identical?: (path: string) => Promise<boolean>;
}
/** How a file got its name. */
export interface Published {
    /**
     * 'created': the name was free. 'replaced': what stood there is gone. 'renamed': it has a suffix now.
     * 'identical': the same content stood there already. 'skipped': other content stands there, and was left.
     */
    how: 'created' | 'replaced' | 'renamed' | 'identical' | 'skipped';
    /** The name that holds the content; with 'skipped' the one that was taken. */
    name: string;
    /** What did not go as asked, although the file is there. */
    warning?: SluiceError;
}
/**
 * Gives the finished file `temporary` in `directory` its name, never by half (CRASH-SAFETY.md): by link and unlink
 * where the name is free, by one atomic rename over what may be overwritten. With durability 'power' the file's
 * content must be synced before; its name is synced here. Several at once in one folder share their syncs.
 *
 * When it resolves, the temporary name is gone (or the warning says why not). When it rejects, nothing is to be
 * acknowledged, and `temporary` stands as long as the content is under no other name; publishing it again goes on
 * where this one stopped. Fails with `ERR_CONFLICT` (conflict 'fail'), `ERR_DISK_FULL`, `ERR_READ_ONLY`,
 * `ERR_PERMISSION`, `ERR_WRITE`.
 */
export declare function publish(fs: FileSystem, directory: Directory, temporary: string, name: string, options: PublishOptions): Promise<Published>;
/**
 * Ends what a crash left between link and unlink, where `temporary` and `name` are one file: removes the temporary
 * name (renaming one over the other would do nothing). Gives 'published' if that was so, else 'pending' (the
 * temporary file is there and still to be published) or 'missing' (there is none). May itself be run again.
 */
export declare function recoverPublish(fs: FileSystem, directory: Directory, temporary: string, name: string, durability: Durability): Promise<'published' | 'pending' | 'missing'>;
