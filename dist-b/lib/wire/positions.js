import { SluiceError } from '../errors.js';
/** The bitmap of `length` entries of which `wants` says yes. */
export function bitmapOf(length, wants) {
    const bitmap = Buffer.alloc(Math.ceil(length / 8));
    for (let i = 0; i < length; i++)
        if (wants(i))
            bitmap[i >> 3] |= 0x80 >> (i & 7);
    return bitmap;
}
/** Whether the bit of entry `index` is set; entries beyond the bitmap are not wanted. */
export function isWanted(bitmap, index) {
    return ((bitmap[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;
}
/**
 * Checks a bitmap of a peer: as many bytes as `length` entries need, and no bit beyond them.
 * @throws SluiceError `ERR_PROTOCOL`
 */
export function checkBitmap(bitmap, length) {
    const expected = Math.ceil(length / 8);
    if (bitmap.length !== expected) {
        const text = `the peer sent a selection of ${bitmap.length} bytes; ${length} entries need ${expected}`;
        throw new SluiceError('ERR_PROTOCOL', text, { expected, found: bitmap.length });
    }
    if (length % 8 !== 0 && (bitmap[expected - 1] & (0xff >> (length % 8))) !== 0) {
        throw new SluiceError('ERR_PROTOCOL', `the peer selected more entries than the ${length} of the offer`);
    }
}
/** The same bytes as ascending ranges that do not touch each other, none of them empty. */
export function normalise(ranges) {
    const sorted = [...ranges].filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start);
    const joined = [];
    for (const { start, end } of sorted) {
        const last = joined.at(-1);
        if (last !== undefined && start <= last.end)
            last.end = Math.max(last.end, end);
        else
            joined.push({ start, end });
    }
    return joined;
}
/** The bytes that are in both; both must be as `normalise` gives them, and so is what comes out. */
export function intersect(some, others) {
    const common = [];
    for (let i = 0, j = 0; i < some.length && j < others.length;) {
        const [a, b] = [some[i], others[j]];
        const start = Math.max(a.start, b.start);
        const end = Math.min(a.end, b.end);
        if (start < end)
            common.push({ start, end });
        if (a.end < b.end)
            i++;
        else
            j++;
    }
    return common;
}
/**
 * The ranges of the entries that `bitmap` wants, all without one: entries of an offer, of which the bitmap's first bit
 * is the first. One of unknown size reaches up to 2^53 − 1.
 */
export function rangesOf(entries, bitmap) {
    const ranges = [];
    for (const [i, { start, size }] of entries.entries()) {
        if (size === 0 || (bitmap !== undefined && !isWanted(bitmap, i)))
            continue;
        const end = size === null ? Number.MAX_SAFE_INTEGER : start + size;
        const last = ranges.at(-1);
        if (last?.end === start)
            last.end = end;
        else
            ranges.push({ start, end });
    }
    return ranges;
}
/** The place in `entries` of the one that owns the byte at `position`; -1 if there is none. By binary search. */
export function entryAt(entries, position) {
    let low = 0;
    let high = entries.length;
    while (low < high) {
        const middle = (low + high) >>> 1;
        if (entries[middle].start <= position)
            low = middle + 1;
        else
            high = middle;
    }
    const found = entries[low - 1];
    if (found === undefined)
        return -1;
    return found.size === null || position < found.start + found.size ? low - 1 : -1;
}
//# sourceMappingURL=positions.js.map