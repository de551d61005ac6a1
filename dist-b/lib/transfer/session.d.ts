import type { Duplex, Readable, Writable } from 'node:stream';
import { SluiceError } from '../errors.js';
import type { Limits } from '../wire/limits.js';
import type { Entry } from '../wire/manifest.js';
import type { Message } from '../wire/messages.js';
import { Channel, type Line } from './channel.js';
import { type FileOutcome, Transfer, type TransferControl, type TransferResult } from './transfer.js';
export interface SessionOptions {
    limits: Limits;
    /** What was read from the socket before it was handed over, for instance by an HTTP server on an upgrade. */
    head?: Buffer;
    /** Leaves the socket open after a transfer that came to its end; after an error it is always closed. */
    keepOpen?: boolean;
    /** Cancels the transfer. */
    signal?: AbortSignal;
}
/** Counts a run that flows. */
export type Passed = (run: {
    length: number;
    cuts: readonly Passing[];
}) => void;
/** As much of a cut as is counted. */
interface Passing {
    entry: Entry;
    offset: number;
    bytes: {
        length: number;
    };
}
/**
 * The conversation that sender and receiver have in common: HELLO, cancelling, errors, and how it ends. Whatever
 * happens first decides the outcome; `finished` settles when everything that was opened is closed.
 */
export declare abstract class Session {
    #private;
    protected readonly control: TransferControl;
    protected readonly channel: Channel;
    /** Aborted when the river has to stop. */
    protected readonly stop: AbortController;
    constructor(direction: 'send' | 'receive', socket: Duplex, line: Line, options: SessionOptions);
    get transfer(): Transfer;
    /** The peer has said HELLO. */
    protected abstract greeted(): void;
    /** A message that only one of the two directions knows; `false` if it is the peer's last. */
    protected abstract heard(message: Message): boolean;
    /** The peer has nothing more to say. */
    protected hungUp(): void;
    /** Resolves when the streams of the river have closed what they opened. */
    protected abstract settled(): Promise<void>;
    /** Ends well: the receiver has reported, and the sender has read it. */
    protected conclude(result: TransferResult): void;
    /** Ends with an error, of which the peer is told, unless it said so itself or cannot be reached. */
    protected fail(error: SluiceError, tell?: boolean): void;
    /** The river begins behind the handshake. */
    protected requireHello(): void;
    /** Counts the entries that are to come. */
    protected plan(entries: readonly Entry[]): void;
    /** Counts what flows. */
    readonly passed: Passed;
    readonly warn: (warning: SluiceError) => void;
    /** Counts an entry of which the outcome is known. */
    protected ended(outcome: FileOutcome): void;
    protected result(files: FileOutcome[]): TransferResult;
    /** Whether the outcome is decided. */
    protected get over(): boolean;
}
/** What the river threw, as an error of ours. */
export declare function asError(error: unknown): SluiceError;
/** Resolves when all of the streams, which have ended or been destroyed, have closed what they opened. */
export declare function closed(streams: readonly (Readable | Writable)[]): Promise<void>;
export {};
