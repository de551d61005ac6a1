import { createHash, getHashes, hash } from 'node:crypto';
import { createRequire } from 'node:module';
import { printable, SluiceError } from '../errors.js';
const BLAKE3 = 'blake3';
const BLAKE3_LENGTH = 32;
const require = createRequire(import.meta.url);
const LOADERS = {
    native: () => require('@napi-rs/blake-hash'),
    wasm: () => import('hash-wasm'),
};
/** The algorithms that a digest may have: `blake3` and all of `crypto.getHashes()` of a fixed length. */
export function makeDigests(loaders = LOADERS) {
    const lengths = new Map([[BLAKE3, BLAKE3_LENGTH]]);
    let engine;
    const digestLength = (algorithm) => {
        let length = lengths.get(algorithm);
        if (length === undefined) {
            length = lengthOf(algorithm);
            lengths.set(algorithm, length);
        }
        return length;
    };
    // loaded when first asked for: most transfers do without
    const blake3 = () => {
        try {
            engine ??= nativeEngine(loaders.native());
        }
        catch (cause) {
            const message = `${BLAKE3}: no native module for this platform; await prepareDigest('${BLAKE3}') first`;
            throw new SluiceError('ERR_UNSUPPORTED', message, { cause });
        }
        return engine;
    };
    return {
        digestLength,
        async prepareDigest(algorithm) {
            digestLength(algorithm);
            if (algorithm !== BLAKE3 || engine)
                return;
            try {
                blake3();
            }
            catch {
                const wasm = await wasmEngine(await loaders.wasm());
                engine ??= wasm;
            }
        },
        createDigest(algorithm) {
            const length = digestLength(algorithm);
            return algorithm === BLAKE3 ? blake3().create() : new CryptoDigest(algorithm, length);
        },
        digestOf(algorithm, bytes) {
            digestLength(algorithm);
            return algorithm === BLAKE3 ? blake3().once(bytes) : hash(algorithm, bytes, 'buffer');
        },
    };
}
const here = makeDigests();
/** Makes an algorithm ready on this machine; see {@link Digests}. */
export const prepareDigest = here.prepareDigest;
/** Bytes of a digest; see {@link Digests}. `ERR_UNSUPPORTED` if this machine does not have the algorithm. */
export const digestLength = here.digestLength;
/** A digest to feed bit by bit; see {@link Digests}. */
export const createDigest = here.createDigest;
/** The digest of what is there already; see {@link Digests}. */
export const digestOf = here.digestOf;
/** Any other length than its own: only an algorithm of no fixed length (XOF) can give this one. */
const ODD_LENGTH = 5;
function lengthOf(algorithm) {
    // the exact name: createHash also takes others, which the peer may not have
    if (!getHashes().includes(algorithm))
        throw unsupported(algorithm, 'not known here');
    try {
        createHash(algorithm, { outputLength: ODD_LENGTH }).digest();
    }
    catch {
        return plainLength(algorithm);
    }
    throw unsupported(algorithm, 'of no fixed length, so that two digests cannot be compared');
}
function plainLength(algorithm) {
    try {
        return createHash(algorithm).digest().length;
    }
    catch (cause) {
        throw unsupported(algorithm, 'switched off here', cause);
    }
}
function unsupported(algorithm, why, cause) {
    const there = [BLAKE3, ...getHashes()].join(', ');
    const message = `the hash algorithm ${printable(String(algorithm), 64)} is ${why}; there are: ${there}`;
    return new SluiceError('ERR_UNSUPPORTED', message, { found: algorithm, cause });
}
class CryptoDigest {
    length;
    #hash;
    constructor(algorithm, length) {
        this.length = length;
        this.#hash = createHash(algorithm);
    }
    update(bytes) {
        this.#hash.update(bytes);
        return this;
    }
    digest() {
        return this.#hash.digest();
    }
}
function nativeEngine({ Blake3Hasher, blake3 }) {
    return {
        once: blake3,
        create() {
            const hasher = new Blake3Hasher();
            const digest = {
                length: BLAKE3_LENGTH,
                update(bytes) {
                    hasher.update(bytes);
                    return digest;
                },
                digest: () => hasher.digestBuffer(),
            };
            return digest;
        },
    };
}
/**
 * The one hasher of hash-wasm is made asynchronously and serves all digests: what it holds of one is saved when
 * another one goes on.
 */
async function wasmEngine({ createBLAKE3 }) {
    const hasher = await createBLAKE3();
    let current;
    const create = () => {
        const own = {};
        const turnTo = () => {
            if (current === own)
                return;
            if (current)
                current.state = hasher.save();
            if (own.state)
                hasher.load(own.state);
            else
                hasher.init();
            current = own;
        };
        const digest = {
            length: BLAKE3_LENGTH,
            update(bytes) {
                turnTo();
                hasher.update(bytes);
                return digest;
            },
            digest() {
                turnTo();
                current = undefined;
                return Buffer.from(hasher.digest('binary'));
            },
        };
        return digest;
    };
    return { create, once: (bytes) => create().update(bytes).digest() };
}
//# sourceMappingURL=digests.js.map