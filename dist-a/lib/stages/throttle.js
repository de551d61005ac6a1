import { Transform } from 'node:stream';
import { SluiceError } from '../errors.js';
import { systemClock } from './clock.js';
/** Pieces per second: enough to be smooth, few enough that the timer costs nothing. */
const PIECES_PER_SECOND = 20;
const MAX_PIECE = 64 * 1024;
/**
 * A wire stage that lets at most `rate` bytes per second pass, each way. It has no format, so it may stand on
 * one side only. Throws `ERR_USAGE` on a bad option.
 */
export function throttle(options) {
    const make = checked(options);
    return { rate: options.rate, outgoing: make, incoming: make };
}
/** {@link throttle} as a plain Transform for a hand-made pipeline. Throws `ERR_USAGE` on a bad option. */
export function limitRate(options) {
    return checked(options)();
}
function checked({ rate, clock = systemClock }) {
    if (!Number.isFinite(rate) || rate < 1) {
        throw new SluiceError('ERR_USAGE', `rate: ${String(rate)} is not a number of bytes per second from 1 on`);
    }
    return () => new Throttle(rate, clock);
}
/**
 * A token bucket: it fills at `rate`, holds no more than a twentieth of a second, and begins empty. A large
 * chunk leaves in pieces (views of it), so that the line is shared evenly and little waits in the streams behind.
 */
class Throttle extends Transform {
    #rate;
    #piece;
    #depth;
    #clock;
    #tokens = 0;
    #filled;
    #rest = Buffer.alloc(0);
    #done;
    #wanted = false;
    #parked = false;
    #cancel;
    constructor(rate, clock) {
        const depth = Math.max(1, Math.ceil(rate / PIECES_PER_SECOND));
        const piece = Math.min(depth, MAX_PIECE);
        super({ readableHighWaterMark: piece, writableHighWaterMark: piece });
        this.#rate = rate;
        this.#piece = piece;
        this.#depth = depth;
        this.#clock = clock;
        this.#filled = clock.now();
    }
    _transform(chunk, _encoding, callback) {
        this.#rest = chunk;
        this.#done = callback;
        this.#advance();
    }
    _read(size) {
        this.#wanted = true;
        if (this.#parked) {
            this.#parked = false;
            this.#advance();
        }
        else
            super._read(size);
    }
    _destroy(error, callback) {
        this.#cancel?.();
        callback(error);
    }
    #advance() {
        while (this.#rest.length > 0) {
            const now = this.#clock.now();
            this.#tokens = Math.min(this.#depth, this.#tokens + ((now - this.#filled) / 1000) * this.#rate);
            this.#filled = now;
            const size = Math.min(this.#piece, this.#rest.length);
            if (this.#tokens < size) {
                const wait = ((size - this.#tokens) / this.#rate) * 1000;
                // Rounded up: a timer that rings a little early would be set again and again.
                this.#cancel = this.#clock.after(Math.max(1, Math.ceil(wait)), () => this.#advance());
                return;
            }
            this.#tokens -= size;
            const piece = this.#rest.subarray(0, size);
            this.#rest = this.#rest.subarray(size);
            this.#wanted = false;
            const room = this.push(piece);
            if (this.destroyed)
                return;
            if (!room && !this.#wanted && this.#rest.length > 0) {
                this.#parked = true;
                return;
            }
        }
        const done = this.#done;
        this.#done = undefined;
        done?.();
    }
}
//# sourceMappingURL=throttle.js.map