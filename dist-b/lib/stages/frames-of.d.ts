import type { Item } from './items.js';
/** One frame in the pieces that it is written in: nothing may come between them. */
export type FramePieces = readonly Buffer[];
/** The frames of an item, with at most `maxFrame` bytes of data in each. */
export declare function framesOf(item: Item, maxFrame: number): Generator<FramePieces>;
