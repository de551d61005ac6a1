import { Duplex } from 'node:stream';
import { type Limits } from '../wire/limits.js';
import type { Message } from '../wire/messages.js';
export interface DeframerOptions {
    limits?: Partial<Limits>;
    /**
     * Takes the messages of the conversation, which leave the river here; `false` ends the parsing: what follows is
     * somebody else's (see `rest`). Without it the stream is one way, and such a message is an error.
     */
    onTalk?: (message: Message) => boolean;
}
type Callback = (error?: Error | null) => void;
/**
 * Takes bytes at any split and gives frames: data in pieces (nothing waits for a whole frame), and the checked
 * messages of the river. Its readable side ends with END.
 *
 * Errors: `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`; `ERR_TRUNCATED` if the input
 * ends before END does.
 */
export declare class Deframer extends Duplex {
    #private;
    constructor({ limits, onTalk }?: DeframerOptions);
    /** The bytes behind the message at which `onTalk` said `false`; `null` before. */
    get rest(): Buffer | null;
    _write(chunk: Buffer, _encoding: BufferEncoding, done: Callback): void;
    /** All that piled up while the reader was busy is parsed at once, and gives few, large pieces. */
    _writev(chunks: {
        chunk: Buffer;
    }[], done: Callback): void;
    _final(done: Callback): void;
    _read(): void;
}
/** @see Deframer */
export declare function deframer(options?: DeframerOptions): Deframer;
export {};
