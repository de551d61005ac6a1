import type { Transform } from 'node:stream';
import type { WireStage } from './wire-stage.js';
/** What {@link gzip} takes, and {@link compression} too. */
export interface LevelOptions {
    /** gzip: 1 (fast) to 9 (small), 6 by default; brotli: 0 to 11, 4 by default. */
    level?: number;
}
/** What {@link gunzip} takes, and {@link compression} too. */
export interface RatioOptions {
    /**
     * How many bytes may come out for one byte that goes in, over the whole stream but for its first MiB: 1100 by
     * default, `Infinity` for no cap. An outgoing side with the same cap never makes what the incoming side would
     * refuse, not even of zeros.
     */
    maxRatio?: number;
}
/** What {@link compression} takes. */
export interface CompressionOptions extends LevelOptions, RatioOptions {
    /** `gzip` by default. Both sides need the same one. */
    algorithm?: 'gzip' | 'brotli';
}
/**
 * A wire stage that compresses. Its format is the name of the algorithm. When no more input is there, it
 * flushes what it holds. The incoming side fails with `ERR_CORRUPT`, `ERR_TRUNCATED`, or `ERR_LIMIT` at the
 * ratio cap; a bad option throws `ERR_USAGE` at once.
 *
 * Beside encryption it must stand first (`[compression(), encryption({ key })]`); an observer then learns from
 * the lengths how well the content could be compressed.
 */
export declare function compression(options?: CompressionOptions): WireStage;
/**
 * Compresses with gzip, in a hand-made pipeline whose other end has {@link gunzip}: the format is named in a
 * preface ahead of the gzip data. Throws `ERR_USAGE` on a bad option. For files in gzip format, `node:zlib`.
 */
export declare function gzip(options?: LevelOptions): Transform;
/** Undoes {@link gzip}. Fails as {@link compression} does, with `ERR_FORMATS` if the other end has another stage. */
export declare function gunzip(options?: RatioOptions): Transform;
