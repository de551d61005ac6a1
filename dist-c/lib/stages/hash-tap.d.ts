import { Transform } from 'node:stream';
/**
 * Puts the digest of each whole file on its last cut, by the algorithm of the offer, when all of the file passed from
 * its first byte on without a gap. Everything passes; nothing is held back. Of files that were begun and left, the
 * 16 that were begun last are remembered.
 *
 * Errors: `ERR_UNSUPPORTED` if this machine does not have the algorithm, `ERR_STATE` if data comes before an offer,
 * `ERR_PROTOCOL` if a later offer has another algorithm.
 */
export declare function hashTap(): Transform;
