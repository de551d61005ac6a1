import { type Limits } from './limits.js';
import type { Message, Messages, WireEntry } from './messages.js';
import { type PathRules } from './paths.js';
/** One file, folder or link of a manifest. `start` is computed by both sides and never sent. */
export interface Entry {
    /** Its number in the transfer, from 0. */
    index: number;
    type: 'file' | 'directory' | 'symlink';
    /** POSIX, relative, without `.` and `..`; valid UTF-8. */
    path: string;
    /** Bytes; `null` if it is not known beforehand (only the last entry of an offer). 0 for folders and links. */
    size: number | null;
    /** Its first byte in the stream of the whole transfer. */
    start: number;
    /** Whole milliseconds since 1970. */
    mtime: number;
    /** Permission bits, 0 to 0o777. */
    mode: number;
    /** Where a symbolic link points to. */
    target?: string;
}
/** What is offered at once: the first of a transfer, or files attached to it. */
export interface Offer {
    /** 32 hexadecimal digits; the same in every offer of one transfer. */
    id: string;
    /** A short name for people. */
    name: string;
    /** Hash algorithm of every digest: `sha256`, `blake3`, or one of `crypto.getHashes()`. */
    algorithm: string;
    /** Index of the first entry: 0, or the number of entries offered before. */
    first: number;
    /** Position of the first byte: 0, or the total of the offers before. */
    position: number;
    /** Sum of the known sizes in bytes. */
    bytes: number;
    entries: Entry[];
}
/** What an offer goes on from: nothing, or those before it. */
type Before = Pick<Offer, 'first' | 'position'>;
/** Makes an offer: numbers the entries and lays them end to end. */
export declare function makeOffer({ id, name, algorithm }: Pick<Offer, 'id' | 'name' | 'algorithm'>, entries: Iterable<WireEntry>, { first, position }?: Before): Offer;
/** The messages that say an offer: OFFER and pages of ENTRIES. */
export declare function offerMessages(offer: Offer): Generator<Message>;
/**
 * Reads the offers of a transfer and checks them; pure. Attached ones go on where those before ended. After an error
 * it is of no more use.
 */
export declare class ManifestReader {
    #private;
    constructor(limits?: Limits, rules?: PathRules);
    /**
     * Takes an OFFER; gives the offer if it has no entries to wait for.
     * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`
     */
    offer(message: Messages['offer']): Offer | undefined;
    /**
     * Takes a page of entries whose payload had `size` bytes; gives the offer when it is complete.
     * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`, `ERR_PATH`
     */
    entries(message: Messages['entries'], size: number): Offer | undefined;
}
export {};
