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
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, } from 'node:crypto';
import { SluiceError } from '../errors.js';
const ALGORITHM = 'chacha20-poly1305';
const INFO = 'sluice encryption-1';
const SALT = 32;
const MARK = 16;
const HEADER = SALT + MARK;
const PREFIX = 4;
const TAG = 16;
const MAX_CHUNK = 64 * 1024;
const DATA = 0;
const LAST = 1;
/** Header for one stream; `secret` lets {@link isOwnHeader} know it again. */
export function makeHeader(secret, salt = randomBytes(SALT)) {
    return Buffer.concat([salt, markOf(secret, salt)]);
}
/** Whether `header` was made with this `secret`: whoever sends it to us sends our own bytes back. */
export function isOwnHeader(secret, header) {
    return markOf(secret, header.subarray(0, SALT)).equals(header.subarray(SALT));
}
function markOf(secret, salt) {
    return createHmac('sha256', secret).update(salt).digest().subarray(0, MARK);
}
function streamKey(key, header) {
    return Buffer.from(hkdfSync('sha256', key, header, INFO, 32));
}
function nonceOf(number, kind) {
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64BE(BigInt(number), 3);
    nonce[11] = kind;
    return nonce;
}
/** Seals one stream. */
export class Sealer {
    #key;
    #header;
    #number = 0;
    constructor(key, header) {
        this.#key = streamKey(key, header);
        this.#header = header;
    }
    /** Everything in `chunks`, in as few sealed chunks as it fits in. */
    *seal(chunks) {
        let group = [];
        let room = MAX_CHUNK;
        for (const chunk of chunks) {
            for (let start = 0; start < chunk.length;) {
                const part = chunk.subarray(start, start + room);
                group.push(part);
                start += part.length;
                room -= part.length;
                if (room > 0)
                    continue;
                yield this.#chunk(DATA, group);
                group = [];
                room = MAX_CHUNK;
            }
        }
        if (group.length > 0)
            yield this.#chunk(DATA, group);
    }
    /** The mark that the stream ends here. */
    *finish() {
        yield this.#chunk(LAST, []);
    }
    #chunk(kind, parts) {
        let length = 0;
        for (const part of parts)
            length += part.length;
        const header = this.#header;
        this.#header = undefined;
        let at = header?.length ?? 0;
        const sealed = Buffer.allocUnsafe(at + PREFIX + length + TAG);
        header?.copy(sealed);
        const prefix = sealed.subarray(at, at + PREFIX);
        prefix.writeUInt32BE(kind * 2 ** 24 + length);
        at += PREFIX;
        const cipher = createCipheriv(ALGORITHM, this.#key, nonceOf(this.#number++, kind), { authTagLength: TAG });
        cipher.setAAD(prefix, { plaintextLength: length });
        for (const part of parts)
            at += cipher.update(part).copy(sealed, at);
        cipher.final();
        cipher.getAuthTag().copy(sealed, at);
        return sealed;
    }
}
/** Opens one stream, however it is split. */
export class Opener {
    #key;
    #checkHeader;
    #buffer = Buffer.allocUnsafe(MAX_CHUNK + TAG);
    #filled = 0;
    #need = HEADER;
    #streamKey;
    #prefix;
    #number = 0;
    #ended = false;
    /** `checkHeader` may refuse a stream by throwing. */
    constructor(key, checkHeader) {
        this.#key = key;
        this.#checkHeader = checkHeader;
    }
    /** What becomes readable with these bytes. */
    *open(chunks) {
        for (let chunk of chunks) {
            while (chunk.length > 0) {
                if (this.#ended)
                    throw new SluiceError('ERR_DECRYPT', 'bytes follow the end of the encrypted stream');
                const unit = this.#gather(chunk);
                chunk = chunk.subarray(unit.taken);
                const opened = unit.bytes && this.#unit(unit.bytes);
                if (opened && opened.length > 0)
                    yield opened;
            }
        }
    }
    /** Throws `ERR_TRUNCATED` unless the end was seen. */
    finish() {
        if (this.#ended)
            return;
        throw new SluiceError('ERR_TRUNCATED', 'the encrypted stream ends without its mark of the end');
    }
    // A view where the whole unit stands in one chunk, else a copy: a unit that comes byte by byte costs no more.
    #gather(chunk) {
        if (this.#filled === 0 && chunk.length >= this.#need) {
            return { taken: this.#need, bytes: chunk.subarray(0, this.#need) };
        }
        const taken = chunk.copy(this.#buffer, this.#filled, 0, this.#need - this.#filled);
        this.#filled += taken;
        if (this.#filled < this.#need)
            return { taken };
        this.#filled = 0;
        return { taken, bytes: this.#buffer.subarray(0, this.#need) };
    }
    #unit(bytes) {
        if (!this.#streamKey) {
            this.#checkHeader(bytes);
            this.#streamKey = streamKey(this.#key, bytes);
            this.#need = PREFIX;
            return undefined;
        }
        if (this.#prefix)
            return this.#body(this.#streamKey, this.#prefix, bytes);
        const kind = bytes[0];
        const length = bytes.readUIntBE(1, 3);
        const valid = kind === DATA ? length >= 1 && length <= MAX_CHUNK : kind === LAST && length === 0;
        if (!valid)
            throw unreadable(this.#number);
        this.#prefix = Buffer.from(bytes);
        this.#need = length + TAG;
        return undefined;
    }
    #body(key, prefix, bytes) {
        const length = bytes.length - TAG;
        const kind = prefix[0];
        const decipher = createDecipheriv(ALGORITHM, key, nonceOf(this.#number, kind), { authTagLength: TAG });
        decipher.setAAD(prefix, { plaintextLength: length });
        decipher.setAuthTag(bytes.subarray(length));
        const opened = decipher.update(bytes.subarray(0, length));
        try {
            decipher.final();
        }
        catch (cause) {
            throw unreadable(this.#number, cause);
        }
        this.#number++;
        this.#prefix = undefined;
        this.#need = PREFIX;
        this.#ended = kind === LAST;
        return opened;
    }
}
function unreadable(number, cause) {
    return new SluiceError('ERR_DECRYPT', `chunk ${number} of the encrypted stream does not open: another key, or the bytes were changed on the way`, { cause });
}
//# sourceMappingURL=sealed-stream.js.map