import type { Owner } from './owner.js';
/** Whether a file in our folder with this name is one of ours. */
export declare function isJournalName(name: string): boolean;
/** The `n`-th name for the journal of a transfer, from 0. */
export declare function journalName(transfer: string, n: number): string;
/** The name of a journal whose owner let go, but could not write that into it: a full disk still takes a name. */
export declare function releasedName(name: string): string;
export declare function isReleasedName(name: string): boolean;
/** The name of a journal while it is being collected: says by whom, in the same step that takes it. */
export declare function nameOfOwner(name: string, { pid, start, host, boot, token }: Owner): string;
/** By whom it is being collected. */
export declare function ownerOfName(name: string): Owner | undefined;
