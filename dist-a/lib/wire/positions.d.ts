import type { Entry } from './manifest.js';
/** One bit per entry, the first in the highest bit of the first byte. */
export type Bitmap = Uint8Array;
/** The bitmap of `length` entries of which `wants` says yes. */
export declare function bitmapOf(length: number, wants: (index: number) => boolean): Bitmap;
/** Whether the bit of entry `index` is set; entries beyond the bitmap are not wanted. */
export declare function isWanted(bitmap: Bitmap, index: number): boolean;
/**
 * Checks a bitmap of a peer: as many bytes as `length` entries need, and no bit beyond them.
 * @throws SluiceError `ERR_PROTOCOL`
 */
export declare function checkBitmap(bitmap: Bitmap, length: number): void;
/** The bytes of the stream from `start` up to, but not including, `end`. */
export interface Range {
    start: number;
    end: number;
}
/** The same bytes as ascending ranges that do not touch each other, none of them empty. */
export declare function normalise(ranges: Iterable<Range>): Range[];
/** The bytes that are in both; both must be as `normalise` gives them, and so is what comes out. */
export declare function intersect(some: readonly Range[], others: readonly Range[]): Range[];
/**
 * The ranges of the entries that `bitmap` wants, all without one: entries of an offer, of which the bitmap's first bit
 * is the first. One of unknown size reaches up to 2^53 − 1.
 */
export declare function rangesOf(entries: readonly Entry[], bitmap?: Bitmap): Range[];
/** The place in `entries` of the one that owns the byte at `position`; -1 if there is none. By binary search. */
export declare function entryAt(entries: readonly Entry[], position: number): number;
