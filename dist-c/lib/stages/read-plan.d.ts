import type { Entry, Offer } from '../wire/manifest.js';
import type { Range } from '../wire/positions.js';
/** A part of one entry. */
export interface Piece {
    entry: Entry;
    offset: number;
    length: number;
    /** Whether the entry ends with it. */
    last: boolean;
}
/**
 * What is read at once: pieces that stand next to each other in the stream; a chunk of one file, and whether it is
 * the last of its range; or a stream to its end.
 */
export type Step = {
    kind: 'pieces';
    pieces: Piece[];
    length: number;
} | {
    kind: 'chunk';
    piece: Piece;
    ends: boolean;
} | {
    kind: 'stream';
    entry: Entry;
};
/** In what order and in what portions to read: pure, and lazy, since a manifest may be long. */
export declare function readPlan(offer: Offer, ranges: readonly Range[] | undefined, isWanted: (entry: Entry) => boolean, maxRun: number): Generator<Step>;
/** Throws `ERR_USAGE` unless the ranges are of the offer, in ascending order and apart from each other. */
export declare function checkRanges(ranges: readonly Range[], { position, bytes, entries }: Offer): void;
