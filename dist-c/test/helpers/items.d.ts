import type { Item } from '../../lib/stages/items.js';
import { type Offer } from '../../lib/wire/manifest.js';
/** The content of a small transfer: bytes are files, `null` is a folder. */
export type Content = Record<string, Buffer | null>;
/** A transfer with files, folders, empty ones and one that spans several runs. */
export declare const SMALL: Content;
export declare function offerOf(content: Content): Offer;
/** The items of a whole transfer: the offer, and runs of `run` bytes with digests on their last cuts. */
export declare function itemsOf(content: Content, run?: number): Item[];
/** What items amount to: the content per path, whether it ended, and what the sender said of it. */
export declare function amount(items: readonly Item[]): {
    [k: string]: {
        content: string;
        ended: boolean;
        said: string;
    };
};
/** What {@link amount} gives of a transfer that arrived whole. */
export declare function expected(content: Content): {
    [k: string]: {
        content: string;
        ended: boolean;
        said: string;
    };
};
