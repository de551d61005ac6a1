import { Transform } from 'node:stream';
import { SluiceError } from '../errors.js';
import { DEFAULT_LIMITS } from '../wire/limits.js';
import { ManifestReader } from '../wire/manifest.js';
import { Cutter } from './cutter.js';
import { digestLength } from './digests.js';
/**
 * Takes frames and gives items: learns the offers, cuts the data by its position in the stream, refuses bytes outside
 * the plan, gaps that nothing explains, and an end without a digest for every file.
 *
 * Errors: `ERR_PROTOCOL`, `ERR_LIMIT`, `ERR_PATH`, `ERR_UNSUPPORTED` (hash algorithm), `ERR_TRUNCATED`.
 */
export class Demuxer extends Transform {
    #manifest;
    #cutter = new Cutter();
    #onOffer;
    #state = 'offer';
    constructor({ limits, names, platform, onOffer = () => undefined } = {}) {
        super({ objectMode: true, highWaterMark: 1 });
        this.#manifest = new ManifestReader({ ...DEFAULT_LIMITS, ...limits }, { names, platform });
        this.#onOffer = onOffer;
    }
    _transform(frame, _encoding, done) {
        try {
            const offer = this.#take(frame);
            if (offer === undefined)
                return done();
            this.#accept(offer).then(() => done(), done);
        }
        catch (error) {
            done(error);
        }
    }
    _flush(done) {
        if (this.#state === 'ended')
            return done();
        done(new SluiceError('ERR_TRUNCATED', 'the stream ended before the end of the transfer'));
    }
    /** Gives the offer, when this frame completes one. */
    #take(frame) {
        if (frame.kind === 'data') {
            this.#expect('data', 'data');
            this.push(this.#cutter.cut(frame.position, frame.length, frame.chunks));
            return undefined;
        }
        const { message, size } = frame;
        switch (message.type) {
            case 'offer':
                this.#expect('an offer', 'offer', 'data');
                this.#state = 'entries';
                return this.#manifest.offer(message);
            case 'entries':
                this.#expect('entries', 'entries');
                return this.#manifest.entries(message, size);
            case 'digests':
                this.#expect('digests', 'data');
                return this.#digests(message.digests);
            case 'end':
                this.#expect('the end', 'data');
                return this.#end();
            default:
                throw new SluiceError('ERR_PROTOCOL', `${message.type} does not belong into the river`);
        }
    }
    async #accept(offer) {
        const length = digestLength(offer.algorithm);
        const want = await this.#onOffer(offer);
        this.#cutter.add(offer, length, want);
        this.#state = 'data';
        this.push({ kind: 'offer', offer, ...(want && { want }) });
    }
    #digests(records) {
        const cuts = [];
        const digests = this.#cutter.digests(records, cuts);
        this.#giveEmpty(cuts);
        this.push({ kind: 'digests', digests });
    }
    #end() {
        const cuts = [];
        this.#cutter.finish(cuts);
        this.#giveEmpty(cuts);
        this.#state = 'ended';
    }
    /** Folders and empty files, a bounded number to a run. */
    #giveEmpty(cuts) {
        for (let from = 0; from < cuts.length; from += CUTS_PER_RUN) {
            const some = cuts.slice(from, from + CUTS_PER_RUN);
            const { entry, offset } = some[0];
            this.push({ kind: 'run', position: entry.start + offset, length: 0, cuts: some });
        }
    }
    #expect(what, ...states) {
        if (states.includes(this.#state))
            return;
        throw new SluiceError('ERR_PROTOCOL', `the peer sent ${what} where it does not belong`, {
            expected: states,
            found: this.#state,
        });
    }
}
const CUTS_PER_RUN = 256;
/** @see Demuxer */
export function demuxer(options) {
    return new Demuxer(options);
}
//# sourceMappingURL=demuxer.js.map