import type { Entry } from '../wire/manifest.js';
import type { SentDigest, StoredFile } from './items.js';
import type { Outcome } from './outcomes.js';
/** A file of which all is known that decides about it. */
export interface ReadyFile {
    stored: StoredFile;
    sent: SentDigest;
}
/**
 * Keeps the books of a finalizer: pure. Brings together what is stored and what the sender says of it, in whichever
 * order they come, and has one outcome for each entry at the end.
 */
export declare class Ledger {
    #private;
    /** Folders that stand, and links that are still to be made: they end last. */
    readonly folders: Entry[];
    readonly links: Entry[];
    /** Outcomes by the index of their entry. */
    get outcomes(): Outcome[];
    expect(entries: readonly Entry[]): void;
    /** Takes in what was stored; gives the files that are ready. */
    stored(files: readonly StoredFile[]): ReadyFile[];
    /** Takes in what the sender says; gives the files that are ready. */
    sent(digests: readonly SentDigest[]): ReadyFile[];
    /** The files that are stored, but of which the sender never said what they should be. */
    unsaid(): ReadyFile[];
    record(outcome: Outcome): void;
    /** @throws SluiceError `ERR_TRUNCATED` if there are entries of which nothing came */
    checkAll(): void;
}
