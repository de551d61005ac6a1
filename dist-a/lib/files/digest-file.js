import { readFully } from './fs.js';
/** Bytes that are read at once: to digest more would hold the event loop. */
const READ_SIZE = 512 * 1024;
/** The digest of all that stands in an open file. */
export async function digestFile(fs, fd, hasher) {
    const buffer = Buffer.allocUnsafe(READ_SIZE);
    for (let position = 0;;) {
        const got = await readFully(fs, fd, buffer, position);
        hasher.update(buffer.subarray(0, got));
        position += got;
        if (got < buffer.length)
            return hasher.digest();
    }
}
//# sourceMappingURL=digest-file.js.map