import type { Offer } from '../wire/manifest.js';
import type { DigestRecord } from '../wire/messages.js';
import { type Bitmap } from '../wire/positions.js';
import type { Cut, Run, SentDigest } from './items.js';
/**
 * Cuts the stream at file boundaries: pure, knows positions and nothing else. Entries of no bytes have no data of
 * their own; they are cut when the stream passes them, when their digest comes, or at the end.
 */
export declare class Cutter {
    #private;
    /** Takes an offer, the first or an attached one; `want` holds a bit per entry of it, all if it is left out. */
    add(offer: Offer, digestLength: number, want?: Bitmap): void;
    /**
     * The cuts of `length` bytes that stand at `position` of the stream.
     * @throws SluiceError `ERR_PROTOCOL` for bytes that come twice, leave a gap, or were not asked for
     */
    cut(position: number, length: number, chunks: readonly Buffer[]): Run;
    /**
     * Checks what the sender says of files that ended; `cuts` receives those of no bytes that this makes due.
     * @throws SluiceError `ERR_PROTOCOL` for an entry that is not there, not asked for, said twice, or not ended
     */
    digests(records: readonly DigestRecord[], cuts: Cut[]): SentDigest[];
    /**
     * The cuts of no bytes that are left at the end.
     * @throws SluiceError `ERR_PROTOCOL` if a file of the plan did not end, or ended without a digest
     */
    finish(cuts: Cut[]): void;
}
