/**
 * The format `encryption-1`: a stream sealed in chunks (the STREAM construction of Hoang, Reyhanitabar, Rogaway
 * and Vizár, 2015, as in the payload of age, but with chunks of any length, so that nothing waits to fill one).
 *
 * ```
 * stream    header · chunk … · last chunk
 * header    48 bytes: salt (32 random bytes) · mark (16 bytes that only the sealing side can tell from random)
 * chunk     kind u8 · length u24be · ciphertext (length bytes) · tag (16 bytes)
 *           kind 0: length 1 … 65536
 *           kind 1: length 0; the last chunk, nothing may follow it
 * stream key   HKDF-SHA-256(secret = key, salt = header, info = "sluice encryption-1", 32 bytes)
 * nonce        12 bytes: number of the chunk as u88be, from 0 · kind u8
 * sealed by    ChaCha20-Poly1305 (RFC 8439), the 4 bytes of kind and length as associated data
 * mark         HMAC-SHA-256(secret of the stage object, salt), the first 16 bytes
 * ```
 * Each stream has a key of its own, so numbers may begin at 0 and no chunk fits into another stream. A chunk
 * that was changed, moved, repeated or left out does not open; a stream that is cut has no last chunk. No byte
 * is given out before its tag was checked.
 */
import { type KeyObject } from 'node:crypto';
/** Header for one stream; `secret` lets {@link isOwnHeader} know it again. */
export declare function makeHeader(secret: Buffer, salt?: Buffer): Buffer;
/** Whether `header` was made with this `secret`: whoever sends it to us sends our own bytes back. */
export declare function isOwnHeader(secret: Buffer, header: Buffer): boolean;
/** Seals one stream. */
export declare class Sealer {
    #private;
    constructor(key: KeyObject, header: Buffer);
    /** Everything in `chunks`, in as few sealed chunks as it fits in. */
    seal(chunks: Buffer[]): Generator<Buffer, void>;
    /** The mark that the stream ends here. */
    finish(): Generator<Buffer, void>;
}
/** Opens one stream, however it is split. */
export declare class Opener {
    #private;
    /** `checkHeader` may refuse a stream by throwing. */
    constructor(key: KeyObject, checkHeader: (header: Buffer) => void);
    /** What becomes readable with these bytes. */
    open(chunks: Buffer[]): Generator<Buffer, void>;
    /** Throws `ERR_TRUNCATED` unless the end was seen. */
    finish(): void;
}
