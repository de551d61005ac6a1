import { Transform, type TransformCallback } from 'node:stream';
import type { Frame } from '../wire/frame-parser.js';
import { type Limits } from '../wire/limits.js';
import { type Offer } from '../wire/manifest.js';
import type { PathRules } from '../wire/paths.js';
import type { Bitmap } from '../wire/positions.js';
export interface DemuxerOptions extends Pick<PathRules, 'names' | 'platform'> {
    limits?: Partial<Limits>;
    /**
     * Asked once an offer is complete and checked, before anything of it is passed on. What it gives says which of the
     * entries will come, one bit each; without it, all. A rejection ends the stream with its error.
     */
    onOffer?: (offer: Offer) => Promise<Bitmap | undefined> | Bitmap | undefined;
}
/**
 * Takes frames and gives items: learns the offers, cuts the data by its position in the stream, refuses bytes outside
 * the plan, gaps that nothing explains, and an end without a digest for every file.
 *
 * Errors: `ERR_PROTOCOL`, `ERR_LIMIT`, `ERR_PATH`, `ERR_UNSUPPORTED` (hash algorithm), `ERR_TRUNCATED`.
 */
export declare class Demuxer extends Transform {
    #private;
    constructor({ limits, names, platform, onOffer }?: DemuxerOptions);
    _transform(frame: Frame, _encoding: BufferEncoding, done: TransformCallback): void;
    _flush(done: TransformCallback): void;
}
/** @see Demuxer */
export declare function demuxer(options?: DemuxerOptions): Demuxer;
