import { type Owner } from './owner.js';
import type { Durability } from './publish.js';
import type { Tree } from './tree.js';
/** The clock of a journal; a parameter, so that tests need not wait. */
export interface JournalClock {
    /** Milliseconds since 1970. */
    now(): number;
    /** Calls back once after `ms` milliseconds, unless the process ends before; gives a function that cancels it. */
    after(ms: number, callback: () => void): () => void;
}
export interface JournalOptions {
    durability: Durability;
    /** Names at the top that the transfer itself brings: our folder is called otherwise. */
    isTaken?: (name: string) => boolean;
    owner?: Owner;
    clock?: JournalClock;
}
/** A file that is about to arrive. */
export interface JournalFile {
    path: string;
    size: number | null;
    mtime: number;
    /** The path that it is to get, where it is another one: a folder above it has a suffix. */
    target?: string;
    part: string;
}
/** What a file came to. `part` says whether there is something left that a later run may go on with. */
export type JournalEnd = {
    state: 'completed';
    name?: string;
    digest?: Buffer;
    part: 'kept' | 'gone';
} | {
    state: 'failed';
    code: string;
    part: 'kept' | 'gone';
};
/**
 * What is known on disk about the files of one running transfer: append-only, one owner, in `.sluice/` of the
 * destination. It says which parts are ours, so that after a crash somebody may go on with them or remove them. What
 * it says of their content is a hint, never a proof.
 */
export declare class Journal {
    #private;
    private constructor();
    /**
     * Makes the journal of a transfer, and our folder around it.
     * Fails with `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_WRITE`.
     */
    static create(tree: Tree, transfer: string, options: JournalOptions): Promise<Journal>;
    /** Takes down files whose parts will be made after this has resolved; gives their numbers. One write for all. */
    begin(files: readonly JournalFile[]): Promise<number[]>;
    /** The part of file `n` will have another name, because that one was taken. */
    rename(n: number, part: string): Promise<void>;
    /** Data is about to be written: says from time to time that the parts may have changed until now. */
    alive(): Promise<void>;
    /** Takes down what became of file `n`: at once in the books, on disk with the next batch. */
    end(n: number, end: JournalEnd): void;
    /** Writes the batch; with 'power' it is on the disk when this resolves: then what it says may be acknowledged. */
    flush(): Promise<void>;
    /** Ends it: where nothing is left to go on with, it goes, and our folder with it; else it stays for a later run. */
    finish(): Promise<void>;
    /** Lets go of it: a later run may go on with the parts, or remove them. */
    close(): Promise<void>;
}
