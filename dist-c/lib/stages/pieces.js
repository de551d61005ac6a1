import { printable, SluiceError } from '../errors.js';
/** Puts together the cuts that follow each other in one entry, so that they take one write. */
export function piecesOf(cuts) {
    const pieces = [];
    for (const { entry, offset, bytes, last, digest } of cuts) {
        let piece = pieces.at(-1);
        if (piece === undefined || piece.entry !== entry || piece.offset + piece.length !== offset) {
            piece = { entry, offset, length: 0, buffers: [], last: false };
            pieces.push(piece);
        }
        if (bytes.length > 0)
            piece.buffers.push(bytes);
        piece.length += bytes.length;
        piece.last = last;
        if (digest)
            piece.digest = digest;
    }
    return pieces;
}
/**
 * That a piece is of an entry of the offer, and not more of it than there is; `checkPath` looks at an entry that is
 * another one than was offered, since a stage in between may have changed it. Throws `ERR_PROTOCOL`.
 */
export function checkPiece({ entry, offset, length }, offered, checkPath) {
    if (offered === undefined)
        throw refuse('is not in the offer', entry);
    if (offered !== entry)
        checkPath(entry);
    if (entry.size !== null && offset + length > entry.size) {
        throw refuse(`has only ${entry.size} bytes`, entry);
    }
}
function refuse(what, { path }) {
    return new SluiceError('ERR_PROTOCOL', `the entry ${printable(path, 200)} ${what}`, { path });
}
//# sourceMappingURL=pieces.js.map