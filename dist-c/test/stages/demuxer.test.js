import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test from 'ava';
import fc from 'fast-check';
import { demuxer } from '../../lib/stages/demuxer.js';
import { FrameType } from '../../lib/wire/frames.js';
import { offerMessages } from '../../lib/wire/manifest.js';
import { bitmapOf } from '../../lib/wire/positions.js';
import { amount, expected, offerOf } from '../helpers/items.js';
const CONTENT = {
    d: null,
    'd/empty': Buffer.alloc(0),
    'd/one': Buffer.from('0123456789'),
    'd/two': Buffer.from('abcdef'),
    gone: Buffer.alloc(0),
    last: Buffer.from('xyz'),
};
const [EMPTY, ONE, TWO, GONE, LAST] = [1, 2, 3, 4, 5];
const FILES = [EMPTY, ONE, TWO, GONE, LAST];
const message = (message) => ({ kind: 'message', type: 0, message, size: 100 });
const offer = () => Array.from(offerMessages(offerOf(CONTENT)), message);
const data = (position, text) => ({
    kind: 'data',
    position,
    length: text.length,
    chunks: [Buffer.from(text)],
});
const digest = (index) => {
    const said = Object.values(expected(CONTENT))[index].said;
    return { index, digest: Buffer.from(said, 'hex') };
};
const digests = (...records) => message({ type: 'digests', digests: records });
const END = message({ type: 'end' });
const ALL = [...offer(), data(0, '0123456789abcdefxyz'), digests(...FILES.map(digest)), END];
async function demuxed(frames, options) {
    const items = [];
    await pipeline(Readable.from(frames), demuxer(options), async (source) => {
        for await (const item of source)
            items.push(item);
    });
    return items;
}
test('the stream is cut at file boundaries, folders and empty files in their places', async (t) => {
    const items = await demuxed(ALL);
    t.deepEqual(amount(items), expected(CONTENT));
    const run = items.find((item) => item.kind === 'run');
    t.deepEqual(run.cuts.map(({ entry, offset, last }) => [entry.path, offset, last]), [
        ['d', 0, true],
        ['d/empty', 0, true],
        ['d/one', 0, true],
        ['d/two', 0, true],
        ['gone', 0, true],
        ['last', 0, true],
    ]);
});
test('data may come in pieces of any size', async (t) => {
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 18 })), async (cuts) => {
        const text = '0123456789abcdefxyz';
        const at = [0, ...new Set(cuts), text.length].sort((a, b) => a - b);
        const pieces = at.slice(1).map((end, i) => data(at[i], text.slice(at[i], end)));
        const frames = [...offer(), ...pieces.filter((piece) => piece.kind === 'data' && piece.length > 0)];
        t.deepEqual(amount(await demuxed([...frames, digests(...FILES.map(digest)), END])), expected(CONTENT));
    }));
});
test('an empty file is there when its digest comes, or at the end', async (t) => {
    const items = await demuxed([
        ...offer(),
        digests(digest(EMPTY)),
        ...ALL.slice(-3, -2),
        digests(...FILES.slice(1).map(digest)),
        END,
    ]);
    t.deepEqual(amount(items), expected(CONTENT));
});
test('a file that failed at the sender leaves a gap that is explained', async (t) => {
    const items = await demuxed([
        ...offer(),
        data(0, '01234'),
        digests({ index: ONE, failure: 'ERR_SOURCE_CHANGED' }, { index: GONE, failure: 'ERR_SOURCE_READ' }),
        data(10, 'abcdef'),
        data(16, 'xyz'),
        digests(digest(EMPTY), digest(TWO), digest(LAST)),
        END,
    ]);
    const found = amount(items);
    t.like(found['d/one'], { content: '01234', ended: false, said: 'ERR_SOURCE_CHANGED' });
    t.like(found.gone, { content: '', ended: false, said: 'ERR_SOURCE_READ' });
    t.deepEqual(found['d/two'], expected(CONTENT)['d/two']);
    t.deepEqual(found.last, expected(CONTENT).last);
});
test('a failure that this side does not know keeps being one', async (t) => {
    const items = await demuxed([
        ...offer(),
        digests({ index: ONE, failure: 'ERR_OF_THE_FUTURE' }),
        data(10, 'abcdefxyz'),
        digests(...[EMPTY, TWO, GONE, LAST].map(digest)),
        END,
    ]);
    t.is(amount(items)['d/one'].said, 'ERR_PEER');
});
test('only what was asked for comes', async (t) => {
    const onOffer = () => bitmapOf(6, (index) => index === 0 || index === TWO);
    const items = await demuxed([...offer(), data(10, 'abcdef'), digests(digest(TWO)), END], { onOffer });
    t.deepEqual(Object.keys(amount(items)), ['d', 'd/two']);
    await t.throwsAsync(demuxed(ALL, { onOffer }), { code: 'ERR_PROTOCOL' });
    await t.throwsAsync(demuxed([...offer(), digests(digest(ONE))], { onOffer }), { code: 'ERR_PROTOCOL' });
});
test('who is asked about the offer may refuse it', async (t) => {
    const error = new Error('no');
    t.is(await t.throwsAsync(demuxed(ALL, { onOffer: () => Promise.reject(error) })), error);
});
test('a file of unknown size ends with its digest', async (t) => {
    const made = offerOf({ a: Buffer.from('xx'), stdin: Buffer.alloc(0) });
    made.entries[1].size = null;
    const frames = [
        ...Array.from(offerMessages(made), message),
        data(0, 'xxhel'),
        data(5, 'lo'),
        digests({ index: 0, digest: Buffer.alloc(32) }, { index: 1, digest: Buffer.alloc(32), size: 5 }),
        END,
    ];
    const items = await demuxed(frames);
    t.like(amount(items).stdin, { content: 'hello', ended: true });
    const wrong = digests({ index: 0, digest: Buffer.alloc(32) }, { index: 1, digest: Buffer.alloc(32), size: 6 });
    await t.throwsAsync(demuxed([...frames.slice(0, -2), wrong]), { code: 'ERR_PROTOCOL' });
    await t.throwsAsync(demuxed([...frames.slice(0, -2), END]), { code: 'ERR_PROTOCOL' });
});
const BEFORE = [...offer(), data(0, '0123456789')];
const refused = {
    'HOSTILE-INPUT 47: a digest of entry N': [...BEFORE, digests({ index: 6, digest: Buffer.alloc(32) })],
    'HOSTILE-INPUT 47: a digest of a folder': [...BEFORE, digests({ index: 0, digest: Buffer.alloc(32) })],
    'HOSTILE-INPUT 47: a second digest': [...BEFORE, digests(digest(ONE)), digests(digest(ONE))],
    'HOSTILE-INPUT 47: a digest of a file that has not ended': [
        ...offer(),
        data(0, '01'),
        digests(digest(ONE)),
    ],
    'HOSTILE-INPUT 47: a digest of a file that has not begun': [...BEFORE, digests(digest(LAST))],
    'HOSTILE-INPUT 40: a digest of the wrong length': [
        ...BEFORE,
        digests({ index: ONE, digest: Buffer.alloc(20) }),
    ],
    'HOSTILE-INPUT 48: bytes beyond the last file': [...BEFORE, data(10, 'abcdefxyz!')],
    'HOSTILE-INPUT 48: bytes far beyond': [...BEFORE, data(2 ** 52, 'a')],
    'bytes that come twice': [...BEFORE, data(9, '9')],
    'HOSTILE-INPUT 49: a gap within a file': [...offer(), data(0, '01'), data(3, '3')],
    'HOSTILE-INPUT 49: a file that is left out': [...offer(), data(10, 'abcdef')],
    'HOSTILE-INPUT 49: a jump into a file': [...BEFORE, data(12, 'c')],
    'HOSTILE-INPUT 49: an early end': [...BEFORE, digests(digest(ONE)), END],
    'KNOWN-FAILURES 15: an end without digests': [...offer(), data(0, '0123456789abcdefxyz'), END],
    'bytes of a file that failed': [
        ...offer(),
        digests({ index: ONE, failure: 'ERR_SOURCE_READ' }),
        data(0, '0'),
    ],
    'a size that was known': [...BEFORE, digests({ ...digest(ONE), size: 10 })],
    'frames after the end': [...ALL, data(0, '0')],
    'a second offer within the first': [offer()[0], offer()[0]],
};
for (const [name, frames] of Object.entries(refused)) {
    test(`${name} is refused`, async (t) => {
        await t.throwsAsync(demuxed(frames), { code: 'ERR_PROTOCOL' });
    });
}
test('an algorithm that nobody has is refused', async (t) => {
    const made = offerOf(CONTENT);
    made.algorithm = 'md17';
    await t.throwsAsync(demuxed(Array.from(offerMessages(made), message)), { code: 'ERR_UNSUPPORTED' });
});
test('KNOWN-FAILURES 23: the end of the stream between two files is not the end of the transfer', async (t) => {
    for (let length = 0; length < ALL.length - 1; length++) {
        await t.throwsAsync(demuxed(ALL.slice(0, length)), { code: 'ERR_TRUNCATED' });
    }
});
test('the types of frames are those of the specification', (t) => {
    t.is(new Set(Object.values(FrameType)).size, Object.keys(FrameType).length);
});
//# sourceMappingURL=demuxer.test.js.map