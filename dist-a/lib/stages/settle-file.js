import { printable, SluiceError } from '../errors.js';
import { digestFile } from '../files/digest-file.js';
import { diskError } from '../files/disk-error.js';
import { openRegular } from '../files/fs.js';
import { nameOf, parentOf } from '../files/names.js';
import { createDigest } from './digests.js';
import { failureOf } from './outcomes.js';
/** Errors that every other file would have, too. */
export const FATAL = new Set([
    'ERR_DISK_FULL',
    'ERR_READ_ONLY',
    'ERR_UNSAFE_LINK',
    'ERR_STATE',
]);
/**
 * Ends one file: compares its digest with the sender's, and only if they are the same gives it its name. What can
 * be of no use any more is removed. Throws only what concerns the whole transfer.
 */
export async function settleFile({ entry, part, digest, failure }, sent, options) {
    const { path } = entry;
    const failed = (error, left) => {
        return { outcome: { entry, path, status: 'failed', error }, part: left };
    };
    // its part, if there is one, was taken down where it failed
    if (failure)
        return failed(failure, 'kept');
    try {
        if (sent.failure !== undefined) {
            return failed(failureOf(entry, sent.failure, 'the sender could not send it to its end'), await drop(part));
        }
        if (!part || !sent.digest) {
            await part?.close();
            return failed(failureOf(entry, 'ERR_DIGEST', 'nothing to compare it with; it is not published'), 'kept');
        }
        // where bytes came with gaps, what stands on disk is what counts
        const found = digest ?? (await part.digest(createDigest(options.algorithm)));
        if (!found.equals(sent.digest)) {
            const details = { path, expected: sent.digest, found };
            return failed(new SluiceError('ERR_DIGEST', mismatch(path), details), await drop(part));
        }
        return { outcome: await publishPart(entry, part, sent.digest, options), part: stateOf(part) };
    }
    catch (reason) {
        const error = diskError(reason, 'publish', path);
        if (FATAL.has(error.code))
            throw error;
        // other content has the name: that would be so the next time, too
        if (error.code === 'ERR_CONFLICT')
            await drop(part);
        await part?.close();
        return failed(error, stateOf(part));
    }
}
async function publishPart(entry, part, digest, { fs, algorithm, conflict, durability, unless }) {
    const { path } = entry;
    const size = entry.size ?? (await part.size());
    const asked = nameOf(part.path);
    const { how, name, warning } = await part.complete({
        conflict,
        durability,
        identical: (there) => {
            if (unless === 'nothing')
                return Promise.resolve(false);
            if (unless === 'identical')
                return isIdentical(fs, there, size, algorithm, digest);
            return isSettledByTime(fs, there, asked, { ...entry, size }, unless);
        },
    });
    const folder = parentOf(part.path);
    const full = folder === '' ? name : `${folder}/${name}`;
    const outcome = { entry, path, status: 'published', digest };
    if (full !== path)
        outcome.name = full;
    if (warning)
        outcome.error = warning;
    if (how === 'identical')
        return { ...outcome, status: 'skipped', reason: unless };
    if (how === 'skipped')
        return { ...outcome, status: 'skipped', reason: 'conflict' };
    return outcome;
}
function stateOf(part) {
    return part?.exists ? 'kept' : 'gone';
}
/** Removes a part that is of no use; where that fails, a later run does it. */
async function drop(part) {
    await part?.discard().catch(() => { });
    return stateOf(part);
}
/** What the journal is to say of it. */
export function journalEnd({ status, name, digest, error }, part) {
    if (status === 'failed')
        return { state: 'failed', code: error.code, part };
    return { state: 'completed', name, digest, part };
}
/** Whether the regular file at `path` has this size and this digest. */
async function isIdentical(fs, path, size, algorithm, digest) {
    const { fd, stats } = await openRegular(fs, path);
    try {
        if (stats.size !== size)
            return false;
        return (await digestFile(fs, fd, createDigest(algorithm))).equals(digest);
    }
    finally {
        await fs.close(fd);
    }
}
/** Whether the file under the very name is as old and as large, or newer. */
async function isSettledByTime(fs, path, asked, { size, mtime }, unless) {
    if (!path.endsWith(`/${asked}`))
        return false;
    const stats = await fs.lstat(path);
    const there = Math.floor(stats.mtimeMs);
    return unless === 'newer' ? there >= mtime : there === mtime && stats.size === size;
}
function mismatch(path) {
    return `the content of ${printable(path)} does not match its digest; it is not published`;
}
//# sourceMappingURL=settle-file.js.map