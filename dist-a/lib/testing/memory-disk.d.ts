import type { FileStats, FileSystem } from '../files/fs.js';
import { type DiskEvent, type DiskFault } from './disk-faults.js';
import { type Inode } from './memory-inode.js';
import { type MemoryDiskOptions, MemoryStore } from './memory-store.js';
/**
 * A disk in memory that answers as Linux does: files, folders, symbolic and hard links, pipes, the flags of `open`,
 * and the same error codes (a test compares it with the real one). Permissions are not checked: the user is root.
 * Every call can be failed, shortened, delayed or watched. Handles get a new number each time, so that one that is
 * used after its close is found.
 */
export declare class MemoryDisk extends MemoryStore implements FileSystem {
    #private;
    readonly platform: NodeJS.Platform;
    /** Called before each call; may throw to fail it, return a promise to delay it, or act on the disk. */
    hook: ((event: DiskEvent) => void | Promise<void>) | undefined;
    /** How many calls there were. */
    calls: number;
    constructor(options?: MemoryDiskOptions, root?: Inode);
    /** Makes one of the next calls fail, or take fewer bytes. */
    fail(fault: DiskFault): void;
    /** Forgets all that {@link fail} was told. */
    heal(): void;
    /**
     * The disk that is found after the power was cut now: all that was synced, and of the rest what the seed chooses.
     * This one stays as it is, so that many outcomes of one moment can be looked at. Needs the option `crashes`.
     */
    crash(seed: number): MemoryDisk;
    at(fd: number, name: string): string | null;
    open(path: string, flags: number, mode?: number): Promise<number>;
    close(fd: number): Promise<void>;
    read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>;
    write(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number>;
    fstat(fd: number): Promise<FileStats>;
    fsync(fd: number): Promise<void>;
    ftruncate(fd: number, length: number): Promise<void>;
    fchmod(fd: number, mode: number): Promise<void>;
    fchown(fd: number, uid: number, gid: number): Promise<void>;
    futimes(fd: number, _atime: number, mtime: number): Promise<void>;
    stat(path: string): Promise<FileStats>;
    lstat(path: string): Promise<FileStats>;
    mkdir(path: string, mode?: number): Promise<void>;
    rmdir(path: string): Promise<void>;
    readdir(path: string): Promise<Buffer[]>;
    link(from: string, to: string): Promise<void>;
    symlink(target: string, path: string): Promise<void>;
    readlink(path: string): Promise<string>;
    rename(from: string, to: string): Promise<void>;
    unlink(path: string): Promise<void>;
    realpath(path: string): Promise<string>;
    free(path: string): Promise<number>;
}
