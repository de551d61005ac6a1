import type { FileSystem } from '../../lib/files/fs.js';
/** A file system of which the process is killed, with SIGKILL, when call number `at` begins; counts from 1. */
export declare function killedFileSystem(fs: FileSystem, at: number): FileSystem & {
    readonly calls: number;
};
