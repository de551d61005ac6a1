import { Duplex } from 'node:stream';
import { SluiceError } from '../errors.js';
import { FrameParser } from '../wire/frame-parser.js';
import { isTalk } from '../wire/frames.js';
import { DEFAULT_LIMITS } from '../wire/limits.js';
/**
 * Takes bytes at any split and gives frames: data in pieces (nothing waits for a whole frame), and the checked
 * messages of the river. Its readable side ends with END.
 *
 * Errors: `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`; `ERR_TRUNCATED` if the input
 * ends before END does.
 */
export class Deframer extends Duplex {
    #parser;
    #limits;
    #onTalk;
    #done = null;
    #more = true;
    #ended = false;
    constructor({ limits, onTalk } = {}) {
        super({ readableObjectMode: true, readableHighWaterMark: 2, writableHighWaterMark: BUFFERED });
        this.#limits = { ...DEFAULT_LIMITS, ...limits };
        this.#onTalk = onTalk;
        const { handshakeMessage, message } = this.#limits;
        this.#parser = new FrameParser(this.#limits, onTalk ? handshakeMessage : message, (frame) => this.#take(frame));
    }
    /** The bytes behind the message at which `onTalk` said `false`; `null` before. */
    get rest() {
        return this.#parser.rest;
    }
    _write(chunk, _encoding, done) {
        this.#parse([chunk], done);
    }
    /** All that piled up while the reader was busy is parsed at once, and gives few, large pieces. */
    _writev(chunks, done) {
        this.#parse(chunks.map(({ chunk }) => chunk), done);
    }
    _final(done) {
        if (this.#ended || this.rest !== null)
            return done();
        const where = this.#parser.complete ? 'before the end of the transfer' : 'in the middle of a frame';
        const error = new SluiceError('ERR_TRUNCATED', `the stream ended ${where}`);
        // What came before is read first: it is whole, and an error in it is the one that matters.
        this.once('end', () => done(error)).push(null);
    }
    _read() {
        this.#more = true;
        const done = this.#done;
        this.#done = null;
        done?.();
    }
    #parse(chunks, done) {
        try {
            for (const chunk of chunks)
                this.#parser.push(chunk);
            this.#parser.settle();
        }
        catch (error) {
            return done(error);
        }
        // Back-pressure is the callback of the write, kept until the reader comes back.
        if (this.#more)
            done();
        else
            this.#done = done;
    }
    #take(frame) {
        if (frame.kind === 'message' && isTalk(frame.type))
            return this.#talk(frame.message);
        if (this.#ended)
            throw new SluiceError('ERR_PROTOCOL', 'the peer went on after END');
        this.#more = false;
        // A reader that asks again from within push() does not repeat its question: `_read` has set it.
        if (this.push(frame))
            this.#more = true;
        if (frame.kind === 'message' && frame.message.type === 'end') {
            this.#ended = true;
            this.#more = true; // nothing more will be read, but the conversation goes on
            this.push(null);
        }
        return true;
    }
    #talk(message) {
        if (this.#onTalk === undefined) {
            throw new SluiceError('ERR_PROTOCOL', `a stream that goes one way cannot hold ${message.type}`);
        }
        if (message.type === 'hello')
            this.#parser.maxMessage = this.#limits.message;
        return this.#onTalk(message) !== false;
    }
}
/** Bytes that may pile up while the reader is busy: one large run. */
const BUFFERED = 1024 * 1024;
/** @see Deframer */
export function deframer(options) {
    return new Deframer(options);
}
//# sourceMappingURL=deframer.js.map