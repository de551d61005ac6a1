import { SluiceError } from '../errors.js';
import { FrameType } from './frames.js';
/** Kinds of entries and outcomes, by the number that stands for them in a tuple. */
export const ENTRY_TYPES = ['file', 'directory', 'symlink'];
export const STATUSES = ['published', 'skipped', 'failed'];
/** UTF-8 bytes of a name for people: that of an offer, of an agent. */
export const NAME_BYTES = 255;
/** Bytes of the longest digest that there is. */
const DIGEST_BYTES = 64;
const FEATURES = 64;
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;
const WORD = /^[!-~]{1,64}$/;
const ID = /^[0-9a-f]{32}$/;
const integer = (least, most = Number.MAX_SAFE_INTEGER) => (value) => Number.isSafeInteger(value) && value >= least && value <= most;
const text = (most) => (value, limits) => typeof value === 'string' && fits(value, most(limits));
/** The bytes of a short text need not be counted. */
const fits = (value, most) => value.length <= most && (value.length * 3 <= most || Buffer.byteLength(value) <= most);
const matching = (pattern) => (value) => typeof value === 'string' && pattern.test(value);
const binary = (least, most = Number.POSITIVE_INFINITY) => (value) => value instanceof Uint8Array && value.length >= least && value.length <= most;
const either = (...checks) => (value, limits) => checks.some((check) => check(value, limits));
/** A list of at least one tuple; the parts behind `required` may be left out. Errors name the item. */
const tuples = (required, ...parts) => (value, limits) => {
    if (!Array.isArray(value) || value.length === 0)
        return false;
    for (const [number, tuple] of value.entries()) {
        if (!Array.isArray(tuple) || tuple.length < required || tuple.length > parts.length) {
            throw bad(`item ${number} is not a list of ${required} to ${parts.length} parts`);
        }
        for (const [i, part] of tuple.entries()) {
            if (!parts[i](part, limits))
                throw bad(`part ${i} of item ${number} is not what belongs there`);
        }
    }
    return true;
};
function bad(what) {
    return new SluiceError('ERR_PROTOCOL', `the peer sent a bad list: ${what}`);
}
/** A map in a map, of positive integers. */
const numbers = (...known) => (value) => typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    Object.entries(value).every(([key, number]) => known.includes(key) && positive(number, NO_LIMITS));
const NO_LIMITS = {};
const positive = integer(1);
const count = integer(0);
const boolean = (value) => typeof value === 'boolean';
const nothing = (value) => value === null;
const reason = text((limits) => limits.errorText);
const name = text(() => NAME_BYTES);
/** Paths are checked with their entries, where they can be named; a payload bounds them already. */
const path = (value) => typeof value === 'string';
const shortPath = text((limits) => limits.path);
const code = matching(CODE);
const word = matching(WORD);
/** Every message of version 1. */
export const SHAPES = {
    offer: {
        frame: FrameType.OFFER,
        required: { id: matching(ID), name, algorithm: word, entries: count, bytes: count },
    },
    entries: {
        frame: FrameType.ENTRIES,
        required: {
            // type, path, size, mtime, mode, target
            entries: tuples(5, integer(0, ENTRY_TYPES.length - 1), path, either(count, nothing), integer(Number.MIN_SAFE_INTEGER), integer(0, 0o7777), path),
        },
    },
    digests: {
        frame: FrameType.DIGESTS,
        // index, digest or failure, size
        required: { digests: tuples(2, count, either(binary(1, DIGEST_BYTES), code), count) },
    },
    end: { frame: FrameType.END, required: {} },
    hello: {
        frame: FrameType.HELLO,
        required: {
            version: integer(1, 255),
            agent: name,
            features: (value, limits) => Array.isArray(value) && value.length <= FEATURES && value.every((feature) => word(feature, limits)),
        },
        optional: { limits: numbers('frame', 'message', 'entries', 'manifest') },
    },
    answer: {
        frame: FrameType.ANSWER,
        required: { offer: count, accept: boolean },
        optional: { reason, want: binary(0) },
        together: ({ accept, reason: why, want }) => accept === true && why !== undefined
            ? 'that accepts, with a reason'
            : accept === false && want !== undefined
                ? 'that rejects, with a selection'
                : undefined,
    },
    outcomes: {
        frame: FrameType.OUTCOMES,
        // index, status, name, code
        required: {
            outcomes: tuples(2, count, integer(0, STATUSES.length - 1), either(shortPath, nothing), code),
        },
    },
    pause: { frame: FrameType.PAUSE, required: {} },
    resume: { frame: FrameType.RESUME, required: {} },
    cancel: { frame: FrameType.CANCEL, required: {}, optional: { reason } },
    ping: { frame: FrameType.PING, required: {} },
    result: {
        frame: FrameType.RESULT,
        required: {
            status: (value) => value === 'completed' || value === 'failed',
            published: count,
            skipped: count,
            failed: count,
            bytes: count,
        },
    },
    error: { frame: FrameType.ERROR, required: { code, text: reason } },
};
//# sourceMappingURL=shapes.js.map