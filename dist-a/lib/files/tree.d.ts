import { type Directory } from './directory.js';
import { type FileSystem } from './fs.js';
export type { Directory } from './directory.js';
/** Options of {@link Tree.open}. */
export interface TreeOptions {
    fs?: FileSystem;
    /** Make the root, and the folders above it, where they are missing. */
    create?: boolean;
    /** With 'power' the names of the folders that were made so are synced. Default 'crash'. */
    durability?: 'crash' | 'power';
    /** How many folders that nobody uses stay open. Default 64. */
    handles?: number;
}
/**
 * The folders below one root, each entered without following a link. On Linux every step goes through the handle of
 * the folder above, so that a folder swapped for a link at any moment leads nowhere. Elsewhere each folder is looked
 * at before and compared after it was opened, every time that it is asked for: that leaves a window between the
 * look and the use, in which somebody who may write to the tree can redirect one call.
 */
export declare class Tree {
    #private;
    readonly root: string;
    readonly fs: FileSystem;
    private constructor();
    /**
     * Opens `root`, which may itself be reached through links: it is resolved once, here. Close it afterwards.
     * Fails with `ERR_WRITE` (cause ENOENT, ENOTDIR, …), `ERR_PERMISSION`, `ERR_READ_ONLY`.
     */
    static open(root: string, options?: TreeOptions): Promise<Tree>;
    /**
     * The folder at `path` ('' is the root). Release it after use. Fails with `ERR_PATH` (not a relative path of plain
     * names), `ERR_UNSAFE_LINK` (a link on the way), `ERR_WRITE` (cause ENOENT, ENOTDIR), `ERR_PERMISSION`.
     */
    directory(path: string): Promise<Directory>;
    /**
     * Makes one folder; the one above must be there. A folder that is there already is fine. Fails as
     * {@link Tree.directory} does, and with cause EEXIST where something else has the name. Its name lasts once the
     * folder above was synced.
     * @param mode of a new folder, before the umask
     */
    makeDirectory(path: string, mode?: number): Promise<'created' | 'there'>;
    /** Closes what nobody uses, and what is still in use as soon as it is released. */
    close(): Promise<void>;
}
