import { SluiceError } from '../errors.js';
import { FrameType, frameHeader } from './frames.js';
import { DEFAULT_LIMITS } from './limits.js';
import { pack, unpack } from './msgpack.js';
import { ENTRY_TYPES, NAME_BYTES, SHAPES, STATUSES } from './shapes.js';
const TYPE_OF_FRAME = new Map(Object.entries(SHAPES).map(([type, { frame }]) => [frame, type]));
/**
 * A message as a whole frame: header and payload. Texts for people are cut to what every peer takes; all else is
 * trusted to be in range.
 */
export function encodeMessage(message) {
    const payload = pack(packed(message));
    return Buffer.concat([frameHeader(SHAPES[message.type].frame, payload.length), payload]);
}
function packed(message) {
    switch (message.type) {
        case 'offer': {
            const { id, name, algorithm, entries, bytes } = message;
            return { id, name: shortened(name, NAME_BYTES), algorithm, entries, bytes };
        }
        case 'entries':
            return { entries: message.entries.map(entryTuple) };
        case 'digests':
            return { digests: message.digests.map(digestTuple) };
        case 'outcomes':
            return { outcomes: message.outcomes.map(outcomeTuple) };
        case 'hello': {
            const { version, agent, features, limits } = message;
            return { version, agent: shortened(agent, NAME_BYTES), features, limits };
        }
        case 'answer': {
            const { offer, accept, reason, want } = message;
            return { offer, accept, reason: reason === undefined ? undefined : shortened(reason), want };
        }
        case 'cancel':
            return message.reason === undefined ? {} : { reason: shortened(message.reason) };
        case 'result': {
            const { status, published, skipped, failed, bytes } = message;
            return { status, published, skipped, failed, bytes };
        }
        case 'error':
            return { code: message.code, text: shortened(message.text) };
        default:
            return {};
    }
}
const utf8 = new TextEncoder();
const room = Buffer.alloc(DEFAULT_LIMITS.errorText);
/** As many whole characters as `bytes` of UTF-8 hold; lone surrogates are replaced. */
function shortened(text, bytes = room.length) {
    const { written } = utf8.encodeInto(text, room.subarray(0, bytes));
    return room.toString('utf8', 0, written);
}
function entryTuple({ type, path, size, mtime, mode, target }) {
    const tuple = [ENTRY_TYPES.indexOf(type), path, size, mtime, mode];
    if (target !== undefined)
        tuple.push(target);
    return tuple;
}
function digestTuple({ index, digest, failure, size }) {
    const tuple = [index, digest ?? failure];
    if (size !== undefined)
        tuple.push(size);
    return tuple;
}
function outcomeTuple({ index, status, name, code }) {
    const tuple = [index, STATUSES.indexOf(status)];
    if (name !== undefined || code !== undefined)
        tuple.push(name ?? null);
    if (code !== undefined)
        tuple.push(code);
    return tuple;
}
/**
 * Refuses frames of types that have no message: to be asked before a payload is waited for.
 * @throws SluiceError `ERR_PROTOCOL`
 */
export function checkFrameType(frameType) {
    if (frameType === FrameType.DATA || TYPE_OF_FRAME.has(frameType))
        return;
    const type = `0x${frameType.toString(16).padStart(2, '0')}`;
    throw new SluiceError('ERR_PROTOCOL', frameType === FrameType.SIGNATURE
        ? `the peer sent a frame of type ${type} (SIGNATURE), which version 1 only reserves`
        : `the peer sent a frame of the unknown type ${type}`, { found: frameType });
}
/**
 * The message in the payload of a frame, after a check of every part of it. It holds on to nothing of the payload.
 * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`
 */
export function decodeMessage(frameType, payload, limits) {
    const type = TYPE_OF_FRAME.get(frameType);
    if (type === undefined) {
        checkFrameType(frameType);
        throw new SluiceError('ERR_PROTOCOL', 'DATA is no message');
    }
    const map = unpack(payload, limits);
    const { required, optional = {}, together } = SHAPES[type];
    for (const key of Object.keys(required)) {
        if (!Object.hasOwn(map, key))
            throw refuse(type, `without ${key}`);
    }
    for (const [key, value] of Object.entries(map)) {
        const keys = Object.hasOwn(required, key) ? required : optional;
        // An unknown key is not ignored: what would change the meaning must be agreed as a feature first.
        if (!Object.hasOwn(keys, key))
            throw refuse(type, `with the unknown key ${key}`);
        if (!keys[key](value, limits))
            throw refuse(type, `with a bad ${key}`);
    }
    const fault = together?.(map);
    if (fault !== undefined)
        throw refuse(type, fault);
    return unpacked(type, map);
}
/** Trusts the map: its shape was checked. */
function unpacked(type, map) {
    switch (type) {
        case 'entries':
            return { type, entries: map.entries.map(entryOf) };
        case 'digests':
            return { type, digests: map.digests.map(digestOf) };
        case 'outcomes':
            return { type, outcomes: map.outcomes.map(outcomeOf) };
        default:
            return { ...map, type };
    }
}
function entryOf([type, path, size, mtime, mode, target]) {
    const entry = { type: ENTRY_TYPES[type], path, size, mtime, mode };
    if (target !== undefined)
        entry.target = target;
    return entry;
}
function digestOf([index, said, size]) {
    const record = typeof said === 'string' ? { index, failure: said } : { index, digest: said };
    if (size !== undefined)
        record.size = size;
    return record;
}
function outcomeOf([index, status, name, code]) {
    const record = { index, status: STATUSES[status] };
    if (name != null)
        record.name = name;
    if (code !== undefined)
        record.code = code;
    return record;
}
function refuse(type, what) {
    return new SluiceError('ERR_PROTOCOL', `the peer sent ${type} ${what}`);
}
//# sourceMappingURL=messages.js.map