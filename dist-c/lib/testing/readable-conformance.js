import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { destroyCases, errorCases, optionCases, patienceOf } from './moments.js';
import { closed, ensure, framed, QUIET, sizeOf, turns, within, } from './probe.js';
import { describe, same } from './sameness.js';
/** The properties of every Readable at the head of a river, each as a case for any test runner. */
export function readableConformance(make, options) {
    const patience = patienceOf(options);
    const subject = { make: async () => make(), reads: true };
    const check = async (found) => (options.same ?? same)(found, await options.expected());
    const read = (how) => async () => {
        const stream = await make();
        const found = [];
        await within(patience, 'the end', how(stream, found));
        await check(found);
        await within(patience, `'close' after the end`, closed(stream));
    };
    const cases = [
        {
            name: 'it is a Readable of node:stream by its interface',
            async run() {
                const stream = await make();
                describe(stream, ['read', 'pipe', 'pause', 'resume', 'destroy', 'on', 'once', 'off']);
                stream.destroy();
                await within(patience, `'close'`, closed(stream));
            },
        },
        { name: 'it gives what it should to one who listens', run: read(flowing) },
        { name: 'it gives the same to one who asks', run: read(asking) },
        { name: 'it gives the same to one who pauses after each chunk', run: read(pausing) },
        { name: 'it gives the same to a loop', run: read(looping) },
        {
            name: 'a loop that is left early closes it',
            async run() {
                const stream = await make();
                const left = (async () => {
                    for await (const _chunk of stream)
                        break;
                    await closed(stream);
                })();
                await within(patience, `'close' after the loop`, left);
            },
        },
        { name: 'it reads no further ahead than its bound', run: () => readAhead(options) },
    ];
    cases.push(...destroyCases(subject, options), ...errorCases(subject, options), ...optionCases(options));
    return framed(cases, options);
}
const flowing = (stream, into) => new Promise((resolve, reject) => {
    stream
        .on('data', (chunk) => into.push(chunk))
        .on('end', resolve)
        .on('error', reject);
});
const asking = (stream, into) => new Promise((resolve, reject) => {
    stream.on('end', resolve).on('error', reject);
    stream.on('readable', () => {
        for (let chunk = stream.read(); chunk !== null; chunk = stream.read())
            into.push(chunk);
    });
});
const pausing = (stream, into) => new Promise((resolve, reject) => {
    stream.on('end', resolve).on('error', reject);
    stream.on('data', (chunk) => {
        into.push(chunk);
        stream.pause();
        setImmediate(() => stream.resume());
    });
});
async function looping(stream, into) {
    for await (const chunk of stream)
        into.push(chunk);
}
async function readAhead(options) {
    const stream = await options.many();
    const bound = options.bound ?? (stream.readableObjectMode ? 16 : 1024 * 1024);
    let largest = 0;
    let sum = 0;
    const measure = () => {
        const ahead = stream.readableLength;
        ensure(ahead <= bound + largest, `nobody reads, and it has read ${ahead} ahead; it may hold ${bound}`);
    };
    const slow = new Writable({
        objectMode: true,
        highWaterMark: 1,
        write(chunk, _encoding, callback) {
            largest = Math.max(largest, sizeOf(chunk, stream.readableObjectMode));
            sum += sizeOf(chunk, stream.readableObjectMode);
            setImmediate(() => {
                try {
                    measure();
                    callback();
                }
                catch (error) {
                    callback(error);
                }
            });
        },
    });
    // Asked once, then not at all.
    stream.read(0);
    await turns(QUIET);
    largest = stream.readableHighWaterMark;
    measure();
    await within(patienceOf(options), 'the end of the pipeline', pipeline(stream, slow));
    ensure(sum > bound, `the large Readable of ${sum} must be larger than the bound of ${bound}`);
}
//# sourceMappingURL=readable-conformance.js.map