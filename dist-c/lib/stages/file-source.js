import { Readable } from 'node:stream';
import { SluiceError } from '../errors.js';
import { nodeFileSystem } from '../files/fs.js';
import { DEFAULT_LIMITS } from '../wire/limits.js';
import { isWanted } from '../wire/positions.js';
import { systemClock } from './clock.js';
import { checkRanges, readPlan } from './read-plan.js';
import { SourceReader } from './source-reader.js';
import { Turns } from './turns.js';
/**
 * Reads a manifest as items: the offer, then runs in the order of the stream. A file that cannot be read or is no
 * longer what the manifest says ends with a `failure` instead of its last cut (`ERR_SOURCE_READ`,
 * `ERR_SOURCE_CHANGED`), and the others go on at their own positions. Reads one run ahead. A stream in the manifest
 * is destroyed together with this one.
 *
 * Throws `ERR_USAGE` for an option; a promise that is rejected or gives bad ranges fails the stream.
 */
export function fileSource(manifest, options = {}) {
    return new FileSource(manifest, options);
}
class FileSource extends Readable {
    #manifest;
    #chosen;
    #maxRun;
    #clock;
    #stop = new AbortController();
    #reader;
    #items;
    /** The item that is being read while downstream works on the one before. */
    #ahead;
    constructor(manifest, options) {
        const { maxRun = DEFAULT_LIMITS.frame, fs = nodeFileSystem, clock = systemClock, signal } = options;
        const { ranges, wanted, onFailure } = options;
        if (!manifest?.offer || !Array.isArray(manifest.sources)) {
            throw new SluiceError('ERR_USAGE', 'manifest: must come from manifestOf() or manifestFrom()');
        }
        if (!Number.isInteger(maxRun) || maxRun < 1 || maxRun > DEFAULT_LIMITS.frame) {
            const message = `maxRun: must be a whole number from 1 to ${DEFAULT_LIMITS.frame} bytes`;
            throw new SluiceError('ERR_USAGE', message, { found: maxRun });
        }
        if (Array.isArray(ranges))
            checkRanges(ranges, manifest.offer);
        super({ objectMode: true, highWaterMark: 1, ...(signal && { signal }) });
        this.#manifest = manifest;
        this.#maxRun = maxRun;
        this.#clock = clock;
        this.#chosen = Promise.all([ranges, wanted]);
        // it may be rejected before it is waited for, or when nobody waits for it any more
        this.#chosen.catch(() => { });
        this.#reader = new SourceReader(manifest, { fs, clock, maxRun, signal: this.#stop.signal, onFailure });
        this.#items = this.#produce();
    }
    _read() {
        const next = this.#ahead ?? this.#items.next();
        next.then(({ value, done }) => {
            this.#ahead = done ? undefined : this.#items.next();
            // heard of when it is taken, or not at all when the stream is destroyed before
            this.#ahead?.catch(() => { });
            this.push(done ? null : value);
        }, (error) => this.destroy(error));
    }
    _destroy(error, done) {
        this.#stop.abort();
        if (error || !this.readableEnded) {
            for (const source of this.#manifest.sources)
                if (source && 'stream' in source)
                    source.stream.destroy();
        }
        // after the call that is under way: a handle closed in mid-read could by then be that of another file
        this.#items.return(undefined).then(() => done(error), done);
    }
    async *#produce() {
        const { offer } = this.#manifest;
        yield { kind: 'offer', offer };
        const [ranges, wanted] = await this.#choice();
        if (ranges)
            checkRanges(ranges, offer);
        const wants = ({ index }) => wanted === undefined || isWanted(wanted, index - offer.first);
        const turns = new Turns(this.#clock);
        try {
            for (const step of readPlan(offer, ranges, wants, this.#maxRun)) {
                yield* this.#reader.items(step);
                await turns.give();
            }
        }
        finally {
            await this.#reader.close();
        }
    }
    /** The answer may never come: then the end of the stream does. */
    async #choice() {
        const { signal } = this.#stop;
        let stop = () => { };
        const stopped = new Promise((_resolve, reject) => {
            stop = () => reject(signal.reason);
            signal.addEventListener('abort', stop);
        });
        try {
            return await Promise.race([this.#chosen, stopped]);
        }
        finally {
            signal.removeEventListener('abort', stop);
        }
    }
}
//# sourceMappingURL=file-source.js.map