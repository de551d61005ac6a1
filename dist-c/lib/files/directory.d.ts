import { type FileSystem } from './fs.js';
/** A folder of a tree, held open until it is released. */
export interface Directory {
    /** Relative to the root, with `/`; '' for the root itself. */
    readonly path: string;
    /** The open folder: for its mode and times. */
    readonly fd: number;
    /**
     * The path to give to the file system for `name` in this folder. On Linux it leads into this very folder, whatever
     * is done to the folders above it; elsewhere it is an ordinary path. Throws `ERR_PATH` for what is not one name.
     */
    at(name: string): string;
    /** The names in the folder, as bytes. */
    list(): Promise<Buffer[]>;
    /** Makes the names in this folder last. Calls that come while one runs share the next one. */
    sync(): Promise<void>;
    /** Gives the folder back; the second time does nothing. */
    release(): void;
}
/** Where the folders are. */
export interface Place {
    readonly fs: FileSystem;
    readonly root: string;
}
/** A folder that is open, with those who use it. */
export declare class Handle {
    readonly path: string;
    readonly fd: number;
    users: number;
    /** The sync that runs, and the one that waits for it. */
    running?: Promise<void>;
    waiting?: Promise<void>;
    constructor(path: string, fd: number);
}
/** One user's hold on a handle. */
export declare class Lease implements Directory {
    #private;
    constructor(tree: Place, handle: Handle, leave: (handle: Handle) => void);
    get path(): string;
    get fd(): number;
    at(name: string): string;
    list(): Promise<Buffer[]>;
    sync(): Promise<void>;
    release(): void;
}
/** The path of `name` in an open folder of the tree. */
export declare function pathIn({ fs, root }: Place, folder: {
    path: string;
    fd: number;
}, name: string): string;
/** Counts one more user. */
export declare function hold(handle: Handle): Handle;
