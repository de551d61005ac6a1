import { diskError } from '../files/disk-error.js';
import { parentOf } from '../files/names.js';
import { atMost } from './at-most.js';
import { FATAL } from './settle-file.js';
const NOTHING = Promise.resolve(undefined);
/**
 * Puts the pieces of runs on disk: folders before their files, several files at once, those of one file in order. What
 * fails for one file is its outcome; what would fail for all is thrown.
 */
export class RunWriter {
    #destination;
    #concurrency;
    /** Files that began and did not end. */
    #open = new Map();
    /** Files that failed, and of which more may come. */
    #failed = new Set();
    /** A write in the middle of a file, left behind while the next run is begun: the disk never waits for us. */
    #behind = NOTHING;
    constructor(destination, concurrency) {
        this.#destination = destination;
        this.#concurrency = concurrency;
    }
    /** The first file that began and did not end. */
    get unfinished() {
        const [first] = this.#open.values();
        return first?.entry;
    }
    /**
     * Writes them; gives the entries that ended, in order. One write in the middle of a file is not waited for, but the
     * next call waits for it.
     */
    async write(pieces, isStopped) {
        const [first] = pieces;
        if (first && pieces.length === 1 && !first.last && this.#open.get(first.entry.index)?.part.exists) {
            await this.#destination.alive();
            const before = this.#behind;
            this.#behind = this.#write(first);
            this.#behind.catch(() => { }); // heard of by the next call
            const file = await before;
            return file ? [file] : [];
        }
        return [...(await this.settle()), ...(await this.#writeAll(pieces, isStopped))];
    }
    /** Waits for the write that was left behind; gives its entry if that failed. */
    async settle() {
        const before = this.#behind;
        this.#behind = NOTHING;
        const file = await before;
        return file ? [file] : [];
    }
    async #writeAll(pieces, isStopped) {
        // the folder itself: its failure is not one of a file
        await this.#destination.tree();
        const stored = new Map();
        await this.#makeFolders(pieces, stored);
        const fresh = pieces.filter(({ entry }) => entry.type === 'file' && this.#isNew(entry));
        if (fresh.length === 0)
            await this.#destination.alive();
        else {
            const arrivals = await this.#destination.expect(fresh.map(({ entry }) => entry));
            for (const arrival of arrivals)
                this.#open.set(arrival.entry.index, arrival);
        }
        const writing = pieces.filter(({ entry }) => this.#open.has(entry.index));
        const write = async (piece) => {
            const file = await this.#write(piece);
            if (file)
                stored.set(piece.entry, file);
        };
        await atMost(this.#concurrency, writing, write, isStopped);
        return pieces.flatMap(({ entry }) => stored.get(entry) ?? []);
    }
    /** Files that the sender gave up will not end by themselves: gives those that began. */
    async giveUp(digests) {
        const files = await this.settle();
        for (const { entry, failure } of digests) {
            this.#failed.delete(entry.index);
            const arrival = this.#open.get(entry.index);
            if (failure === undefined || arrival === undefined)
                continue;
            this.#open.delete(entry.index);
            await arrival.part.close();
            files.push({ entry, part: arrival.part });
        }
        return files;
    }
    /** Folders, and those that files are in, in the order of the run. */
    async #makeFolders(pieces, stored) {
        const { folders } = this.#destination;
        for (const { entry } of pieces) {
            const { type, path, mode } = entry;
            if (type === 'file' && !this.#isNew(entry))
                continue;
            try {
                if (type === 'directory')
                    await folders.make(path, mode);
                if (type === 'file')
                    await folders.make(parentOf(path));
                else
                    stored.set(entry, { entry });
            }
            catch (error) {
                stored.set(entry, await this.#fail(entry, error));
            }
        }
    }
    async #write({ entry, offset, buffers, last, digest }) {
        const arrival = this.#open.get(entry.index);
        const { part } = arrival;
        try {
            if (!part.exists)
                await this.#destination.create(arrival);
            if (buffers.length > 0)
                await part.write(offset, buffers);
            if (!last)
                return undefined;
            // with a digest nothing is left to do on the file but to give it its name
            if (digest)
                await part.seal();
            this.#open.delete(entry.index);
            return digest ? { entry, part, digest } : { entry, part };
        }
        catch (error) {
            // the write before this one failed as well, and has said so
            if (!this.#open.delete(entry.index))
                return undefined;
            await part.close();
            return this.#fail(entry, error, part);
        }
    }
    /** One file failed, or all: then it throws. */
    async #fail(entry, error, part) {
        const failure = diskError(error, 'write', entry.path);
        if (FATAL.has(failure.code))
            throw await this.#destination.explain(failure, entry);
        this.#failed.add(entry.index);
        const left = part?.exists ? 'kept' : 'gone';
        await this.#destination.ended(entry, { state: 'failed', code: failure.code, part: left });
        return { entry, failure };
    }
    #isNew({ index }) {
        return !this.#open.has(index) && !this.#failed.has(index);
    }
}
//# sourceMappingURL=run-writer.js.map