import { type Code, SluiceError } from '../errors.js';
import type { Entry, Offer } from '../wire/manifest.js';
import { type Bitmap } from '../wire/positions.js';
/** What became of one entry. */
export interface Outcome {
    entry: Entry;
    /** The path in the offer. */
    path: string;
    status: 'published' | 'skipped' | 'failed';
    /** The path under which it is in the destination, where it is another one. */
    name?: string;
    /** The digest of the content, by the algorithm of the offer. */
    digest?: Buffer;
    /** Why it failed, or what did not go as asked although it was published. */
    error?: SluiceError;
    /**
     * Why it was skipped: the same content stands there ('identical'), or what `unless` says ('unchanged', 'newer');
     * other content has the name ('conflict'); the plan left it out ('unwanted'); it is a symbolic link ('symlink').
     */
    reason?: 'identical' | 'unchanged' | 'newer' | 'conflict' | 'unwanted' | 'symlink';
}
/** Why an entry failed, by a code. */
export declare function failureOf({ path }: Entry, code: Code, why: string): SluiceError;
/** A symbolic link that is not made. */
export declare function skippedLink(entry: Entry, why?: string): Outcome;
/** The entries of an offer that will not come: skipped, unless `say` knows better. */
export declare function leftOut(offer: Offer, want: Bitmap, say?: (entry: Entry) => Omit<Outcome, 'entry' | 'path'>): Promise<Outcome[]>;
/** The error of a transfer of which files failed: the first of them says what it was. */
export declare function filesFailed(outcomes: readonly Outcome[]): SluiceError | undefined;
