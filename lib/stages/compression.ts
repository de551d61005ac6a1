import type { Transform } from 'node:stream'
import { constants, createBrotliCompress, createBrotliDecompress, createGunzip, createGzip } from 'node:zlib'
import { checkChoice, checkKeys, checkNumber, checkOption, checkWhole } from '../options.js'
import { HIGH_WATER_MARK } from './bytes/byte-transform.js'
import { takeStage } from './bytes/foreign-stage.js'
import { incomingOf, outgoingOf } from './bytes/preface-transforms.js'
import { noStream, type WireStage } from './bytes/wire-stage.js'
import { wrappable } from './bytes/wrapping-transform.js'
import { Compressor, Decompressor } from './bytes/zlib-transforms.js'

/** What {@link gzip} takes, and {@link compression} too. */
export interface LevelOptions {
  /** gzip: 1 (fast) to 9 (small), 6 by default; brotli: 0 to 11, 4 by default. */
  level?: number
}

/** What {@link gunzip} takes, and {@link compression} too. */
export interface RatioOptions {
  /**
   * How many bytes may come out for one byte that goes in, over the whole stream but for its first MiB: 1100 by
   * default, `Infinity` for no cap. An outgoing side with the same cap never makes what the incoming side would
   * refuse, not even of zeros.
   */
  maxRatio?: number
}

/** What {@link compression} takes. */
export interface CompressionOptions extends LevelOptions, RatioOptions {
  /** `gzip` by default. Both sides need the same one. */
  algorithm?: 'gzip' | 'brotli'
}

const chunkSize = HIGH_WATER_MARK
const ALGORITHMS = {
  gzip: {
    levels: [1, 9],
    level: 6,
    flush: constants.Z_SYNC_FLUSH,
    compress: (level: number) => createGzip({ level, chunkSize }),
    decompress: () => createGunzip({ chunkSize }),
  },
  brotli: {
    levels: [0, 11],
    level: 4,
    flush: constants.BROTLI_OPERATION_FLUSH,
    compress: (level: number) =>
      createBrotliCompress({ chunkSize, params: { [constants.BROTLI_PARAM_QUALITY]: level } }),
    decompress: () => createBrotliDecompress({ chunkSize }),
  },
} as const

const MAX_RATIO = 1100

/**
 * A wire stage that compresses. Its format is the name of the algorithm. When no more input is there, it
 * flushes what it holds. The incoming side fails with `ERR_CORRUPT`, `ERR_TRUNCATED`, or `ERR_LIMIT` at the
 * ratio cap; a bad option throws `ERR_USAGE` at once. It is no stream: in a pipeline of your own use {@link gzip} and
 * {@link gunzip}.
 *
 * Beside encryption it must stand first (`[compression(), encryption({ key })]`); an observer then learns from
 * the lengths how well the content could be compressed.
 */
export function compression(options: CompressionOptions = {}): WireStage<Transform> {
  checkKeys('options', options, { algorithm: true, level: true, maxRatio: true })
  const { algorithm = 'gzip', maxRatio = MAX_RATIO } = options
  checkChoice('algorithm', algorithm, Object.keys(ALGORITHMS))
  const { compress, decompress, flush, levels, level: usual } = ALGORITHMS[algorithm]
  const { level = usual } = options
  checkWhole(`level (${algorithm})`, level, levels[0], levels[1])
  checkNumber('maxRatio', maxRatio, 1)
  return noStream('compression', 'gzip() and gunzip()', {
    format: algorithm,
    outgoing: () => new Compressor(compress(level), flush, maxRatio),
    incoming: () => new Decompressor(decompress(), algorithm, maxRatio),
  })
}

/**
 * A compressor of `node:zlib` that gives out all that it was given as soon as no more comes, as a wire stage has to:
 *
 * ```ts
 * const deflate = { format: 'deflate', outgoing: () => flushing(createDeflate()), incoming: () => createInflate() }
 * ```
 * Throws `ERR_USAGE` for a stream that was used before, is not of `node:stream`, or has no `flush()`: what cannot be
 * flushed, such as a block cipher in CBC, can go only one way.
 */
export function flushing(compressor: Transform & { flush(kind?: number): void }): Transform {
  const canFlush = typeof compressor?.flush === 'function' && typeof compressor.write === 'function'
  checkOption('compressor', compressor, canFlush, 'a stream with flush(), as those of node:zlib are')
  takeStage('compressor', compressor)
  return new Compressor(wrappable('compressor', compressor), undefined, Number.POSITIVE_INFINITY)
}

/**
 * Compresses with gzip, in a hand-made pipeline whose other end has {@link gunzip}: the format is named in a
 * preface ahead of the gzip data. Throws `ERR_USAGE` on a bad option. For files in gzip format, `node:zlib`.
 */
export function gzip(options: LevelOptions = {}): Transform {
  checkKeys('options', options, { level: true })
  return outgoingOf(compression(options))
}

/** Undoes {@link gzip}. Fails as {@link compression} does, with `ERR_FORMATS` if the other end has another stage. */
export function gunzip(options: RatioOptions = {}): Transform {
  checkKeys('options', options, { maxRatio: true })
  return incomingOf(compression(options))
}
