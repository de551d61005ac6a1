import { Duplex } from 'node:stream';
import { type Message } from '../wire/messages.js';
import type { Item } from './items.js';
export interface FramerOptions {
    /** Most data bytes in a frame, 1 to 1 MiB. Small frames let talk pass sooner on a slow line. Default 1 MiB. */
    maxFrame?: number;
}
type Callback = (error?: Error | null) => void;
/**
 * Takes items and gives the bytes of the protocol: a preface, the offer, a DATA frame per run with the digests of the
 * files that ended in it, and END. Data is passed on as it is, never copied.
 *
 * Errors: `ERR_USAGE` for an option; `ERR_STATE` if a file ends without a digest (no `hashTap()` stands before it).
 */
export declare class Framer extends Duplex {
    #private;
    constructor({ maxFrame }?: FramerOptions);
    /** Puts a message between two frames, ahead of what was not framed yet. */
    talk(message: Message): void;
    /** Resolves when the reader is no longer behind, or is gone. */
    ready(): Promise<void>;
    /** Ends without END, when there is nothing more to say. */
    close(): void;
    _write(item: Item, _encoding: BufferEncoding, done: Callback): void;
    _final(done: Callback): void;
    _read(): void;
    _destroy(error: Error | null, done: Callback): void;
}
/** @see Framer */
export declare function framer(options?: FramerOptions): Framer;
export {};
