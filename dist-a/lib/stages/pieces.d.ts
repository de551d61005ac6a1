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
