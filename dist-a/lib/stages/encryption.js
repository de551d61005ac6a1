import { createSecretKey, KeyObject, randomBytes } from 'node:crypto';
import { SluiceError } from '../errors.js';
import { incomingOf, outgoingOf } from './by-hand.js';
import { ByteStage } from './byte-stage.js';
import { isOwnHeader, makeHeader, Opener, Sealer } from './sealed-stream.js';
/**
 * A wire stage that encrypts and authenticates with a shared key (ChaCha20-Poly1305 in chunks of at most
 * 64 KiB; the format is described in `sealed-stream.ts`). It gives out what it is given at once. The incoming
 * side fails with `ERR_DECRYPT` (another key; changed, reordered or repeated bytes) or `ERR_TRUNCATED`. A bad
 * option throws `ERR_USAGE` at once.
 *
 * Make one for each side of a connection: the incoming side refuses every stream that the same object's
 * outgoing side made, so that nobody can send our own bytes back to us. What it cannot notice is a *recorded*
 * stream of somebody else with the same key, or of another object, played to us later: where that matters, use
 * a key per connection, or a connection that proves who is there (TLS, Noise).
 */
export function encryption(options) {
    const key = checkedKey(options.key);
    const secret = randomBytes(32);
    const refuseOwn = (header) => {
        if (!isOwnHeader(secret, header))
            return;
        throw new SluiceError('ERR_DECRYPT', 'this encrypted stream was made by this very stage: either it was reflected on the way, or one stage object serves both sides; make one for each');
    };
    return {
        format: 'encryption-1',
        outgoing: () => new Encryptor(new Sealer(key, makeHeader(secret))),
        incoming: () => new Decryptor(new Opener(key, refuseOwn)),
    };
}
/** {@link encryption} as a plain Transform for a hand-made pipeline: a preface with its format, then the sealed stream. */
export function encrypt(options) {
    return outgoingOf(encryption(options));
}
/** Undoes {@link encrypt}. Fails as {@link encryption} does, with `ERR_FORMATS` if the other end has another stage. */
export function decrypt(options) {
    return incomingOf(encryption(options));
}
// A copy: the caller may wipe its own. The message never shows the key.
function checkedKey(key) {
    if (key instanceof KeyObject) {
        if (key.type === 'secret' && key.symmetricKeySize === 32)
            return key;
    }
    else if (key instanceof Uint8Array && key.length === 32) {
        return createSecretKey(key);
    }
    throw new SluiceError('ERR_USAGE', 'key: must be 32 bytes (Buffer or Uint8Array) or a secret KeyObject of 32 bytes');
}
class Encryptor extends ByteStage {
    #sealer;
    constructor(sealer) {
        super();
        this.#sealer = sealer;
    }
    convert(chunks) {
        return this.#sealer.seal(chunks);
    }
    finish() {
        return this.#sealer.finish();
    }
}
class Decryptor extends ByteStage {
    #opener;
    constructor(opener) {
        super();
        this.#opener = opener;
    }
    convert(chunks) {
        return this.#opener.open(chunks);
    }
    finish() {
        this.#opener.finish();
        return [][Symbol.iterator]();
    }
}
//# sourceMappingURL=encryption.js.map