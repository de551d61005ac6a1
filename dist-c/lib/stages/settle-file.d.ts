import { type Code } from '../errors.js';
import { type FileSystem } from '../files/fs.js';
import type { JournalEnd } from '../files/journal.js';
import type { Conflict, Durability } from '../files/publish.js';
import type { SentDigest, StoredFile } from './items.js';
import { type Outcome } from './outcomes.js';
/** What counts as already there, where the name is taken. */
export type Unless = 'identical' | 'unchanged' | 'newer' | 'nothing';
export interface SettleOptions {
    fs: FileSystem;
    algorithm: string;
    conflict: Conflict;
    durability: Durability;
    unless: Unless;
}
/** What became of a file, and of its part. */
export interface Settled {
    outcome: Outcome;
    /** Whether a later run may go on with the part. */
    part: 'kept' | 'gone';
}
/** Errors that every other file would have, too. */
export declare const FATAL: ReadonlySet<Code>;
/**
 * Ends one file: compares its digest with the sender's, and only if they are the same gives it its name. What can
 * be of no use any more is removed. Throws only what concerns the whole transfer.
 */
export declare function settleFile({ entry, part, digest, failure }: StoredFile, sent: SentDigest, options: SettleOptions): Promise<Settled>;
/** What the journal is to say of it. */
export declare function journalEnd({ status, name, digest, error }: Outcome, part: Settled['part']): JournalEnd;
