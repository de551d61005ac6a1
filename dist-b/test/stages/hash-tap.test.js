import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test from 'ava';
import fc from 'fast-check';
import { hashTap, isSluiceError, } from '../../lib/index.js';
import { transformConformance } from '../../lib/testing/index.js';
import { makeOffer } from '../../lib/wire/manifest.js';
import { conforms } from '../helpers/conforms.js';
import { itemsOf, offerOf, SMALL } from '../helpers/items.js';
import { scale } from '../helpers/scale.js';
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
function withoutDigests(items) {
    for (const item of items)
        if (item.kind === 'run')
            for (const cut of item.cuts)
                delete cut.digest;
    return items;
}
const small = () => withoutDigests(itemsOf(SMALL));
conforms('the hash tap', transformConformance(hashTap, {
    input: small,
    expected: () => itemsOf(SMALL),
    many: () => withoutDigests(itemsOf({ big: Buffer.alloc(2_000_000, 'x') }, 1000)),
    prompt: (given, written) => given.length === written.length,
    bound: 4,
}));
async function tapped(items) {
    const found = [];
    await pipeline(Readable.from(items), hashTap(), async (stream) => {
        for await (const item of stream)
            found.push(item);
    });
    return found;
}
/** The digests by path, of the last cuts. */
function digestsOf(items) {
    const cuts = items.flatMap((item) => (item.kind === 'run' ? item.cuts : []));
    const last = cuts.filter((cut) => cut.last);
    return Object.fromEntries(last.map(({ entry, digest }) => [entry.path, digest?.toString('hex')]));
}
const expected = (content) => Object.fromEntries(Object.entries(content).map(([path, bytes]) => [path, bytes === null ? undefined : sha256(bytes)]));
test('each file gets the digest of its content, the empty one that of nothing, a folder none', async (t) => {
    t.deepEqual(digestsOf(await tapped(small())), expected(SMALL));
});
test('the digests are the same when each run has one byte', async (t) => {
    t.deepEqual(digestsOf(await tapped(withoutDigests(itemsOf(SMALL, 1)))), expected(SMALL));
});
test('the digests are those of node:crypto for any files and any split', async (t) => {
    const file = fc.option(fc.uint8Array({ maxLength: 300 }), { freq: 5 });
    await fc.assert(fc.asyncProperty(fc.array(file, { maxLength: 12 }), fc.integer({ min: 1, max: 400 }), async (files, run) => {
        const content = Object.fromEntries(files.map((bytes, i) => [`f${i}`, bytes === null ? null : Buffer.from(bytes)]));
        t.deepEqual(digestsOf(await tapped(withoutDigests(itemsOf(content, run)))), expected(content));
    }), { numRuns: scale(100, 2000) });
});
const offer = offerOf({ a: Buffer.alloc(6), b: Buffer.alloc(6) });
const [a, b] = offer.entries;
function cut(entry, offset, text, last = false) {
    return { entry, offset, bytes: Buffer.from(text), last };
}
function run(...cuts) {
    const { entry, offset } = cuts[0];
    const length = cuts.reduce((sum, { bytes }) => sum + bytes.length, 0);
    return { kind: 'run', position: entry.start + offset, length, cuts };
}
const first = { kind: 'offer', offer };
test('a file that was not seen from its beginning, with a gap, or twice over has no digest', async (t) => {
    const broken = [
        [cut(a, 2, 'cdef', true)],
        [cut(a, 0, 'ab'), cut(a, 4, 'ef', true)],
        [cut(a, 0, 'abcd'), cut(a, 2, 'cdef', true)],
        [cut(a, 0, 'ab'), cut(a, 1, 'b'), cut(a, 2, 'cdef', true)],
    ];
    for (const cuts of broken) {
        const found = digestsOf(await tapped([first, ...cuts.map((one) => run(one)), run(cut(b, 0, 'second', true))]));
        t.deepEqual(found, { a: undefined, b: sha256(Buffer.from('second')) });
    }
});
test('a file that begins anew is digested anew', async (t) => {
    const found = await tapped([
        first,
        run(cut(a, 0, 'xyz')),
        run(cut(a, 0, 'abc')),
        run(cut(a, 3, 'def', true)),
    ]);
    t.is(digestsOf(found).a, sha256(Buffer.from('abcdef')));
});
test('files that come by turns each have their own digest', async (t) => {
    const found = await tapped([
        first,
        run(cut(a, 0, 'abc')),
        run(cut(b, 0, 'uvw')),
        run(cut(a, 3, 'def', true)),
        run(cut(b, 3, 'xyz', true)),
    ]);
    t.deepEqual(digestsOf(found), { a: sha256(Buffer.from('abcdef')), b: sha256(Buffer.from('uvwxyz')) });
});
test('a file that failed is forgotten', async (t) => {
    const failure = { kind: 'digests', digests: [{ entry: a, failure: 'ERR_SOURCE_CHANGED' }] };
    const found = await tapped([first, run(cut(a, 0, 'abc')), failure, run(cut(a, 3, 'def', true))]);
    t.is(digestsOf(found).a, undefined);
    t.is(found[2], failure);
});
test('files that are begun and never ended do not pile up', async (t) => {
    const entries = Array.from({ length: 40 }, (_none, i) => ({ ...a, path: `f${i}`, size: 6 }));
    const many = makeOffer(offer, entries);
    const begun = many.entries.map((entry) => run(cut(entry, 0, 'abc')));
    const ended = many.entries.map((entry) => run(cut(entry, 3, 'def', true)));
    const found = Object.values(digestsOf(await tapped([{ kind: 'offer', offer: many }, ...begun, ...ended])));
    const whole = sha256(Buffer.from('abcdef'));
    t.deepEqual(found.slice(-16), Array(16).fill(whole));
    t.true(found.slice(0, -16).every((digest) => digest === undefined));
});
test('a file of unknown size ends with an empty cut', async (t) => {
    const open = makeOffer(offer, [{ ...a, size: null }]);
    const entry = open.entries[0];
    const end = (offset) => run(cut(entry, offset, '', true));
    const found = await tapped([{ kind: 'offer', offer: open }, run(cut(entry, 0, 'abc')), end(3)]);
    t.is(digestsOf(found).a, sha256(Buffer.from('abc')));
    t.is(digestsOf(await tapped([{ kind: 'offer', offer: open }, end(0)])).a, sha256(Buffer.alloc(0)));
});
test('the algorithm is that of the offer', async (t) => {
    const md5 = { ...offer, algorithm: 'md5' };
    const found = await tapped([{ kind: 'offer', offer: md5 }, run(cut(a, 0, 'abcdef', true))]);
    t.is(digestsOf(found).a, createHash('md5').update('abcdef').digest('hex'));
});
test('an algorithm that is not there, two in one transfer, and data before an offer are refused', async (t) => {
    const offering = (algorithm) => ({ kind: 'offer', offer: { ...offer, algorithm } });
    const failing = async (code, items) => t.is((await t.throwsAsync(tapped(items)))?.code, code);
    await failing('ERR_UNSUPPORTED', [offering('sha257')]);
    await failing('ERR_PROTOCOL', [offering('sha256'), offering('md5')]);
    await failing('ERR_STATE', [run(cut(a, 0, 'abcdef', true))]);
    await t.notThrowsAsync(tapped([offering('sha256'), offering('sha256')]));
    t.true(isSluiceError(await t.throwsAsync(tapped([offering('')])), 'ERR_UNSUPPORTED'));
});
//# sourceMappingURL=hash-tap.test.js.map