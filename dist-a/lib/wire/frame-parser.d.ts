import type { Limits } from './limits.js';
import { type Message } from './messages.js';
/** A piece of the stream. The data of one frame may come in several pieces, each at its own position. */
export interface Data {
    kind: 'data';
    position: number;
    length: number;
    chunks: Buffer[];
}
/** What a stream is made of. */
export type Frame = Data | {
    kind: 'message';
    type: number;
    message: Message;
    size: number;
};
/**
 * Parses the frames of a stream at any split; no stream itself. Data is never copied. A message that is cut is put
 * together only after its length was found to be within the limits.
 */
export declare class FrameParser {
    #private;
    /** Most bytes of a message from now on. */
    maxMessage: number;
    /** What was not parsed any more after `emit` said false. */
    rest: Buffer | null;
    /** `emit` is given each frame in order, and says whether to go on. */
    constructor(limits: Limits, maxMessage: number, emit: (frame: Frame) => boolean);
    /** Whether the bytes so far end between two frames. */
    get complete(): boolean;
    /**
     * Parses a chunk; data may be held back until `settle()`.
     * @throws SluiceError `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`
     */
    push(chunk: Buffer): void;
    /** Gives out what is held back: called when there is no more input for now. */
    settle(): void;
}
