/** A digest that is being computed. */
export interface Digest {
    /** Bytes of the result. */
    readonly length: number;
    /** Takes the next bytes; gives itself. */
    update(bytes: Uint8Array): Digest;
    /** The result; the object is used up by it. */
    digest(): Buffer;
}
type Native = typeof import('@napi-rs/blake-hash');
type Wasm = typeof import('hash-wasm');
/** Where BLAKE3 comes from; a parameter, so that a machine without the native module can be tested. */
export interface Blake3Loaders {
    /** Throws where there is no native module for this platform. */
    native(): Native;
    wasm(): Promise<Wasm>;
}
/** What {@link makeDigests} gives: the algorithms of this machine. */
export interface Digests {
    /**
     * Makes an algorithm ready. Only `blake3` without its native module needs the wait; everywhere else the other
     * functions work without it. Throws as `digestLength` does.
     */
    prepareDigest(algorithm: string): Promise<void>;
    /**
     * Bytes of a digest. Throws `ERR_UNSUPPORTED` if this machine does not have the algorithm, or if its results are
     * of no fixed length (SHAKE) and so cannot be compared.
     */
    digestLength(algorithm: string): number;
    /** A digest to feed bit by bit. Throws as `digestLength` does. */
    createDigest(algorithm: string): Digest;
    /** The digest of what is there already: for small files, cheaper than an object for each. */
    digestOf(algorithm: string, bytes: Uint8Array): Buffer;
}
/** The algorithms that a digest may have: `blake3` and all of `crypto.getHashes()` of a fixed length. */
export declare function makeDigests(loaders?: Blake3Loaders): Digests;
/** Makes an algorithm ready on this machine; see {@link Digests}. */
export declare const prepareDigest: (algorithm: string) => Promise<void>;
/** Bytes of a digest; see {@link Digests}. `ERR_UNSUPPORTED` if this machine does not have the algorithm. */
export declare const digestLength: (algorithm: string) => number;
/** A digest to feed bit by bit; see {@link Digests}. */
export declare const createDigest: (algorithm: string) => Digest;
/** The digest of what is there already; see {@link Digests}. */
export declare const digestOf: (algorithm: string, bytes: Uint8Array) => Buffer;
export {};
