import { Transform } from 'node:stream';
import { SluiceError } from '../errors.js';
import { HIGH_WATER_MARK } from './byte-stage.js';
/**
 * A Transform that works by another one inside, and stays one stream to whoever uses it: the inner stream's
 * error is its own (never "premature close"), the inner stream's back-pressure reaches both neighbours, and
 * both are destroyed together. The inner stream must emit `close`, as every stage does.
 */
export class NestedStage extends Transform {
    inner;
    #wanted = false;
    #finish;
    constructor(inner) {
        super({ readableHighWaterMark: HIGH_WATER_MARK, writableHighWaterMark: HIGH_WATER_MARK });
        this.inner = inner;
        inner.on('data', (chunk) => this.#give(chunk));
        inner.on('end', () => {
            if (this.#finish)
                this.#finish();
            else
                this.destroy(this.endedEarly());
        });
        inner.on('error', (error) => this.destroy(this.translate(error)));
        inner.on('close', () => {
            if (!inner.readableEnded) {
                this.destroy(new SluiceError('ERR_DESTROYED', 'a stage was destroyed from inside before its end'));
            }
        });
    }
    /** The part of a chunk that is for the inner stream; nothing, if it is for this one alone. May throw. */
    admit(chunk) {
        return chunk;
    }
    /** Writes one part to the inner stream. */
    feed(part, done) {
        this.inner.write(part, done);
    }
    /** Sees each piece before it is given out. May throw. */
    inspect(_piece) { }
    /** The inner stream has worked off all chunks that were there. */
    settled() { }
    /** No more input will come. Throws when the input cannot end here. */
    finishing() { }
    /** What to say when the inner stream ends although its input did not. */
    endedEarly() {
        return new SluiceError('ERR_CORRUPT', 'a stage ended before its input did');
    }
    /** The error to raise for one of the inner stream. */
    translate(error) {
        return error;
    }
    _write(chunk, _encoding, callback) {
        this.#forward([{ chunk }], callback);
    }
    _writev(batch, callback) {
        this.#forward(batch, callback);
    }
    _flush(callback) {
        try {
            this.finishing();
        }
        catch (error) {
            callback(error);
            return;
        }
        this.#finish = callback;
        this.inner.end();
    }
    _read() {
        this.#wanted = true;
        this.inner.resume();
    }
    _destroy(error, callback) {
        if (this.inner.closed)
            callback(error);
        else
            this.inner.once('close', () => callback(error)).destroy();
    }
    #forward(batch, callback) {
        const admitted = [];
        try {
            for (const { chunk } of batch) {
                const part = this.admit(chunk);
                if (part && part.length > 0)
                    admitted.push(part);
            }
        }
        catch (error) {
            callback(error);
            return;
        }
        const last = admitted.pop();
        if (!last) {
            callback();
            return;
        }
        // Together, so that an inner stream that takes batches gets one.
        this.inner.cork();
        for (const part of admitted)
            this.feed(part);
        this.feed(last, (error) => {
            // An error also comes as an event, and that one is translated.
            if (error)
                return;
            callback();
            this.settled();
        });
        this.inner.uncork();
    }
    #give(piece) {
        try {
            this.inspect(piece);
        }
        catch (error) {
            this.destroy(error);
            return;
        }
        this.#wanted = false;
        // A reader may ask again from within push(); that question is not repeated, so it must not be lost.
        if (!this.push(piece) && !this.#wanted)
            this.inner.pause();
    }
}
//# sourceMappingURL=nested-stage.js.map