import type { Tree } from '../files/tree.js';
/**
 * Where the folders of a transfer are on disk: under their own names, merged into those that stand there, or, where
 * something else has the name, with a suffix and all that is below them.
 */
export declare class ArrivingFolders {
    #private;
    constructor(tree: () => Promise<Tree>);
    /**
     * Makes the folder at `path` of the offer, and those above it; gives its path on disk.
     * Fails with `ERR_UNSAFE_LINK` where a link stands in its place, and as the disk does.
     */
    make(path: string, mode?: number): Promise<string>;
    /** The path on disk of an entry whose folder was made. */
    pathOf(path: string): string;
    /** The path on disk of a folder of the offer, if it was made. */
    folderOf(path: string): string | undefined;
    /** Makes the names of new folders last. */
    sync(): Promise<void>;
}
