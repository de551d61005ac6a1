import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isSluiceError } from '../errors.js';
import { closed, drained, ensure, fail, turns, Watch, within, } from './probe.js';
const PATIENCE = 10_000;
const MOMENTS = 6;
/** How long a suite waits for what does not come, in milliseconds. */
export function patienceOf({ patience = PATIENCE }) {
    return patience;
}
/** Bad options are refused by the factory itself. */
export function optionCases({ badOptions = [] }) {
    return badOptions.map((make, index) => ({
        name: `bad options are refused at once with ERR_USAGE (${index + 1})`,
        async run() {
            try {
                make();
            }
            catch (error) {
                ensure(isSluiceError(error, 'ERR_USAGE'), `thrown was ${String(error)}, not an ERR_USAGE`);
                return;
            }
            fail('bad options were taken');
        },
    }));
}
/** It may be destroyed at any moment: `close` comes, with the error that was given or none, and nothing after it. */
export function destroyCases(subject, options) {
    const patience = patienceOf(options);
    const destroyed = async (stream, watch, given) => {
        // It may have come to its end by itself.
        const error = stream.destroyed ? undefined : given;
        stream.destroy(error);
        stream.destroy(new Error('a second destroy'));
        await within(patience, `'close' after destroy`, closed(stream));
        await turns(5);
        ensure(watch.late.length === 0, `events after 'close': ${watch.late.join(', ')}`);
        const found = watch.errors.map(String).join(', ');
        ensure(watch.errors.length <= (error ? 1 : 0), `destroyed with ${String(error)}, but raised ${found}`);
        ensure(watch.errors[0] === error, `destroyed with ${String(error)}, but raised ${found || 'nothing'}`);
    };
    const during = async (read, error) => {
        const most = subject.input ? (await subject.input()).length : MOMENTS;
        for (let moment = 0; moment <= Math.min(most, MOMENTS); moment++) {
            const stream = (await subject.make());
            const watch = new Watch(stream, { data: read });
            const input = subject.input ? (await subject.input()).slice(0, moment) : [];
            for (const chunk of input)
                stream.write(chunk);
            // Moments in the middle of a turn, and some turns later.
            if (moment % 2 === 1)
                await turns(moment);
            await destroyed(stream, watch, error);
        }
    };
    return [
        {
            name: 'it may be destroyed before it is used, with and without an error',
            async run() {
                for (const error of [undefined, new Error('boom')]) {
                    const stream = (await subject.make());
                    await destroyed(stream, new Watch(stream), error);
                }
            },
        },
        { name: 'it may be destroyed while nobody reads', run: () => during(false) },
        { name: 'it may be destroyed while it works', run: () => during(true) },
        { name: 'it may be destroyed with an error while it works', run: () => during(true, new Error('boom')) },
        {
            name: 'it closes by itself after its end, and to destroy it then does nothing',
            async run() {
                const stream = (await subject.make());
                const watch = new Watch(stream, { data: subject.reads });
                for (const chunk of (await subject.input?.()) ?? []) {
                    if (!stream.write(chunk))
                        await within(patience, `'drain'`, drained(stream));
                }
                if (subject.input)
                    stream.end();
                await within(patience, `'close' after the end`, closed(stream));
                ensure(watch.errors.length === 0, `the whole input was refused: ${String(watch.errors[0])}`);
                await destroyed(stream, watch);
            },
        },
    ];
}
/** Errors of the neighbours reach the caller of `pipeline()` as they are, and the stage is closed. */
export function errorCases(subject, options) {
    const patience = patienceOf(options);
    const failing = async (chain, signal) => {
        const boom = new Error('boom');
        const stream = (await subject.make());
        const whole = pipeline(chain(stream, boom), { signal });
        const error = await within(patience, 'the failure of the pipeline', whole.then(nothing, asIs));
        if (signal)
            ensure(error?.name === 'AbortError', `aborted, but it said ${String(error)}`);
        else
            ensure(error === boom, `the cause was lost: ${String(error)} instead of ${String(boom)}`);
        await within(patience, `'close' after a failure`, closed(stream));
    };
    return [
        {
            name: 'an aborted pipeline closes it',
            async run() {
                for (const late of [false, true]) {
                    const controller = new AbortController();
                    const input = (await subject.input?.()) ?? [];
                    if (late)
                        setImmediate(() => controller.abort());
                    else
                        controller.abort();
                    await failing((stream) => around(subject, stream, unending(input), unended()), controller.signal);
                }
            },
        },
        subject.input && {
            name: 'an error of the source reaches the end of the pipeline as it is',
            async run() {
                for (const moment of [0, 1, Number.POSITIVE_INFINITY]) {
                    const input = ((await subject.input?.()) ?? []).slice(0, moment);
                    await failing((stream, boom) => around(subject, stream, Readable.from(endingWith(input, boom)), ignoring()));
                }
            },
        },
        subject.reads && {
            name: 'an error of the sink reaches the end of the pipeline as it is',
            async run() {
                for (const late of [false, true]) {
                    const input = Readable.from((await subject.input?.()) ?? []);
                    await failing((stream, boom) => around(subject, stream, input, failingSink(boom, late)));
                }
            },
        },
    ].filter((found) => typeof found === 'object');
}
const nothing = () => undefined;
const asIs = (error) => error;
function around(subject, stage, source, sink) {
    return [...(subject.input ? [source] : []), stage, ...(subject.reads ? [sink] : [])];
}
async function* endingWith(chunks, error) {
    yield* chunks;
    await turns(2);
    throw error;
}
function ignoring() {
    return new Writable({ objectMode: true, write: (_chunk, _encoding, callback) => callback() });
}
/** Gives the chunks and then neither more nor an end. */
function unending(chunks) {
    const left = [...chunks];
    return new Readable({
        objectMode: true,
        read() {
            if (left.length > 0)
                this.push(left.shift());
        },
    });
}
/** Takes everything but the end. */
function unended() {
    return new Writable({
        objectMode: true,
        write: (_chunk, _encoding, callback) => callback(),
        final: () => { },
    });
}
function failingSink(error, late) {
    return new Writable({
        objectMode: true,
        write: (_chunk, _encoding, callback) => (late ? callback() : callback(error)),
        final: (callback) => callback(error),
    });
}
//# sourceMappingURL=moments.js.map