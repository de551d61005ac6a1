import { crc32 } from 'node:zlib';
/** Version of the journal's format. */
export const JOURNAL_VERSION = 1;
/** No record is longer: a path has at most 4,096 bytes, and JSON may make six of each. */
const LONGEST_LINE = 64 * 1024;
/** The records as lines, each with its own check before it. */
export function encodeRecords(records) {
    let text = '';
    for (const record of records) {
        const json = JSON.stringify(record);
        text += `${checkOf(json)} ${json}\n`;
    }
    return Buffer.from(text);
}
/** Reads records from bytes that come in pieces. A line whose check does not fit is dropped: torn, or not ours. */
export class RecordReader {
    /** Lines that were dropped. */
    dropped = 0;
    #rest = Buffer.alloc(0);
    /** The records that are complete now. */
    push(piece) {
        const records = [];
        let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
        for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10)) {
            const record = decode(bytes.subarray(0, end));
            bytes = bytes.subarray(end + 1);
            if (record)
                records.push(record);
            else
                this.dropped++;
        }
        if (bytes.length > LONGEST_LINE) {
            bytes = Buffer.alloc(0);
            this.dropped++;
        }
        this.#rest = Buffer.from(bytes);
        return records;
    }
}
function checkOf(json) {
    return crc32(json).toString(16).padStart(8, '0');
}
function decode(line) {
    const json = line.toString('utf8', 9);
    if (line.length < 11 || line[8] !== 32 || line.toString('latin1', 0, 8) !== checkOf(json))
        return undefined;
    try {
        const value = JSON.parse(json);
        return isRecord(value) ? value : undefined;
    }
    catch {
        return undefined;
    }
}
const text = (value) => typeof value === 'string';
const whole = (value) => Number.isSafeInteger(value) && value >= 0;
const time = (value) => Number.isFinite(value);
const maybe = (shape) => (value) => value === undefined || shape(value);
const OWNER = { pid: whole, start: text, host: text, boot: text, token: text };
const SHAPES = {
    owner: {
        version: (value) => value === JOURNAL_VERSION,
        transfer: text,
        owner: (value) => fits(value, OWNER),
    },
    begin: {
        n: whole,
        path: text,
        size: (value) => value === null || whole(value),
        mtime: time,
        target: maybe(text),
        part: text,
        at: time,
    },
    part: { n: whole, part: text, at: time },
    alive: { at: time },
    completed: { n: whole, name: maybe(text), digest: maybe(text) },
    failed: { n: whole, code: text, part: (value) => value === 'kept' || value === 'gone' },
    released: { at: time },
};
function isRecord(value) {
    if (typeof value !== 'object' || value === null || !('kind' in value))
        return false;
    const { kind } = value;
    return (typeof kind === 'string' &&
        Object.hasOwn(SHAPES, kind) &&
        fits(value, SHAPES[kind]));
}
function fits(value, shape) {
    if (typeof value !== 'object' || value === null)
        return false;
    return Object.entries(shape).every(([key, holds]) => holds(value[key]));
}
//# sourceMappingURL=journal-records.js.map