import { type Inode } from './memory-inode.js';
/** Where a path ends: the folder, the name in it, and what stands there, if anything does. */
export interface Found {
    folder: Inode;
    name: string;
    /** The folded name; '' where the path ends with '.' or '..' or is the root. */
    key: string;
    inode: Inode | undefined;
}
/** One change of a folder: `name` leads to `inode` from now on, or to nothing. */
export interface Edit {
    folder: Inode;
    key: string;
    name: string;
    inode: Inode | undefined;
}
/** The names of a disk in memory, and the way along them. */
export declare class Names {
    #private;
    readonly root: Inode;
    readonly fold: (name: string) => string;
    /** The folder that is open under a number. */
    readonly opened: (fd: number) => Inode | undefined;
    constructor(root: Inode, fold: (name: string) => string, 
    /** The folder that is open under a number. */
    opened: (fd: number) => Inode | undefined);
    /**
     * Goes along `path` as the kernel does. The last name is followed only if `follow`; how long it is is looked at by
     * {@link measure}, at once unless `later`.
     */
    find(call: string, path: string, follow: boolean, later?: boolean): Found;
    /** ENAMETOOLONG for a name that no folder takes; one that was removed itself is not even asked. */
    measure(call: string, { folder, name }: Pick<Found, 'folder' | 'name'>): void;
    /** What stands at `path`, or ENOENT. */
    get(call: string, path: string, follow: boolean): Inode;
    /** A name that is free, or EEXIST. */
    free(call: string, path: string): Found;
    /** Gives `inode` the name. ENOENT in a folder that was removed itself. */
    attach({ folder, key, name }: Found, inode: Inode, now: number): Edit;
    /** Takes the name away from what has it. */
    detach({ folder, key, name, inode }: Found, now: number): Edit;
    /** Whether `folder` is `ancestor` or below it. */
    isWithin(folder: Inode, ancestor: Inode): boolean;
    /** The path of a folder. */
    pathOf(folder: Inode): string;
    /** A path without `/proc/self/fd/N`. */
    plain(path: string): string;
    join(folder: Inode, name: string): string;
    /** The path of what `path` leads to, all links followed. */
    real(path: string): string;
    /** Everything below the root, a folder before what is in it. */
    all(folder?: Inode, above?: string): Generator<[path: string, inode: Inode]>;
}
