import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isSluiceError } from '../errors.js';
import { destroyCases, errorCases, optionCases, patienceOf } from './moments.js';
import { closed, drained, ensure, framed, sizeOf, within, } from './probe.js';
import { cutsOf, describe, inSplits } from './sameness.js';
/** The properties of every Writable at the end of a river, each as a case for any test runner. */
export function writableConformance(make, options) {
    const patience = patienceOf(options);
    const subject = { make: async () => make(), input: async () => options.input(), reads: false };
    const write = async (chunks) => {
        const stream = await make();
        await within(patience, 'the end of the pipeline', pipeline(Readable.from(chunks), stream));
        return stream;
    };
    const cases = [
        {
            name: 'it is a Writable of node:stream by its interface',
            async run() {
                const stream = await make();
                describe(stream, ['write', 'end', 'cork', 'uncork', 'destroy', 'on', 'once', 'off']);
                stream.destroy();
                await within(patience, `'close'`, closed(stream));
            },
        },
        ...inSplits(options.input, async (chunks) => options.check?.(await write(chunks))),
        {
            name: 'it makes the source wait, and lets it go on',
            async run() {
                const stream = await make();
                const errors = [];
                stream.on('error', (error) => errors.push(error));
                const bound = options.bound ?? (stream.writableObjectMode ? 16 : 1024 * 1024);
                let sum = 0;
                for await (const chunk of await options.many()) {
                    if (stream.destroyed)
                        break;
                    sum += sizeOf(chunk, stream.writableObjectMode);
                    if (stream.write(chunk)) {
                        const waiting = stream.writableLength;
                        const most = bound + sizeOf(chunk, stream.writableObjectMode);
                        ensure(waiting <= most, `${waiting} wait in it, and it asks for more; it may hold ${bound}`);
                    }
                    else {
                        await within(patience, `'drain'`, drained(stream));
                    }
                }
                stream.end();
                await within(patience, `'close' after the end`, closed(stream));
                ensure(errors.length === 0, `it failed: ${String(errors[0])}`);
                ensure(sum > bound, `the large input of ${sum} must be larger than the bound of ${bound}`);
            },
        },
    ];
    if (options.truncated) {
        const { codes, whole = [] } = options.truncated;
        cases.push({
            name: 'it refuses an input that was cut anywhere',
            async run() {
                for (const { at, part } of cutsOf(await options.input())) {
                    if (whole.includes(at))
                        continue;
                    const error = await write(part).then(() => undefined, (reason) => reason);
                    const refused = codes.some((code) => isSluiceError(error, code));
                    ensure(refused, `cut at ${at}, it ended with ${String(error)}, not with ${codes.join(' or ')}`);
                }
            },
        });
    }
    cases.push(...destroyCases(subject, options), ...errorCases(subject, options), ...optionCases(options));
    return framed(cases, options);
}
//# sourceMappingURL=writable-conformance.js.map