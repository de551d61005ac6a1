import { EventEmitter } from 'node:events';
import { deferred } from './deferred.js';
import { ProgressMeter } from './progress.js';
import { isFinal, nextState, stateOfError } from './states.js';
/** Milliseconds between two `progress` events. */
const PROGRESS_INTERVAL = 100;
/**
 * One transfer, sending or receiving. `finished` resolves with one outcome per entry, or rejects with a
 * `SluiceError` (with `outcomes`, if the transfer came to its end but files failed). It never crashes a process that
 * ignores it. Iterating gives {@link Progress} until the end.
 */
export class Transfer extends EventEmitter {
    direction;
    finished;
    #state = 'preparing';
    #id = '';
    #meter = new ProgressMeter();
    #cancel;
    constructor(direction, finished, cancel) {
        super();
        this.direction = direction;
        this.finished = finished;
        this.#cancel = cancel;
    }
    /** The same on both sides; empty until the offer is known. */
    get id() {
        return this.#id;
    }
    get state() {
        return this.#state;
    }
    get progress() {
        return this.#meter.snapshot();
    }
    /**
     * Ends the transfer and tells the peer. What was published stays, what had begun can be resumed. Resolves when
     * the stream is closed; does nothing if the transfer is over.
     */
    async cancel(reason = '') {
        if (!isFinal(this.#state))
            await this.#cancel(reason);
    }
    async *[Symbol.asyncIterator]() {
        while (!isFinal(this.#state)) {
            const { promise, resolve } = deferred();
            const wake = () => resolve();
            this.once('progress', wake).once('state', wake);
            try {
                yield this.progress;
                await promise;
            }
            finally {
                this.off('progress', wake).off('state', wake);
            }
        }
        yield this.progress;
    }
    /** Makes a transfer together with what only its session may do. */
    static create(direction, cancel) {
        const { promise, resolve, reject } = deferred();
        promise.catch(() => { }); // who ignores the result is not punished with an unhandled rejection
        const transfer = new Transfer(direction, promise, cancel);
        const meter = transfer.#meter;
        let told = Number.NEGATIVE_INFINITY;
        const tell = () => {
            told = performance.now();
            transfer.emit('progress', meter.snapshot());
        };
        const move = (state) => {
            transfer.#state = nextState(transfer.#state, state);
            if (isFinal(state))
                tell();
            transfer.emit('state', state);
        };
        return {
            transfer,
            meter,
            identify: (id) => {
                transfer.#id = id;
            },
            move,
            advance: () => {
                if (performance.now() - told >= PROGRESS_INTERVAL)
                    tell();
            },
            file: (outcome) => {
                transfer.emit('file', outcome);
            },
            warn: (warning) => {
                transfer.emit('warning', warning);
            },
            complete: (result) => {
                move('completed');
                resolve(result);
            },
            fail: (error) => {
                move(stateOfError(error));
                reject(error);
            },
        };
    }
}
//# sourceMappingURL=transfer.js.map