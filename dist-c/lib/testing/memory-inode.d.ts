import type { FileStats } from '../files/fs.js';
/** What a {@link MemoryDisk} can hold. */
export type InodeKind = 'file' | 'directory' | 'symlink' | 'pipe';
/** What stands behind one name or several. Only the parts of its kind are used. */
export declare class Inode {
    #private;
    readonly ino: number;
    readonly kind: InodeKind;
    mode: number;
    /** Names that lead here; 0 after the last one is gone, while it may still be open. */
    nlink: number;
    /** Handles that are open on it. */
    opens: number;
    uid: number;
    gid: number;
    mtimeMs: number;
    ctimeMs: number;
    /** Content of a file, in the first `size` bytes; the rest is zeros. */
    data: Buffer<ArrayBuffer>;
    size: number;
    /** Names of a folder, by their folded form. */
    readonly entries: Map<string, {
        name: string;
        inode: Inode;
    }>;
    /** Of a folder: the one that it is in. */
    parent: Inode;
    /** Of a folder: what it is called there. */
    name: string;
    /** Where a symbolic link leads. */
    target: string;
    constructor(ino: number, kind: InodeKind, mode: number, now: number);
    /** Makes `data` hold at least `size` bytes. */
    reserve(size: number): void;
    write(bytes: Uint8Array, position: number): void;
    truncate(length: number): void;
    content(): Buffer;
    stats(): FileStats;
}
/** An error like those of Node's file system: `code`, `errno`, `syscall`, `path`. */
export declare function systemError(code: string, syscall: string, path?: string): NodeJS.ErrnoException;
