import { SluiceError } from '../errors.js';
import { NestedStage } from './nested-stage.js';
/** Output that is never held against the input: a small file may well be nothing but zeros. */
const ALLOWANCE = 1024 * 1024;
/** Compresses, and flushes when the input runs dry. */
export class Compressor extends NestedStage {
    #flush;
    #maxRatio;
    #taken = 0;
    #given = 0;
    #idle;
    constructor(engine, kind, maxRatio) {
        super(engine);
        this.#flush = () => engine.flush(kind);
        this.#maxRatio = maxRatio;
    }
    admit(chunk) {
        clearImmediate(this.#idle);
        return chunk;
    }
    // brotli makes 15 bytes of a megabyte of zeros. A flush makes at least 13, so flushing keeps us below the cap.
    feed(part, done) {
        this.#taken += part.length;
        if (this.#taken - this.#given * this.#maxRatio > ALLOWANCE / 2) {
            const size = Math.ceil(this.#maxRatio * 6);
            for (; part.length > size; part = part.subarray(size)) {
                super.feed(part.subarray(0, size));
                this.#flush();
            }
            super.feed(part, done);
            this.#flush();
        }
        else
            super.feed(part, done);
    }
    inspect(piece) {
        this.#given += piece.length;
    }
    // A flush costs bytes: it waits one turn of the event loop, in which a busy source brings the next chunk.
    settled() {
        clearImmediate(this.#idle);
        if (this.writableLength === 0 && !this.destroyed)
            this.#idle = setImmediate(this.#flush);
    }
    finishing() {
        clearImmediate(this.#idle);
    }
    _destroy(error, callback) {
        clearImmediate(this.#idle);
        super._destroy(error, callback);
    }
}
/** Decompresses up to a ratio, with errors of ours. */
export class Decompressor extends NestedStage {
    #algorithm;
    #maxRatio;
    #taken = 0;
    #given = 0;
    constructor(engine, algorithm, maxRatio) {
        super(engine);
        this.#algorithm = algorithm;
        this.#maxRatio = maxRatio;
    }
    admit(chunk) {
        this.#taken += chunk.length;
        return chunk;
    }
    inspect(piece) {
        this.#given += piece.length;
        if (this.#given - ALLOWANCE <= this.#taken * this.#maxRatio)
            return;
        throw new SluiceError('ERR_LIMIT', `${this.#taken} bytes of ${this.#algorithm} became more than ${this.#maxRatio} times as many; raise maxRatio if that is meant`, { expected: this.#maxRatio, found: this.#given / this.#taken });
    }
    endedEarly() {
        return new SluiceError('ERR_CORRUPT', `bytes follow the end of the ${this.#algorithm} data`);
    }
    translate(cause) {
        // zlib's name for "the input ended, and I am not done".
        if (cause.code === 'Z_BUF_ERROR') {
            return new SluiceError('ERR_TRUNCATED', `the ${this.#algorithm} data ends in the middle`, { cause });
        }
        return new SluiceError('ERR_CORRUPT', `the ${this.#algorithm} data cannot be read: ${cause.message}`, {
            cause,
        });
    }
}
//# sourceMappingURL=zlib-stages.js.map