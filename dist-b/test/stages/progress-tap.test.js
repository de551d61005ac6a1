import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test from 'ava';
import { counter, isSluiceError, progressTap, tap, } from '../../lib/index.js';
import { FakeClock, piecesOf, randomContent, transformConformance } from '../../lib/testing/index.js';
import { conforms } from '../helpers/conforms.js';
const bytes = randomContent(4 * 1024 * 1024);
const small = () => piecesOf(Buffer.from('some bytes'), 3);
function entry(type, size) {
    return { index: 0, type, path: 'a', size, start: 0, mtime: 0, mode: 0o644 };
}
function items() {
    const cut = (type, last, size = 3) => {
        return { entry: entry(type, size), offset: 0, bytes: Buffer.alloc(size), last };
    };
    return [
        {
            kind: 'run',
            position: 0,
            length: 6,
            cuts: [cut('file', true), cut('directory', true, 0), cut('file', false)],
        },
        { kind: 'digests', digests: [] },
        { kind: 'run', position: 6, length: 3, cuts: [cut('file', true)] },
    ];
}
conforms('a tap on bytes', transformConformance(() => tap(() => { }), {
    input: small,
    expected: small,
    inverse: () => counter(),
    many: () => piecesOf(bytes, 64 * 1024),
    badOptions: [
        () => tap(1),
        () => progressTap(undefined),
    ],
}));
conforms('a progress tap on items', transformConformance(() => progressTap(() => { }, { interval: 0 }), {
    input: items,
    expected: items,
    many: () => Array.from({ length: 1000 }, () => items()).flat(),
    bound: 4,
    prompt: (given, written) => given.length === written.length,
    badOptions: [
        () => progressTap(() => { }, { interval: -1 }),
        () => progressTap(() => { }, { interval: Number.NaN }),
    ],
}));
const sink = () => counter().resume();
async function passing(chunks, tapped) {
    const calls = [];
    await pipeline(Readable.from(chunks), tapped(calls), sink());
    return calls;
}
test('progress counts bytes, the files that end, and those that were stored', async (t) => {
    const each = (calls) => progressTap((passed) => calls.push(passed), { interval: 0 });
    t.deepEqual((await passing(small(), each)).at(-1), { bytes: 10, files: 0 });
    t.deepEqual((await passing(items(), each)).at(-1), { bytes: 9, files: 2 });
    const failure = Object.assign(new Error('x'));
    const files = [
        { entry: entry('file', 7) },
        { entry: entry('file', 7), failure },
        { entry: entry('file', null) },
        { entry: entry('directory', 0) },
    ];
    t.deepEqual((await passing([{ kind: 'stored', files }], each)).at(-1), { bytes: 7, files: 2 });
});
test('progress is told no more often than the interval, and once at the end', async (t) => {
    const clock = new FakeClock();
    const calls = await passing(Array.from({ length: 10 }, () => Buffer.alloc(1)), (found) => progressTap((passed) => {
        found.push(passed);
    }, {
        clock: {
            after: clock.after,
            now: () => {
                clock.advance(40);
                return clock.now();
            },
        },
    }));
    // Each chunk takes 40 ms: told are the 1st, 4th, 7th and 10th, and the end.
    t.deepEqual(calls.map((passed) => passed.bytes), [1, 4, 7, 10, 10]);
});
test('a counter counts chunks, or what it is told to measure', async (t) => {
    const chunks = counter();
    const measured = counter((chunk) => chunk.length);
    await pipeline(Readable.from(small()), chunks, measured, sink());
    t.is(chunks.count, 4);
    t.is(measured.count, 10);
});
test('what the callbacks throw fails the stream as it is', async (t) => {
    const boom = new Error('boom');
    const fail = () => {
        throw boom;
    };
    t.is(await t.throwsAsync(pipeline(Readable.from(small()), tap(fail), sink())), boom);
    t.is(await t.throwsAsync(pipeline(Readable.from(small()), tap(() => { }, fail), sink())), boom);
    t.true(isSluiceError(t.throws(() => tap(() => { }, 5)), 'ERR_USAGE'));
});
//# sourceMappingURL=progress-tap.test.js.map