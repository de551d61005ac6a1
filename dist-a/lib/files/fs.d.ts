export { blockingFileSystem, makeFileSystem, nodeFileSystem } from './node-fs.js';
/** What Sluice asks of a `stat`; a `Stats` of Node fits. */
export interface FileStats {
    isFile(): boolean;
    isDirectory(): boolean;
    isSymbolicLink(): boolean;
    size: number;
    mode: number;
    uid: number;
    gid: number;
    dev: number;
    ino: number;
    nlink: number;
    mtimeMs: number;
    ctimeMs: number;
}
/**
 * Every file-system call of the library: the one thing to inject in order to fail, delay, kill or reorder any of them.
 * Paths are strings, handles are numbers, errors carry the `code` of the system (`ENOENT`, `EEXIST`, …).
 */
export interface FileSystem {
    /** Whose rules hold for names and handles. */
    readonly platform: NodeJS.Platform;
    /** Opens with the flags of `fs.constants`. */
    open(path: string, flags: number, mode?: number): Promise<number>;
    close(fd: number): Promise<void>;
    /** Fills part of `buffer`; gives the number of bytes, 0 at the end. */
    read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>;
    /** Writes the buffers one after the other from `position`; may take fewer bytes than given, and says how many. */
    write(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number>;
    fstat(fd: number): Promise<FileStats>;
    fsync(fd: number): Promise<void>;
    ftruncate(fd: number, length: number): Promise<void>;
    fchmod(fd: number, mode: number): Promise<void>;
    fchown(fd: number, uid: number, gid: number): Promise<void>;
    /** Times in seconds, as in Node. */
    futimes(fd: number, atime: number, mtime: number): Promise<void>;
    stat(path: string): Promise<FileStats>;
    lstat(path: string): Promise<FileStats>;
    mkdir(path: string, mode?: number): Promise<void>;
    rmdir(path: string): Promise<void>;
    /** The names in a folder, as bytes: a name need not be valid UTF-8. */
    readdir(path: string): Promise<Buffer[]>;
    link(from: string, to: string): Promise<void>;
    symlink(target: string, path: string): Promise<void>;
    readlink(path: string): Promise<string>;
    rename(from: string, to: string): Promise<void>;
    unlink(path: string): Promise<void>;
    realpath(path: string): Promise<string>;
    /** Free bytes for an ordinary user at `path`. */
    free(path: string): Promise<number>;
    /**
     * The path of `name` inside the folder that is open as `fd`, whatever is done meanwhile to the folders above it
     * (on Linux through `/proc/self/fd`); `null` where the platform has no such thing.
     */
    at(fd: number, name: string): string | null;
}
/** Flags for `open`, in the combinations that are safe. */
export declare const OPEN: {
    /** A new file that nobody else has, never through a link. */
    readonly create: number;
    /** What stands there, for reading. Not blocking: four pipes would hold the whole thread pool. */
    readonly read: number;
    /** What stands there, for reading and writing. */
    readonly update: number;
    /** A folder, not a link to one. */
    readonly directory: number;
    /** A folder, or a link to one: for paths that are the user's choice. */
    readonly anyDirectory: number;
};
/**
 * Opens a regular file that stands there already, never through a link, never waiting for a pipe. Fails with the
 * system codes ELOOP (a link), EISDIR (a folder) and ENXIO (pipe, socket, device).
 * @param flags {@link OPEN}`.read` or `.update`
 */
export declare function openRegular(fs: FileSystem, path: string, flags?: number): Promise<{
    fd: number;
    stats: FileStats;
}>;
/** Whether both are one file under two names. */
export declare function sameInode(a: FileStats, b: FileStats): boolean;
/**
 * Writes all of `buffers` from `position`. A write may take fewer bytes than given; one that takes none means that
 * the disk is full, and becomes ENOSPC. The number of bytes that stand is unknown after an error.
 */
export declare function writeFully(fs: FileSystem, fd: number, buffers: readonly Uint8Array[], position: number): Promise<void>;
/** Fills `buffer` from `position`; gives the number of bytes, fewer than its length only where the file ends. */
export declare function readFully(fs: FileSystem, fd: number, buffer: Uint8Array, position: number): Promise<number>;
/** Syncs the names in the folder that is open as `fd`; does nothing where the system has no such thing. */
export declare function syncDirectory(fs: FileSystem, fd: number): Promise<void>;
