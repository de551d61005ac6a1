import type { Limits } from './limits.js';
/** The msgpack values that a message may hold: integers are safe ones, and there are no floats and no extensions. */
export type Packed = null | boolean | number | string | Uint8Array | Packed[] | {
    [key: string]: Packed | undefined;
};
/** Packs a map. Integers beyond 32 bits become 64-bit integers: left to itself, msgpackr makes floats of them. */
export declare function pack(map: {
    [key: string]: Packed | undefined;
}): Buffer;
/**
 * Unpacks exactly one map, after a look at every byte of it: msgpackr by itself takes duplicate keys, extensions,
 * invalid UTF-8 and trailing bytes.
 * @throws SluiceError `ERR_PROTOCOL`, or `ERR_LIMIT` for its depth and the number of its lists
 */
export declare function unpack(payload: Buffer, limits: Limits): Record<string, Packed>;
