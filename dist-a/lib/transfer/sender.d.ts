import type { Duplex, Readable } from 'node:stream';
import { SluiceError } from '../errors.js';
import type { Offer } from '../wire/manifest.js';
import type { Message } from '../wire/messages.js';
import { type Bitmap } from '../wire/positions.js';
import type { Line } from './channel.js';
import { type Passed, Session, type SessionOptions } from './session.js';
/** What a sender has to say and to give, made by `send`. */
export interface Sending {
    /** Makes the offer; `skipped` becomes warnings. */
    prepare(): Promise<{
        offer: Offer;
        skipped: readonly SluiceError[];
    }>;
    /**
     * The stages from the source to just before the framer. The offer is given out first; what follows waits for the
     * answer: which entries the receiver wants, all if `undefined`. `passed` is called for what flows.
     */
    river(wanted: Promise<Bitmap | undefined>, passed: Passed, warn: (warning: SluiceError) => void): [Readable, ...Duplex[]];
}
/** The sender's part of the conversation: offer, answer, river, outcomes, result. */
export declare class Sender extends Session {
    #private;
    constructor(socket: Duplex, line: Line, sending: Sending, options: SessionOptions);
    protected greeted(): void;
    protected settled(): Promise<void>;
    protected heard(message: Message): boolean;
}
