import { type Hasher } from './digest-file.js';
import type { CompleteOptions, Folders, PartFileOptions } from './part-options.js';
import { type Published } from './publish.js';
export type { CompleteOptions, PartFileOptions };
/**
 * A file while it arrives: it stands beside its name as `name.part` until it is complete, and gets the name by
 * {@link publish}. Handles come from a pool; a file that was not used for a while is opened again.
 *
 * ```ts
 * const part = await PartFile.open('inbox/report.pdf', { mtime })
 * await part.write(0, bytes)
 * if (expected.equals(await part.digest())) await part.complete({ conflict: 'rename' })
 * await part.close()
 * ```
 *
 * Errors of the disk are `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_UNSAFE_LINK` and `ERR_WRITE`.
 */
export declare class PartFile {
    #private;
    /** The path of the finished file below the tree, or as it was given. */
    readonly path: string;
    /** Made by {@link PartFile.open}; the part does not exist yet. */
    constructor(folders: Folders, path: string, options?: PartFileOptions);
    /**
     * Opens the part of a file: a new one, or with `offset` the one that stands there.
     * @param where the path of the finished file, or its path below a tree
     */
    static open(where: string | {
        tree: Folders;
        path: string;
    }, options?: PartFileOptions): Promise<PartFile>;
    /** The name that it has while it arrives. */
    get partName(): string;
    /** The path of the part, below the tree. */
    get partPath(): string;
    /** Whether the part was made, and neither published nor removed. */
    get exists(): boolean;
    /** Makes the part; false if something has its name already, which then is not touched. */
    create(): Promise<boolean>;
    /** Another name for a part that could not be made. */
    rename(partName: string): void;
    /** Writes all of `bytes` at `position`. After an error it is unknown how much of it stands. */
    write(position: number, bytes: Uint8Array | readonly Uint8Array[]): Promise<void>;
    /** Whether the byte at `position`, or all bytes from there up to `end`, were written or known to be right. */
    covers(position: number, end?: number): boolean;
    /** The digest of all that stands in the part, read back. Default: SHA-256. */
    digest(hasher?: Hasher): Promise<Buffer>;
    /** The bytes that stand in the part. */
    size(): Promise<number>;
    /** Forgets the content: it begins anew. */
    reset(): Promise<void>;
    /**
     * All is written: sets mode and times, syncs with 'power', and closes the handle, which costs less here than when
     * many other files have come between. {@link PartFile.write} undoes it.
     */
    seal(): Promise<void>;
    /**
     * Gives the file its name, under the conflict policy. The content must be verified by now. Says how it went;
     * `warning` is what did not go as asked although the file is there. Fails with `ERR_CONFLICT` too.
     */
    complete({ conflict, durability, identical }?: CompleteOptions): Promise<Published>;
    /** Closes it, and removes the part if it was made. */
    discard(): Promise<void>;
    /** Closes the handle; the part stays as it is. May be called twice. */
    close(): Promise<void>;
}
