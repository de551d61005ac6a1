import { KeyObject } from 'node:crypto';
import type { Transform } from 'node:stream';
import type { WireStage } from './wire-stage.js';
/** What {@link encryption}, {@link encrypt} and {@link decrypt} take. */
export interface EncryptionOptions {
    /** 32 random bytes (not a password), or a secret KeyObject of that size. Both sides have the same. */
    key: Uint8Array | KeyObject;
}
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
export declare function encryption(options: EncryptionOptions): WireStage;
/** {@link encryption} as a plain Transform for a hand-made pipeline: a preface with its format, then the sealed stream. */
export declare function encrypt(options: EncryptionOptions): Transform;
/** Undoes {@link encrypt}. Fails as {@link encryption} does, with `ERR_FORMATS` if the other end has another stage. */
export declare function decrypt(options: EncryptionOptions): Transform;
