import { Transform } from 'node:stream';
import { printable, SluiceError } from '../errors.js';
import { nodeFileSystem } from '../files/fs.js';
import { checkPath } from '../wire/paths.js';
import { isWanted } from '../wire/positions.js';
import { inSlices } from './at-most.js';
import { Destination } from './destination.js';
import { checkCount, checkOption } from './options.js';
import { piecesOf } from './pieces.js';
import { RunWriter } from './run-writer.js';
/**
 * Puts what arrives on disk, each file beside its name as `name.part`: folders before their files, the cuts of a
 * file in order, all of a run before it gives out the files that ended (`stored`) and takes the next. Checks every
 * path of an offer again, and the room on the disk. A file that cannot be written fails alone; when the disk is full
 * or read-only, or a link stands in the place of a folder, the stream ends. Parts stay for a later run.
 *
 * Errors: `ERR_PATH`, `ERR_PROTOCOL`, `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_UNSAFE_LINK`, `ERR_PERMISSION` and
 * `ERR_WRITE` of the folder itself.
 */
export function partSink(options) {
    return new PartSink(options);
}
class PartSink extends Transform {
    #options;
    #destination;
    /** The entries that were offered, in order. */
    #entries = [];
    #writer;
    #working = Promise.resolve();
    #stopped = false;
    constructor(options) {
        super({ objectMode: true, highWaterMark: 1 });
        const { fs = nodeFileSystem, concurrency = 16, handles = 64 } = options;
        const { durability = 'crash', names = 'native', platform = fs.platform } = options;
        if (typeof options.dir !== 'string' || options.dir === '') {
            throw new SluiceError('ERR_USAGE', 'dir must be the path of a folder', { found: options.dir });
        }
        checkOption('durability', durability, ['crash', 'power']);
        checkOption('names', names, ['native', 'portable']);
        checkCount('concurrency', concurrency);
        this.#options = { ...options, fs, concurrency, handles, durability, names, platform };
        this.#destination = new Destination(this.#options);
        this.#destination.hold();
        this.#writer = new RunWriter(this.#destination, concurrency);
    }
    _transform(item, _encoding, done) {
        this.#working = this.#take(item).then(() => done(), done);
    }
    _flush(done) {
        this.#working = this.#end().then(() => done(), done);
    }
    _destroy(error, done) {
        this.#stopped = true;
        this.#working
            .then(() => this.#writer.settle())
            .catch(() => { }) // it came too late to matter
            .then(() => this.#destination.release())
            .then(() => done(error), done);
    }
    async #take(item) {
        switch (item.kind) {
            case 'offer':
                return this.#offer(item);
            case 'run':
                return this.#run(item);
            case 'digests':
                this.#give(await this.#writer.giveUp(item.digests));
                this.push(item);
                return;
            default:
                this.push(item);
        }
    }
    async #offer(item) {
        const { offer, want } = item;
        let bytes = 0;
        await inSlices(offer.entries, (entry) => {
            this.#checkPath(entry);
            if (want === undefined || isWanted(want, entry.index - offer.first))
                bytes += entry.size ?? 0;
        });
        await this.#destination.learn(offer);
        if (bytes > 0)
            await this.#destination.checkRoom(bytes);
        this.#entries = this.#entries.concat(offer.entries);
        this.push({ ...item, destination: this.#destination });
    }
    async #run(run) {
        const pieces = piecesOf(run.cuts);
        for (const piece of pieces)
            this.#check(piece);
        this.#give(await this.#writer.write(pieces, () => this.#stopped));
    }
    async #end() {
        this.#give(await this.#writer.settle());
        const path = this.#writer.unfinished?.path;
        if (path === undefined)
            return;
        throw new SluiceError('ERR_TRUNCATED', `the input ended in the middle of ${printable(path)}`, { path });
    }
    #give(files) {
        if (files.length > 0)
            this.push({ kind: 'stored', files });
    }
    #check({ entry, offset, length }) {
        const offered = this.#entries[entry.index];
        if (offered === undefined)
            throw refuse('is not in the offer', entry);
        // a stage in between may have changed it
        if (offered !== entry)
            this.#checkPath(entry);
        if (entry.size !== null && offset + length > entry.size)
            throw refuse(`has only ${entry.size} bytes`, entry);
    }
    #checkPath({ path }) {
        checkPath(path, this.#options);
    }
}
function refuse(what, { path }) {
    return new SluiceError('ERR_PROTOCOL', `the entry ${printable(path, 200)} ${what}`, { path });
}
//# sourceMappingURL=part-sink.js.map