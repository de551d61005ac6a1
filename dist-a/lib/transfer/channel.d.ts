import { type Duplex, type Transform } from 'node:stream';
import { SluiceError } from '../errors.js';
import type { Limits } from '../wire/limits.js';
import type { Message } from '../wire/messages.js';
/** The stages around a socket, made by `send` and `receive`. */
export interface Line {
    /** Takes the river of a sender. `talk` puts a message between two frames; `close` ends without one. */
    framer: Duplex & {
        talk(message: Message): void;
        ready(): Promise<void>;
        close(): void;
    };
    /** Gives the river to a receiver; the conversation goes to `onTalk`, until that says `false`. */
    deframer(onTalk: (message: Message) => boolean): Duplex & {
        readonly rest: Buffer | null;
    };
    outgoing: Transform[];
    incoming: Transform[];
    /** The formats of the wire stages, the first applied first. */
    formats: string[];
}
export interface ChannelOptions {
    limits: Limits;
    /** What was read from the socket before it was handed over. */
    head?: Buffer;
}
export interface ChannelEvents {
    /** A message of the conversation; `false` says that it is the last of the peer. */
    talk(message: Message): boolean;
    /** The peer has closed its side, where it may. */
    ended(): void;
    /** The line cannot go on: broken, ended, silent, or not understood. Said once. */
    failed(error: SluiceError): void;
}
/**
 * A socket with the stages around it. The socket stands apart from the chains, which are torn down on an error: it has
 * to live long enough to carry the ERROR. Watches the time, too: that of the whole handshake, and silence.
 */
export declare class Channel {
    #private;
    readonly deframer: ReturnType<Line['deframer']>;
    constructor(socket: Duplex, line: Line, { limits, head }: ChannelOptions, events: ChannelEvents);
    /** The peer has said HELLO. */
    greeted(): void;
    say(message: Message): void;
    /** Resolves when what was said is on its way, or the line is over: for who has much to say. */
    ready(): Promise<void>;
    /**
     * Ends the line once what was said has gone out. The peer has `closeTimeout` for it; what it still sends is
     * discarded. With `keepOpen` the socket is given back instead: paused, what follows the transfer unread.
     */
    hangUp(keepOpen: boolean): Promise<void>;
}
