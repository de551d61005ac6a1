import { openRegular, readFully } from './fs.js';
import { RecordReader } from './journal-records.js';
/** A million files with long names stay below it. */
const LARGEST = 512 * 1024 * 1024;
const PIECE = 64 * 1024;
/**
 * Reads a journal; undefined if it is not one, or not to be trusted: no regular file of its own, too large, garbage.
 * A torn tail and torn lines are dropped.
 */
export async function readJournal(fs, path) {
    const { fd, stats } = await openRegular(fs, path);
    try {
        if (stats.nlink !== 1 || stats.size > LARGEST)
            return undefined;
        const reader = new RecordReader();
        const books = new Books();
        const buffer = Buffer.allocUnsafe(PIECE);
        for (let position = 0; position < stats.size;) {
            const got = await readFully(fs, fd, buffer, position);
            if (got === 0)
                break;
            position += got;
            for (const record of reader.push(buffer.subarray(0, got)))
                books.take(record);
            // the first line is the owner's; what has none is not read to its end
            if (books.owner === undefined)
                return undefined;
        }
        return books.close(stats);
    }
    finally {
        await fs.close(fd).catch(() => { });
    }
}
/** Adds up the records. */
class Books {
    owner;
    #transfer = '';
    #isReleased = false;
    #until = 0;
    #files = new Map();
    take(record) {
        if (record.kind === 'owner') {
            this.owner ??= record.owner;
            this.#transfer ||= record.transfer;
            return;
        }
        if ('at' in record)
            this.#until = Math.max(this.#until, record.at);
        if (record.kind === 'released')
            this.#isReleased = true;
        else if (record.kind === 'completed')
            this.#files.delete(record.n);
        else if (record.kind === 'failed' && record.part === 'gone')
            this.#files.delete(record.n);
        else if (record.kind === 'begin') {
            const { n, path, target = path, size, mtime, part, at } = record;
            this.#files.set(n, { path, target, size, mtime, part, at });
        }
        else if (record.kind === 'part') {
            const file = this.#files.get(record.n);
            if (file)
                this.#files.set(record.n, { ...file, part: record.part, at: record.at });
        }
    }
    close(stats) {
        if (!this.owner)
            return undefined;
        return {
            transfer: this.#transfer,
            owner: this.owner,
            isReleased: this.#isReleased,
            until: this.#until,
            unfinished: [...this.#files.values()],
            stats,
        };
    }
}
//# sourceMappingURL=read-journal.js.map