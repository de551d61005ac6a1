import { constants } from 'node:fs';
import { errorCode, SystemError } from './disk-error.js';
export { blockingFileSystem, makeFileSystem, nodeFileSystem } from './node-fs.js';
// Windows knows neither O_NOFOLLOW nor O_DIRECTORY nor O_NONBLOCK: what they do is checked by hand there.
const NOFOLLOW = constants.O_NOFOLLOW ?? 0;
const NONBLOCK = constants.O_NONBLOCK ?? 0;
/** Flags for `open`, in the combinations that are safe. */
export const OPEN = {
    /** A new file that nobody else has, never through a link. */
    create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NOFOLLOW,
    /** What stands there, for reading. Not blocking: four pipes would hold the whole thread pool. */
    read: constants.O_RDONLY | NOFOLLOW | NONBLOCK,
    /** What stands there, for reading and writing. */
    update: constants.O_RDWR | NOFOLLOW | NONBLOCK,
    /** A folder, not a link to one. */
    directory: constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | NOFOLLOW | NONBLOCK,
    /** A folder, or a link to one: for paths that are the user's choice. */
    anyDirectory: constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | NONBLOCK,
};
/**
 * Opens a regular file that stands there already, never through a link, never waiting for a pipe. Fails with the
 * system codes ELOOP (a link), EISDIR (a folder) and ENXIO (pipe, socket, device).
 * @param flags {@link OPEN}`.read` or `.update`
 */
export async function openRegular(fs, path, flags = OPEN.read) {
    // where O_NOFOLLOW is missing, the link is looked for first and the inode compared afterwards
    const before = NOFOLLOW === 0 || fs.platform === 'win32' ? await fs.lstat(path) : undefined;
    if (before?.isSymbolicLink())
        throw new SystemError('ELOOP', 'open', 'a link');
    const fd = await fs.open(path, flags);
    try {
        const stats = await fs.fstat(fd);
        if (stats.isDirectory())
            throw new SystemError('EISDIR', 'open', 'a folder');
        if (!stats.isFile())
            throw new SystemError('ENXIO', 'open', 'not a regular file');
        if (before && !sameInode(before, stats))
            throw new SystemError('ELOOP', 'open', 'changed while it was opened');
        return { fd, stats };
    }
    catch (error) {
        await fs.close(fd).catch(() => { });
        throw error;
    }
}
/** Whether both are one file under two names. */
export function sameInode(a, b) {
    return a.ino === b.ino && a.dev === b.dev;
}
/** How often a positioned read or write that was only disturbed (EINTR, EAGAIN) is done again. */
const MOST_RETRIES = 100;
async function undisturbed(act) {
    for (let tries = 0;; tries++) {
        try {
            return await act();
        }
        catch (error) {
            const code = errorCode(error);
            // done again at the same position, so that nothing is written or read twice
            if (tries === MOST_RETRIES || (code !== 'EINTR' && code !== 'EAGAIN'))
                throw error;
        }
    }
}
/**
 * Writes all of `buffers` from `position`. A write may take fewer bytes than given; one that takes none means that
 * the disk is full, and becomes ENOSPC. The number of bytes that stand is unknown after an error.
 */
export async function writeFully(fs, fd, buffers, position) {
    let total = 0;
    for (const buffer of buffers)
        total += buffer.length;
    let rest = buffers;
    let done = 0;
    while (done < total) {
        const now = rest;
        const taken = await undisturbed(() => fs.write(fd, now, position + done));
        if (taken === 0) {
            throw new SystemError('ENOSPC', 'write', `${done} of ${total} bytes were taken at position ${position}`);
        }
        done += taken;
        if (done < total)
            rest = after(rest, taken);
    }
}
/** The buffers without their first `taken` bytes. */
function after(buffers, taken) {
    let index = 0;
    let skip = taken;
    while (skip >= buffers[index].length)
        skip -= buffers[index++].length;
    return [buffers[index].subarray(skip), ...buffers.slice(index + 1)];
}
/** Fills `buffer` from `position`; gives the number of bytes, fewer than its length only where the file ends. */
export async function readFully(fs, fd, buffer, position) {
    let done = 0;
    while (done < buffer.length) {
        const got = await undisturbed(() => fs.read(fd, buffer, done, buffer.length - done, position + done));
        if (got === 0)
            break;
        done += got;
    }
    return done;
}
/** Codes of file systems that cannot sync a folder, and of Windows, where a folder is never open for writing. */
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
const CANNOT_SYNC_WINDOWS = new Set(['EPERM', 'EACCES', 'EBADF', 'EISDIR']);
/** Syncs the names in the folder that is open as `fd`; does nothing where the system has no such thing. */
export async function syncDirectory(fs, fd) {
    try {
        await fs.fsync(fd);
    }
    catch (error) {
        const code = errorCode(error) ?? '';
        if (CANNOT_SYNC.has(code) || (fs.platform === 'win32' && CANNOT_SYNC_WINDOWS.has(code)))
            return;
        throw error;
    }
}
//# sourceMappingURL=fs.js.map