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
//# sourceMappingURL=pieces.js.map