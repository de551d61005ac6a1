import { Inode, type InodeKind } from './memory-inode.js';
import { type Found, Names } from './memory-names.js';
import { Unsynced } from './unsynced.js';
/** The bits of the flags of `open` that say how. */
export declare const ACCESS: number;
/** Options of {@link MemoryDisk}. */
export interface MemoryDiskOptions {
    /** Which platform's rules the library is to follow. Default 'linux'; only there `at` gives paths. */
    platform?: NodeJS.Platform;
    /** Bytes of content that it holds; more is ENOSPC. Default: no limit. Holes count as content. */
    capacity?: number;
    /** Default 0o022. */
    umask?: number;
    /** Whether there are hard links; without, `link` is EPERM, as on FAT. Default true. */
    links?: boolean;
    /** What two names have in common that are one, for a disk that ignores case or forms of characters. */
    fold?: (name: string) => string;
    /** Whether it remembers what was not synced, so that {@link MemoryDisk.crash} can lose it. Costs time. */
    crashes?: boolean;
    /** Milliseconds; default `Date.now`. */
    now?: () => number;
}
export interface OpenFile {
    inode: Inode;
    flags: number;
    /** The path that it was opened by, without `/proc`. */
    path: string;
}
/** What a {@link MemoryDisk} holds, without the calls: names, content, open files, and what a test does to them. */
export declare class MemoryStore {
    #private;
    /** Bytes of content that it can hold; may be changed. */
    capacity: number;
    protected readonly options: MemoryDiskOptions;
    protected readonly files: Map<number, OpenFile>;
    protected readonly names: Names;
    protected taken: number;
    /** With `crashes`. */
    protected readonly unsynced: Unsynced | undefined;
    /** @param root what is on it already */
    constructor(options?: MemoryDiskOptions, root?: Inode);
    /** Makes everything that is there last, as the command `sync` does: for what was there before the test. */
    syncAll(): void;
    /** The paths of the handles that are open: of a leak, after everything was closed. */
    openHandles(): string[];
    /** The bytes of content on it. */
    get used(): number;
    /** Every file with its content, by path. */
    snapshot(): Map<string, Buffer>;
    /** Every path, sorted: folders with a slash at the end, links with their target, pipes with a bar. */
    list(): string[];
    /** Puts a file there, with the folders above it: what the user had before, or does meanwhile. Counts as no call. */
    put(path: string, content?: string | Uint8Array, mode?: number): void;
    /** Puts a folder there, with those above it, unless it is there. */
    putFolder(path: string): void;
    /** Puts a symbolic link there, in the place of whatever is. */
    putLink(path: string, target: string): void;
    /** Puts a named pipe there. */
    putPipe(path: string): void;
    /** Takes away what is there, a folder with all in it. */
    remove(path: string): void;
    /** Renames as another process would. */
    move(from: string, to: string): void;
    protected now(): number;
    protected get umask(): number;
    /** The open file; for a call with a position also whether it can have one, and is not open in the way `unfit`. */
    protected file(call: string, fd: number, unfit?: number): OpenFile;
    protected drop(fd: number): void;
    /** What `open` says of something that stands there. */
    protected admit(inode: Inode, flags: number, path: string): void;
    protected resize(inode: Inode, length: number): void;
    protected make(found: Found, kind: InodeKind, mode: number): Inode;
    protected attach(found: Found, inode: Inode): void;
    protected detach(found: Found): void;
    protected moveEntry(from: Found, inode: Inode, to: Found): void;
    /** Gives back the room of what has neither a name nor a handle. */
    protected collect(inode: Inode): void;
    protected place(path: string, kind: InodeKind, mode: number): Inode;
}
