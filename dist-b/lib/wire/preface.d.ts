/**
 * The first bytes of every stream. As in PNG (RFC 2083, section 3.1) a byte with the high bit, both line ends and an
 * end-of-file mark are among them, so that a connection in text mode is noticed at once.
 */
export declare const MAGIC: Buffer<ArrayBuffer>;
/** The version of the protocol. */
export declare const VERSION = 1;
/** Magic, version u8, number of formats u8, and each format as length u8 and ASCII text. */
export declare function encodePreface(formats: readonly string[]): Buffer;
/** Parses a preface from chunks of any size. */
export declare class PrefaceParser {
    #private;
    /**
     * Takes a chunk; once the preface is complete, gives its formats and what follows it.
     * @throws SluiceError `ERR_NOT_SLUICE` at the first byte that is none of ours, `ERR_VERSION`, `ERR_PROTOCOL`
     */
    push(chunk: Buffer): {
        formats: string[];
        rest: Buffer;
    } | undefined;
}
/**
 * Checks that both sides have the same wire stages.
 * @throws SluiceError `ERR_FORMATS`, naming both lists
 */
export declare function checkFormats(expected: readonly string[], found: readonly string[]): void;
