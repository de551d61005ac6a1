import { Inode } from './memory-inode.js';
import type { Edit } from './memory-names.js';
/**
 * What a disk was told and has not yet made to last: content by `fsync` of the file, names by `fsync` of the folder.
 * A power cut keeps any part of it: names and content are independent of each other, a rename is whole or not at all,
 * changes of one name keep their order, a write may be torn or leave zeros.
 */
export declare class Unsynced {
    #private;
    /** The edits from here on belong to the next call. */
    next(): void;
    edit(edit: Edit): void;
    wrote(inode: Inode, at: number, length: number): void;
    truncated(inode: Inode, at: number): void;
    /** A successful `fsync`. */
    synced(inode: Inode): void;
    /** A failed `fsync`: the kernel holds the content for clean, and no later one writes it. */
    failed(inode: Inode): void;
    /** All of them, which is everything that there is, are on the medium as they are. */
    syncAll(inodes: Iterable<Inode>): void;
    /** What is found after a power cut: the root of a new tree. */
    crash(root: Inode, random: () => number): Inode;
}
