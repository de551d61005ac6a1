import type { Readable } from 'node:stream';
import { SluiceError } from '../errors.js';
import { type FileSystem } from '../files/fs.js';
import { type Limits } from '../wire/limits.js';
import { type Offer } from '../wire/manifest.js';
import type { Source } from './source-file.js';
/** What is offered, and how to read it here. Only the offer is ever sent. */
export interface Manifest {
    offer: Offer;
    /** Per entry of the offer, in its order; `undefined` for folders and links. */
    sources: readonly (Source | undefined)[];
    /** What was met and is not offered: `path`, and as `code` `ERR_SKIPPED`, `ERR_UNSENDABLE` or `ERR_SOURCE_READ`. */
    skipped: readonly SluiceError[];
}
/** What makes an offer, of {@link manifestFrom} and {@link manifestOf} alike. */
export interface OfferOptions {
    /** Hash algorithm of all digests: `sha256` (default), `blake3`, or one of `crypto.getHashes()`. */
    algorithm?: string;
    /** 32 hexadecimal digits; random by default. */
    id?: string;
    /** The offer before in the same transfer: this one goes on where it ends, with its id and its algorithm. */
    after?: Offer;
}
/** What {@link manifestOf} takes. */
export interface ManifestOptions extends OfferOptions {
    /** A short name for people; that of the first argument, and how many more there are, by default. */
    name?: string;
    /** Symbolic links inside of folders: left out and reported (default), or kept as links. */
    symlinks?: 'skip' | 'keep';
    /** Patterns as in `.gitignore`, matched against the paths of the offer: only what matches, and the folders that lead there. */
    include?: readonly string[];
    /** Patterns as in `.gitignore`, matched against the paths of the offer: all but what matches. */
    exclude?: readonly string[];
    /** Honours the `.gitignore` files that are found, each from its folder down. */
    gitignore?: boolean;
    /** What the receiver takes: `entries`, `path`, `name` and `depth` count here. */
    limits?: Partial<Limits>;
    fs?: FileSystem;
}
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
export declare function manifestOf(paths: readonly string[], options?: ManifestOptions): Promise<Manifest>;
/**
 * The manifest of one file whose content is read from `stream` and whose size is not known beforehand.
 * Throws `ERR_USAGE` and `ERR_UNSUPPORTED`.
 */
export declare function manifestFrom(stream: Readable, options: OfferOptions & {
    name: string;
}): Manifest;
