import { randomBytes } from 'node:crypto';
import { posix, win32 } from 'node:path';
import { printable, SluiceError } from '../errors.js';
import { nodeFileSystem } from '../files/fs.js';
import { DEFAULT_LIMITS } from '../wire/limits.js';
import { makeOffer } from '../wire/manifest.js';
import { digestLength } from './digests.js';
import { checkPatterns, Selection } from './selection.js';
import { Walk } from './walk.js';
/**
 * Lists files and folders with all that is in them, in the byte order of their names, parents before children.
 * `photos` becomes the entries `photos`, `photos/a.jpg` …; of `a/b/c` only the last name is sent, of `.` that of the
 * folder. An argument that is a symbolic link is followed and keeps its own name; links below are not followed.
 * Folders that cannot be read, special files and names that cannot be sent are in `skipped`. A file that cannot be
 * read is found when it is sent.
 *
 * Rejects with `ERR_USAGE`, `ERR_UNSUPPORTED` (algorithm), `ERR_NO_SUCH_FILE` and `ERR_SOURCE_READ` (an argument),
 * `ERR_DUPLICATE_NAME` (two arguments would arrive under one name), `ERR_LIMIT` (more than can be offered).
 */
export async function manifestOf(paths, options = {}) {
    const { symlinks = 'skip', include = [], exclude = [], gitignore = false, fs = nodeFileSystem, limits, } = options;
    if (!Array.isArray(paths) || paths.length === 0) {
        throw new SluiceError('ERR_USAGE', 'no path was given; name at least one file or folder to send');
    }
    if (symlinks !== 'skip' && symlinks !== 'keep') {
        throw new SluiceError('ERR_USAGE', `symlinks: must be 'skip' or 'keep', not ${printable(String(symlinks))}`);
    }
    const selection = new Selection(checkPatterns('include', include), checkPatterns('exclude', exclude), fs.platform);
    const roots = argumentsOf(paths, fs.platform, options.after);
    const builder = new Builder(options, options.name ?? nameOf(roots));
    const walk = new Walk(fs, selection, { keepLinks: symlinks === 'keep', gitignore, limits: { ...DEFAULT_LIMITS, ...limits } }, (found) => builder.add(found));
    for (const { given, path, name } of roots)
        await walk.argument(given, path, name);
    return builder.build(walk.skipped);
}
/**
 * The manifest of one file whose content is read from `stream` and whose size is not known beforehand.
 * Throws `ERR_USAGE` and `ERR_UNSUPPORTED`.
 */
export function manifestFrom(stream, options) {
    const { name } = options;
    if (typeof stream?.pipe !== 'function')
        throw new SluiceError('ERR_USAGE', 'stream: must be a Readable');
    if (typeof name !== 'string' || !/^(?!\.{1,2}$)[^/\0]+$/.test(name) || !name.isWellFormed()) {
        throw new SluiceError('ERR_USAGE', 'name: must be the name of a file, without folders', { found: name });
    }
    const builder = new Builder(options, name);
    const entry = { type: 'file', path: name, size: null, mtime: Date.now(), mode: 0o644 };
    builder.add({ ...entry, source: { stream } });
    // it may fail before it is read; that is heard of when it is
    stream.on('error', () => { });
    return builder.build([]);
}
/** Bytes of the name of an offer. */
const LONGEST_NAME = 255;
/** Numbers what is found and lays it end to end, one by one: all at once would hold others up. */
class Builder {
    #offer;
    #sources = [];
    constructor({ algorithm, id, after }, name) {
        const head = {
            id: id ?? after?.id ?? randomBytes(16).toString('hex'),
            name,
            algorithm: algorithm ?? after?.algorithm ?? 'sha256',
        };
        if (typeof name !== 'string' ||
            name === '' ||
            Buffer.byteLength(name) > LONGEST_NAME ||
            !name.isWellFormed()) {
            throw new SluiceError('ERR_USAGE', `name: must be a text of 1 to ${LONGEST_NAME} bytes`, {
                found: name,
            });
        }
        if (!/^[0-9a-f]{32}$/.test(head.id)) {
            throw new SluiceError('ERR_USAGE', 'id: must be 32 hexadecimal digits in lower case', { found: id });
        }
        digestLength(head.algorithm);
        if (after && (head.id !== after.id || head.algorithm !== after.algorithm)) {
            throw new SluiceError('ERR_USAGE', 'id, algorithm: are those of the offer that this one follows');
        }
        if (after?.entries.at(-1)?.size === null) {
            throw new SluiceError('ERR_STATE', 'nothing can follow a file of unknown size');
        }
        const before = after && {
            first: after.first + after.entries.length,
            position: after.position + after.bytes,
        };
        this.#offer = makeOffer(head, [], before);
    }
    add({ source, ...found }) {
        const { first, position, bytes, entries } = this.#offer;
        const start = position + bytes;
        if (!Number.isSafeInteger(start + (found.size ?? 0))) {
            const message = `${printable(found.path)} makes the total larger than 2^53 − 1 bytes`;
            throw new SluiceError('ERR_LIMIT', message, { path: found.path });
        }
        entries.push({ index: first + entries.length, ...found, start });
        this.#offer.bytes += found.size ?? 0;
        this.#sources.push(source);
    }
    build(skipped) {
        return { offer: this.#offer, sources: this.#sources, skipped };
    }
}
function argumentsOf(paths, platform, after) {
    const { resolve, basename } = platform === 'win32' ? win32 : posix;
    const taken = new Map();
    for (const { path } of after?.entries ?? [])
        if (!path.includes('/'))
            taken.set(path, path);
    return paths.map((given) => {
        if (typeof given !== 'string' || given === '' || given.includes('\0')) {
            throw new SluiceError('ERR_USAGE', `${printable(String(given))}: not a path`, { found: given });
        }
        const path = resolve(given);
        const name = basename(path);
        if (name === '') {
            const message = `${printable(given)}: the root of a disk has no name to arrive under; name the folders in it`;
            throw new SluiceError('ERR_USAGE', message, { path: given });
        }
        const other = taken.get(name);
        if (other !== undefined) {
            const message = `${printable(other)} and ${printable(given)} would both arrive as ${printable(name)}; send them one after the other, or rename one`;
            throw new SluiceError('ERR_DUPLICATE_NAME', message, { path: given });
        }
        taken.set(name, given);
        return { given, path, name };
    });
}
function nameOf(roots) {
    const name = roots[0].name;
    // such a name is reported when the file is found; here it only must not stand in the way of the others
    if (!name.isWellFormed() || Buffer.byteLength(name) > LONGEST_NAME)
        return `${roots.length} files or folders`;
    const more = roots.length > 1 ? ` and ${roots.length - 1} more` : '';
    return Buffer.byteLength(name + more) > LONGEST_NAME ? name : name + more;
}
//# sourceMappingURL=manifest-of.js.map