import type { Entry } from '../wire/manifest.js';
import type { Cut } from './items.js';
/** What a run brings of one entry: its cuts, one behind the other. */
export interface Piece {
    entry: Entry;
    offset: number;
    length: number;
    /** Without empty ones. */
    buffers: Buffer[];
    /** Whether the entry ends with it. */
    last: boolean;
    digest?: Buffer;
}
/** Puts together the cuts that follow each other in one entry, so that they take one write. */
export declare function piecesOf(cuts: readonly Cut[]): Piece[];
/**
 * That a piece is of an entry of the offer, and not more of it than there is; `checkPath` looks at an entry that is
 * another one than was offered, since a stage in between may have changed it. Throws `ERR_PROTOCOL`.
 */
export declare function checkPiece({ entry, offset, length }: Piece, offered: Entry | undefined, checkPath: (entry: Entry) => void): void;
