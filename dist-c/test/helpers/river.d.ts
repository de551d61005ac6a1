import { type Transform } from 'node:stream';
import { type FinalizerOptions } from '../../lib/stages/finalizer.js';
import type { Item } from '../../lib/stages/items.js';
import type { Outcome } from '../../lib/stages/outcomes.js';
import { type PartSinkOptions } from '../../lib/stages/part-sink.js';
import { type Offer } from '../../lib/wire/manifest.js';
/** Text or bytes are files, null is a folder, `{ target }` a symbolic link. */
export type Content = string | Buffer | null | {
    target: string;
};
export interface RiverOptions {
    /** Transfer id: 32 hexadecimal digits. */
    id?: string;
    algorithm?: string;
    /** Bytes of a cut, and of a run, at most. */
    cut?: number;
    run?: number;
    /** Whether the digest of a file is on its last cut, as `hashTap` puts it there. */
    tapped?: boolean;
    mode?: number;
    modes?: Record<string, number>;
}
export declare const MTIME = 1600000000123;
export declare function offerOf(files: Record<string, Content>, options?: RiverOptions): Offer;
/** The items that bring these files, in runs, with their digests after each run that ends some. */
export declare function itemsOf(files: Record<string, Content>, options?: RiverOptions): Item[];
export declare function bytesOf(content: Content): Buffer;
export interface Received {
    outcomes: Outcome[];
    error?: Error & {
        code?: string;
        outcomes?: Outcome[];
    };
}
/** Lets items flow through partSink and finalizer; gives what came of it, and the error if it failed. */
export declare function receiveItems(items: Iterable<Item> | AsyncIterable<Item>, options: PartSinkOptions & FinalizerOptions, between?: Transform[]): Promise<Received>;
export declare function statuses(outcomes: readonly Outcome[]): Record<string, string>;
