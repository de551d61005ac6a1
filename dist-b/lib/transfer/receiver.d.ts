import type { Duplex, Writable } from 'node:stream';
import { SluiceError } from '../errors.js';
import type { Entry, Offer } from '../wire/manifest.js';
import type { Message } from '../wire/messages.js';
import { type Bitmap } from '../wire/positions.js';
import type { Line } from './channel.js';
import { Session, type SessionOptions } from './session.js';
import type { FileOutcome } from './transfer.js';
/** What a receiver answers to an offer. */
export interface Decision {
    accept: boolean;
    /** Why not. */
    reason?: string;
    /** The entries that are to come, one bit each; all if left out. */
    want?: Bitmap;
}
/** What became of an entry, as the last stage reports it. */
export interface Reported {
    entry: Entry;
    status: FileOutcome['status'];
    /** The path under which it was published, where it is another one. */
    name?: string;
    error?: SluiceError;
}
/** The stages behind the deframer; they ask, count and report by the methods of the session. */
export type River = [...Duplex[], Writable];
/** What a receiver does with what comes, made by `receive`. */
export interface Receiving {
    river: River;
    decide(offer: Offer): Promise<Decision>;
}
/** The receiver's part of the conversation: answer, river, outcomes, result. */
export declare class Receiver extends Session {
    #private;
    constructor(socket: Duplex, line: Line, receiving: Receiving, options: SessionOptions);
    /** Asks whether the offer is taken, and answers it; gives the entries that will come. */
    ask(offer: Offer): Promise<Bitmap | undefined>;
    /** Takes the outcomes of entries, and tells the sender; resolves when more can be told. */
    report(ended: readonly Reported[]): Promise<void>;
    protected greeted(): void;
    protected hungUp(): void;
    protected settled(): Promise<void>;
    /** Once the result is there, nothing that happens to the line can change it. */
    protected fail(error: SluiceError, tell?: boolean): void;
    protected heard(message: Message): boolean;
}
