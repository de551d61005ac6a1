import { Duplex } from 'node:stream';
import { SluiceError } from '../errors.js';
import { DEFAULT_LIMITS } from '../wire/limits.js';
import { encodeMessage } from '../wire/messages.js';
import { encodePreface } from '../wire/preface.js';
import { framesOf } from './frames-of.js';
/**
 * Takes items and gives the bytes of the protocol: a preface, the offer, a DATA frame per run with the digests of the
 * files that ended in it, and END. Data is passed on as it is, never copied.
 *
 * Errors: `ERR_USAGE` for an option; `ERR_STATE` if a file ends without a digest (no `hashTap()` stands before it).
 */
export class Framer extends Duplex {
    #maxFrame;
    #frames = null;
    #done = () => { };
    #waiting = [];
    /** Messages that came while a frame was being pushed: a reader may answer from within. */
    #talk = [];
    #pushing = false;
    #wanted = false;
    constructor({ maxFrame = DEFAULT_LIMITS.frame } = {}) {
        if (!Number.isInteger(maxFrame) || maxFrame < 1 || maxFrame > DEFAULT_LIMITS.frame) {
            throw new SluiceError('ERR_USAGE', `maxFrame must be a whole number from 1 to ${DEFAULT_LIMITS.frame} bytes`, {
                found: maxFrame,
            });
        }
        super({ writableObjectMode: true, writableHighWaterMark: 1, readableHighWaterMark: maxFrame });
        this.#maxFrame = maxFrame;
        this.push(encodePreface([]));
    }
    /** Puts a message between two frames, ahead of what was not framed yet. */
    talk(message) {
        if (this.#pushing)
            this.#talk.push(message);
        else
            this.push(encodeMessage(message));
    }
    /** Resolves when the reader is no longer behind, or is gone. */
    async ready() {
        if (this.readableLength < this.readableHighWaterMark || this.destroyed)
            return;
        await new Promise((resolve) => this.#waiting.push(resolve));
    }
    /** Ends without END, when there is nothing more to say. */
    close() {
        this.push(null);
    }
    _write(item, _encoding, done) {
        this.#take(framesOf(item, this.#maxFrame), done);
    }
    _final(done) {
        this.#take([[encodeMessage({ type: 'end' })]].values(), (error) => {
            if (!error)
                this.push(null);
            done(error);
        });
    }
    _read() {
        this.#wanted = true;
        this.#wake();
        this.#pump();
    }
    _destroy(error, done) {
        this.#wake();
        done(error);
    }
    #wake() {
        for (const resolve of this.#waiting.splice(0))
            resolve();
    }
    #take(frames, done) {
        this.#frames = frames;
        this.#done = done;
        this.#pump();
    }
    /** Back-pressure is the callback of the write, kept until the last frame of the item is out. */
    #pump() {
        while (this.#frames !== null && !this.#pushing) {
            try {
                const { value, done } = this.#frames.next();
                if (done)
                    return this.#finish();
                if (!this.#pushFrame(value))
                    return;
            }
            catch (error) {
                return this.#finish(error);
            }
        }
    }
    #finish(error) {
        this.#frames = null;
        this.#done(error);
    }
    /** Whether to go on: a reader that asks again from within `push` does not repeat its question. */
    #pushFrame(frame) {
        this.#wanted = false;
        this.#pushing = true;
        let more = true;
        for (const piece of frame)
            more = this.push(piece);
        this.#pushing = false;
        for (const message of this.#talk.splice(0))
            more = this.push(encodeMessage(message));
        return more || this.#wanted;
    }
}
/** @see Framer */
export function framer(options) {
    return new Framer(options);
}
//# sourceMappingURL=framer.js.map