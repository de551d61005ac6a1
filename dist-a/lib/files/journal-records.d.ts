import type { Owner } from './owner.js';
/** Version of the journal's format. */
export declare const JOURNAL_VERSION = 1;
/** One line of a journal. Files are referred to by `n`, their number in this journal. */
export type JournalRecord = {
    kind: 'owner';
    version: number;
    transfer: string;
    owner: Owner;
}
/** A file is about to arrive under the part name. `size` is null where it is not known. Times in milliseconds. */
 | {
    kind: 'begin';
    n: number;
    path: string;
    size: number | null;
    mtime: number;
    /** The path that it is to get, where it is another one: a folder above it has a suffix. */
    target?: string;
    part: string;
    at: number;
}
/** The part got another name, because that one was taken. */
 | {
    kind: 'part';
    n: number;
    part: string;
    at: number;
}
/** The part goes on growing: says that the owner lives, and until when its parts may have changed. */
 | {
    kind: 'alive';
    at: number;
}
/** The file has ended; with `part: 'kept'` there is something to resume. */
 | {
    kind: 'completed';
    n: number;
    name?: string;
    digest?: string;
} | {
    kind: 'failed';
    n: number;
    code: string;
    part: 'kept' | 'gone';
}
/** The owner has let go of everything, although it may live. */
 | {
    kind: 'released';
    at: number;
};
/** The records as lines, each with its own check before it. */
export declare function encodeRecords(records: readonly JournalRecord[]): Buffer;
/** Reads records from bytes that come in pieces. A line whose check does not fit is dropped: torn, or not ours. */
export declare class RecordReader {
    #private;
    /** Lines that were dropped. */
    dropped: number;
    /** The records that are complete now. */
    push(piece: Buffer): JournalRecord[];
}
