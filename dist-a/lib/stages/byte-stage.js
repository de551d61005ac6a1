import { Transform } from 'node:stream';
/** Bytes that a stage lets pile up on each of its sides before it asks the source to wait. */
export const HIGH_WATER_MARK = 64 * 1024;
/**
 * A Transform over bytes whose work is written as two generators. One piece is made at a time, when there is
 * room for it, however large the chunk it is made from: back-pressure is one parked generator. What piled up
 * while the reader was slow comes as one batch, so that many small writes need not become many small pieces.
 */
export class ByteStage extends Transform {
    #resume;
    #wanted = false;
    constructor(highWaterMark = HIGH_WATER_MARK) {
        super({ readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark });
    }
    _write(chunk, _encoding, callback) {
        this.#pump(this.convert([chunk]), callback);
    }
    _writev(batch, callback) {
        this.#pump(this.convert(batch.map(({ chunk }) => chunk)), callback);
    }
    _flush(callback) {
        this.#pump(this.finish(), callback);
    }
    _read() {
        this.#wanted = true;
        const resume = this.#resume;
        this.#resume = undefined;
        resume?.();
    }
    #pump(pieces, callback) {
        const more = () => {
            let next;
            while (!this.destroyed) {
                try {
                    next = pieces.next();
                }
                catch (error) {
                    callback(error);
                    return;
                }
                if (next.done) {
                    callback();
                    return;
                }
                this.#wanted = false;
                // A reader may ask again from within push(); that question is not repeated, so it must not be lost.
                if (!this.push(next.value) && !this.#wanted) {
                    this.#resume = more;
                    return;
                }
            }
        };
        more();
    }
}
//# sourceMappingURL=byte-stage.js.map