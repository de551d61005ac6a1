import type { FileSystem } from './fs.js';
/** What {@link makeFileSystem} depends on. */
export interface FileSystemOptions {
    /** `process.platform` unless a test plays another one. */
    platform?: NodeJS.Platform;
    /** By the synchronous calls: faster for small files, but it holds the event loop. For the command line. */
    blocking?: boolean;
}
/** The file system of Node behind the interface of Sluice. Interrupted opens and closes are libuv's affair. */
export declare function makeFileSystem({ platform, blocking, }?: FileSystemOptions): FileSystem;
/** The file system of this machine, by asynchronous calls. */
export declare const nodeFileSystem: FileSystem;
/** The file system of this machine, by synchronous calls behind the same interface: for the command line. */
export declare const blockingFileSystem: FileSystem;
