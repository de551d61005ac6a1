import test from 'ava';
import fc from 'fast-check';
import { makeOffer } from '../../lib/wire/manifest.js';
import { bitmapOf, checkBitmap, entryAt, intersect, isWanted, normalise, rangesOf, } from '../../lib/wire/positions.js';
const HEAD = { id: '0123456789abcdef0123456789abcdef', name: 'x', algorithm: 'sha256' };
const offerOf = (sizes, before) => makeOffer(HEAD, sizes.map((size, i) => ({ type: 'file', path: `${i}`, size, mtime: 0, mode: 0o644 })), before);
const SPAN = 40;
const bytes = (ranges) => Array.from({ length: SPAN }, (_, i) => ranges.some(({ start, end }) => start <= i && i < end));
const range = fc.tuple(fc.nat(SPAN), fc.nat(SPAN)).map(([start, end]) => ({ start, end }));
const ranges = fc.array(range, { maxLength: 8 });
/** Ascending, apart from each other, not empty. */
const normal = (list) => list.every(({ start, end }, i) => start < end && (i === 0 || list[i - 1].end < start));
test('ranges are made normal without losing or adding a byte', (t) => {
    fc.assert(fc.property(ranges, (some) => {
        const before = structuredClone(some);
        const made = normalise(some);
        t.deepEqual(some, before);
        t.deepEqual(bytes(made), bytes(some));
        return normal(made);
    }));
});
test('what is common to two lists of ranges is every byte that is in both', (t) => {
    fc.assert(fc.property(ranges.map(normalise), ranges.map(normalise), (some, others) => {
        const common = intersect(some, others);
        const both = bytes(others);
        t.deepEqual(bytes(common), bytes(some).map((in1, i) => in1 && both[i]));
        return normal(common);
    }));
});
test('the ranges of a selection hold the bytes of its entries, also of attached ones', (t) => {
    const sizes = fc.array(fc.tuple(fc.nat(4), fc.boolean()), { maxLength: 9 });
    fc.assert(fc.property(sizes, fc.nat(3), (list, position) => {
        const { entries } = offerOf(list.map(([size]) => size), { first: 7, position });
        const bitmap = bitmapOf(list.length, (i) => list[i][1]);
        const wanted = rangesOf(entries, bitmap);
        const expected = entries.filter((_, i) => list[i][1]).map(rangeOf);
        t.deepEqual(wanted, normalise(expected));
        t.deepEqual(rangesOf(entries), normalise(entries.map(rangeOf)));
        return normal(wanted);
    }));
});
const rangeOf = ({ start, size }) => ({ start, end: start + size });
test('an entry of unknown size reaches as far as there are positions', (t) => {
    t.deepEqual(rangesOf(offerOf([3, 0, null]).entries), [{ start: 0, end: Number.MAX_SAFE_INTEGER }]);
});
test('the entry that owns a position is found, whatever stands around it', (t) => {
    const { entries } = offerOf([0, 3, 0, 2, 0]);
    t.deepEqual([0, 2, 3, 4, 5, 9].map((position) => entryAt(entries, position)), [1, 1, 3, 3, -1, -1]);
    fc.assert(fc.property(fc.array(fc.nat(3), { maxLength: 20 }), fc.nat(70), fc.nat(9), (sizes, at, position) => {
        const { entries: all } = offerOf(sizes, { first: 0, position });
        return entryAt(all, at) === all.findIndex(({ start, size }) => start <= at && at < start + size);
    }));
    t.is(entryAt(offerOf([1, null]).entries, 2 ** 50), 1);
});
test('a bitmap holds what is wanted, and nothing beyond it is', (t) => {
    fc.assert(fc.property(fc.array(fc.boolean()), (wants) => {
        const bitmap = bitmapOf(wants.length, (index) => wants[index]);
        t.notThrows(() => checkBitmap(bitmap, wants.length));
        return (wants.every((want, index) => isWanted(bitmap, index) === want) && !isWanted(bitmap, bitmap.length * 8));
    }));
});
test('a bitmap of another length, or with bits beyond its entries, is refused', (t) => {
    for (const [bitmap, length] of [
        [[], 1],
        [[0x80, 0], 8],
        [[0x80], 9],
        [[0x40], 1],
        [[0xff, 0x81], 15],
    ]) {
        t.throws(() => checkBitmap(Uint8Array.from(bitmap), length), { code: 'ERR_PROTOCOL' });
    }
    t.notThrows(() => checkBitmap(new Uint8Array(0), 0));
});
//# sourceMappingURL=positions.test.js.map