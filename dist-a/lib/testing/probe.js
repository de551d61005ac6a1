import { AssertionError } from 'node:assert';
/** Fails the case with `message`. */
export function fail(message) {
    throw new AssertionError({ message, stackStartFn: fail });
}
/** Fails the case unless `condition` holds. */
export function ensure(condition, message) {
    if (!condition)
        throw new AssertionError({ message, stackStartFn: ensure });
}
/** The result of `promise`, or a failure that names `what` if it takes longer than `patience` milliseconds. */
export async function within(patience, what, promise) {
    let timer;
    const deadline = new Promise((_resolve, reject) => {
        timer = setTimeout(() => reject(new AssertionError({ message: `${what}: not within ${patience} ms` })), patience);
    });
    try {
        return await Promise.race([promise, deadline]);
    }
    finally {
        clearTimeout(timer);
    }
}
/** Lets the event loop turn `count` times: whatever is due by now happens. */
export async function turns(count) {
    for (let turn = 0; turn < count; turn++)
        await new Promise((resolve) => setImmediate(resolve));
}
/** How many turns without an event count as quiet. */
export const QUIET = 50;
/** The stream has room again, or is no more. */
export function drained(stream) {
    return new Promise((resolve) => {
        const done = () => {
            stream.off('drain', done).off('close', done);
            resolve();
        };
        stream.on('drain', done).on('close', done);
        if (stream.destroyed || !stream.writableNeedDrain)
            done();
    });
}
/** `close` came. */
export async function closed(stream) {
    if (!stream.closed)
        await new Promise((resolve) => stream.once('close', resolve));
    // `closed` is true a moment before the events are.
    else
        await turns(1);
}
/** Takes down what a stream says of itself, and what it says although it is closed. */
export class Watch {
    errors = [];
    late = [];
    #closed = false;
    constructor(stream, { data = false } = {}) {
        const note = (name) => () => {
            if (this.#closed)
                this.late.push(name);
        };
        for (const name of ['end', 'finish', 'drain', 'close'])
            stream.on(name, note(name));
        if (data)
            stream.on('data', note('data'));
        stream.on('error', (error) => {
            note('error')();
            this.errors.push(error);
        });
        stream.once('close', () => {
            this.#closed = true;
        });
    }
}
/** What a chunk counts where it passes: its bytes, or 1 in a stream of objects. */
export function sizeOf(chunk, objects) {
    return !objects && chunk instanceof Uint8Array ? chunk.length : 1;
}
/** The same cases with what every suite does around each of them. */
export function framed(cases, options) {
    return cases.map(({ name, run }) => ({
        name,
        async run() {
            const before = options.open?.();
            try {
                await run();
                await settle(() => options.open?.() === before);
                const left = options.open?.();
                ensure(left === before, `${name}: ${left} things are open afterwards, ${before} were before`);
            }
            finally {
                await options.after?.();
            }
        },
    }));
}
async function settle(reached) {
    for (let turn = 0; turn < QUIET && !reached(); turn++)
        await turns(1);
}
//# sourceMappingURL=probe.js.map