import test from 'ava';
import fc from 'fast-check';
import { isSluiceError } from '../../lib/errors.js';
import { HEADER_BYTES } from '../../lib/wire/frames.js';
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js';
import { decodeMessage, encodeMessage } from '../../lib/wire/messages.js';
import { scale } from '../helpers/scale.js';
function decode(frame) {
    return decodeMessage(frame[0], frame.subarray(HEADER_BYTES), DEFAULT_LIMITS);
}
const count = fc.maxSafeNat();
const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 }).map((array) => Buffer.from(array));
const code = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,30}$/);
const optional = (arbitrary) => fc.option(arbitrary, { nil: undefined });
const defined = (record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
const MESSAGES = fc
    .oneof(fc.record({
    type: fc.constant('offer'),
    id: fc.stringMatching(/^[0-9a-f]{32}$/),
    name: text,
    algorithm: fc.constantFrom('sha256', 'blake3', 'RSA-SHA512/256'),
    entries: count,
    bytes: count,
}), fc.record({
    type: fc.constant('entries'),
    entries: fc.array(fc
        .record({
        type: fc.constantFrom('file', 'directory', 'symlink'),
        path: text,
        size: fc.option(count),
        mtime: fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
        mode: fc.nat(0o7777),
        target: optional(text),
    })
        .map(defined), { minLength: 1 }),
}), fc.record({
    type: fc.constant('digests'),
    digests: fc.array(fc
        .tuple(count, fc.oneof(bytes, code), optional(count))
        .map(([index, said, size]) => defined({ index, ...(typeof said === 'string' ? { failure: said } : { digest: said }), size })), { minLength: 1 }),
}), fc
    .record({
    type: fc.constant('hello'),
    version: fc.constant(1),
    agent: text,
    features: fc.array(fc.stringMatching(/^[!-~]{1,64}$/), { maxLength: 64 }),
    limits: optional(fc.record({ frame: positive, message: positive, entries: positive, manifest: positive }, { requiredKeys: [] })),
})
    .map(defined), fc
    .record({
    type: fc.constant('answer'),
    offer: count,
    accept: fc.constant(false),
    reason: optional(text),
})
    .map(defined), fc.record({ type: fc.constant('answer'), offer: count, accept: fc.constant(true), want: bytes }), fc.record({
    type: fc.constant('outcomes'),
    outcomes: fc.array(fc
        .record({
        index: count,
        status: fc.constantFrom('published', 'skipped', 'failed'),
        name: optional(text),
        code: optional(code),
    })
        .map(defined), { minLength: 1 }),
}), fc.record({
    type: fc.constant('result'),
    status: fc.constantFrom('completed', 'failed'),
    published: count,
    skipped: count,
    failed: count,
    bytes: count,
}), fc.record({ type: fc.constant('error'), code, text }), fc.record({ type: fc.constant('cancel'), reason: optional(text) }).map(defined), fc.constantFrom('end', 'pause', 'resume', 'ping').map((type) => ({ type })))
    .map((message) => message);
test('every message comes out as it went in', (t) => {
    fc.assert(fc.property(MESSAGES, (message) => {
        t.deepEqual(decode(encodeMessage(message)), message);
    }), { numRuns: scale(500, 20_000) });
});
test('whatever bytes come as a message, it is a message or an error of ours, in constant memory', (t) => {
    const mutated = fc
        .tuple(MESSAGES, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }))
        .map(([message, changes]) => {
        const frame = Buffer.from(encodeMessage(message));
        for (const [at, byte] of changes)
            frame[HEADER_BYTES + (at % (frame.length - HEADER_BYTES))] = byte;
        return frame;
    });
    const random = fc
        .tuple(fc.constantFrom(1, 2, 4, 5, 0x20, 0x21, 0x22, 0x23, 0x28, 0x29), fc.uint8Array({ minLength: 1, maxLength: 200 }))
        .map(([type, payload]) => Buffer.concat([Buffer.from([type, 0, 0, 0, 0]), payload]));
    fc.assert(fc.property(fc.oneof(mutated, random), (frame) => {
        try {
            const again = decode(frame);
            return again.type.length > 0;
        }
        catch (error) {
            if (!isSluiceError(error))
                throw error;
            return error.code === 'ERR_PROTOCOL' || error.code === 'ERR_LIMIT';
        }
    }), { numRuns: scale(2000, 200_000) });
    t.pass();
});
test('HOSTILE-INPUT 58: a long error text is cut when it is said, and refused when it is heard', (t) => {
    const said = decode(encodeMessage({ type: 'error', code: 'ERR_WRITE', text: '\u{1f600}'.repeat(10_000) }));
    t.true(said.type === 'error' && Buffer.byteLength(said.text) <= 1024 && said.text.isWellFormed());
    const limits = { ...DEFAULT_LIMITS, errorText: 10 };
    const frame = encodeMessage({ type: 'error', code: 'ERR_WRITE', text: 'more than ten bytes' });
    t.throws(() => decodeMessage(frame[0], frame.subarray(HEADER_BYTES), limits), { code: 'ERR_PROTOCOL' });
});
test('names for people are cut to what a peer takes, and made valid', (t) => {
    const hello = decode(encodeMessage({ type: 'hello', version: 1, agent: 'ü'.repeat(200), features: [] }));
    t.like(hello, { agent: 'ü'.repeat(127) });
    const head = { id: '0'.repeat(32), algorithm: 'sha256', entries: 0, bytes: 0 };
    const offer = decode(encodeMessage({ type: 'offer', ...head, name: 'a\ud800b' }));
    t.like(offer, { name: 'a\ufffdb' });
    for (const message of [
        { type: 'cancel', reason: 'x'.repeat(2000) },
        { type: 'answer', offer: 0, accept: false, reason: 'x'.repeat(2000) },
    ]) {
        t.like(decode(encodeMessage(message)), { reason: 'x'.repeat(1024) });
    }
});
test('a message outlives the buffer that it was read from', (t) => {
    const frame = encodeMessage({ type: 'digests', digests: [{ index: 0, digest: Buffer.alloc(32, 7) }] });
    const message = decode(frame);
    frame.fill(0);
    t.deepEqual(message, { type: 'digests', digests: [{ index: 0, digest: Buffer.alloc(32, 7) }] });
});
test('data is no message', (t) => {
    t.throws(() => decodeMessage(0x03, Buffer.alloc(9), DEFAULT_LIMITS), { code: 'ERR_PROTOCOL' });
});
//# sourceMappingURL=messages.test.js.map