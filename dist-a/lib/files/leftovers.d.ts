import { SluiceError } from '../errors.js';
import { type ProcessSystem } from './owner.js';
import { type UnfinishedFile } from './read-journal.js';
import type { Tree } from './tree.js';
/** What a transfer that was interrupted has left. */
export interface Leftover {
    /** The part, below the root; or the journal itself, where that cannot be read or removed. */
    path: string;
    /** Bytes that stand in it. */
    bytes: number;
    /**
     * 'part': it can be removed, and was unless `dryRun`. 'published': the file has its name already, only the part's
     * name was left of it. 'kept': not removed, for the reason in `error` or because `keep` said so.
     */
    state: 'part' | 'published' | 'kept';
    /** The file that it is a part of, as the journal says. */
    file?: UnfinishedFile;
    error?: SluiceError;
}
export interface CollectOptions {
    /** Only looks. */
    dryRun?: boolean;
    /** Parts that are to stay, for a transfer that goes on with them; their journal stays, too. */
    keep?: (file: UnfinishedFile) => boolean;
    system?: ProcessSystem;
    /** Milliseconds since 1970. */
    now?: () => number;
}
/**
 * Ends what transfers into this folder left whose process is no more, or has let go: removes their parts, and then
 * their journals. A journal is believed only so far: what is removed is a regular file with one name, called as the
 * part of that file would be, not larger than it, of the journal's own user, and changed only while the owner lived. The rest
 * stays: journals of living processes, of other machines, and what cannot be read.
 * @returns what was found
 */
export declare function collectLeftovers(tree: Tree, options?: CollectOptions): Promise<Leftover[]>;
