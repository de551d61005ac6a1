import { Transform } from 'node:stream';
import { SluiceError } from '../errors.js';
import { type FileSystem } from '../files/fs.js';
import type { Durability } from '../files/publish.js';
import type { UnfinishedFile } from '../files/read-journal.js';
import { type Names } from '../wire/paths.js';
export interface PartSinkOptions {
    /** The folder that files arrive in. It is made when the first of them comes. */
    dir: string;
    fs?: FileSystem;
    /** What a published file survives. Default 'crash'. */
    durability?: Durability;
    /** Which names are taken: what this platform can hold ('native', the default), or what every one can ('portable'). */
    names?: Names;
    /** Default: the platform of `fs`. */
    platform?: NodeJS.Platform;
    /** Files that are worked on at once. Default 16. */
    concurrency?: number;
    /** Files that are open at once. Default 64. */
    handles?: number;
    /**
     * Parts of interrupted transfers that are to stay, for one that goes on with them. Default: what has no living owner
     * is removed when the first file comes.
     */
    keep?: (file: UnfinishedFile) => boolean;
    /** Told what did not go as asked, and stops nothing. */
    warn?: (warning: SluiceError) => void;
}
/**
 * Puts what arrives on disk, each file beside its name as `name.part`: folders before their files, the cuts of a
 * file in order, all of a run before it gives out the files that ended (`stored`) and takes the next. Checks every
 * path of an offer again, and the room on the disk. A file that cannot be written fails alone; when the disk is full
 * or read-only, or a link stands in the place of a folder, the stream ends. Parts stay for a later run.
 *
 * Errors: `ERR_PATH`, `ERR_PROTOCOL`, `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_UNSAFE_LINK`, `ERR_PERMISSION` and
 * `ERR_WRITE` of the folder itself.
 */
export declare function partSink(options: PartSinkOptions): Transform;
