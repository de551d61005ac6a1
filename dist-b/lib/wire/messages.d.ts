import { type Limits } from './limits.js';
import type { Entry } from './manifest.js';
/** An entry as it is sent: without what both sides compute. */
export type WireEntry = Pick<Entry, 'type' | 'path' | 'size' | 'mtime' | 'mode' | 'target'>;
/** What is said of a file that ended: a digest or a failure, and the size where it was not known. */
export interface DigestRecord {
    index: number;
    digest?: Uint8Array;
    failure?: string;
    size?: number;
}
/** What became of an entry. */
export interface OutcomeRecord {
    index: number;
    status: 'published' | 'skipped' | 'failed';
    /** The path under which it was published, where that is another one. */
    name?: string;
    code?: string;
}
/** What who says HELLO takes at most, where it is not the default: as in `Limits`. */
export type PeerLimits = Partial<Pick<Limits, 'frame' | 'message' | 'entries' | 'manifest'>>;
/** The messages of version 1 by their types; README.md has what each of them means. */
export interface Messages {
    offer: {
        id: string;
        name: string;
        algorithm: string;
        entries: number;
        bytes: number;
    };
    entries: {
        entries: WireEntry[];
    };
    digests: {
        digests: DigestRecord[];
    };
    end: object;
    hello: {
        version: number;
        agent: string;
        features: string[];
        limits?: PeerLimits;
    };
    answer: {
        offer: number;
        accept: boolean;
        reason?: string;
        want?: Uint8Array;
    };
    outcomes: {
        outcomes: OutcomeRecord[];
    };
    pause: object;
    resume: object;
    cancel: {
        reason?: string;
    };
    ping: object;
    result: {
        status: 'completed' | 'failed';
        published: number;
        skipped: number;
        failed: number;
        bytes: number;
    };
    error: {
        code: string;
        text: string;
    };
}
/** Any message, with its type. */
export type Message = {
    [T in keyof Messages]: {
        type: T;
    } & Messages[T];
}[keyof Messages];
/**
 * A message as a whole frame: header and payload. Texts for people are cut to what every peer takes; all else is
 * trusted to be in range.
 */
export declare function encodeMessage(message: Message): Buffer;
/**
 * Refuses frames of types that have no message: to be asked before a payload is waited for.
 * @throws SluiceError `ERR_PROTOCOL`
 */
export declare function checkFrameType(frameType: number): void;
/**
 * The message in the payload of a frame, after a check of every part of it. It holds on to nothing of the payload.
 * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`
 */
export declare function decodeMessage(frameType: number, payload: Buffer, limits: Limits): Message;
