// Streams of bytes that other people wrote, as wire stages: each is a function that makes a WireStage.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { createRequire } from 'node:module'
import { compose, Duplex, PassThrough, Transform } from 'node:stream'
import zlib from 'node:zlib'
import { flushing } from '../../dist/lib/index.js'

const load = createRequire(import.meta.url)
/** A package, or what it exports by default. */
const require = (name) => load(name).default ?? load(name)

/** The same stage on both sides, which changes the bytes. */
const both = (format, make) => () => ({ format, outgoing: make, incoming: make })
/** A stage that leaves the bytes as they are: it needs no name. */
const passing = (make) => () => ({ outgoing: make, incoming: make })
/** One that does, and one that undoes. */
const pair = (format, outgoing, incoming) => () => ({ format, outgoing, incoming })

const flipped = (chunk) => Buffer.from(chunk).map((byte) => byte ^ 0x5a)
const flipping = (Kind) => () =>
  new Kind({
    transform(chunk, _encoding, done) {
      done(null, flipped(chunk))
    },
  })
const key = Buffer.alloc(32, 1)
const nonce = Buffer.alloc(16, 2)
const ciphers = (name) =>
  pair(
    name,
    () => createCipheriv(name, key, nonce),
    () => createDecipheriv(name, key, nonce),
  )
async function* same(source) {
  yield* source
}

export const WIRE_STAGES = {
  'zlib gzip': pair(
    'gzip',
    () => zlib.createGzip(),
    () => zlib.createGunzip(),
  ),
  'zlib gzip by flushing()': pair(
    'gzip',
    () => flushing(zlib.createGzip()),
    () => zlib.createGunzip(),
  ),
  'zlib gzip, flushing': pair(
    'gzip',
    () => zlib.createGzip({ flush: zlib.constants.Z_SYNC_FLUSH }),
    () => zlib.createGunzip(),
  ),
  'zlib deflateRaw, flushing': pair(
    'deflate-raw',
    () => zlib.createDeflateRaw({ flush: zlib.constants.Z_SYNC_FLUSH }),
    () => zlib.createInflateRaw(),
  ),
  'zlib brotli, flushing': pair(
    'brotli',
    () => {
      const { BROTLI_PARAM_QUALITY, BROTLI_OPERATION_FLUSH } = zlib.constants
      return zlib.createBrotliCompress({
        flush: BROTLI_OPERATION_FLUSH,
        params: { [BROTLI_PARAM_QUALITY]: 1 },
      })
    },
    () => zlib.createBrotliDecompress(),
  ),
  'crypto aes-256-ctr': ciphers('aes-256-ctr'),
  'crypto aes-256-cbc': ciphers('aes-256-cbc'),
  'node Transform': both('flipped', flipping(Transform)),
  'Duplex.from(async generator)': passing(() => Duplex.from(same)),
  'web TransformStream by Duplex.fromWeb': passing(() => Duplex.fromWeb(new TransformStream())),
  'web CompressionStream by Duplex.fromWeb': pair(
    'gzip',
    () => Duplex.fromWeb(new CompressionStream('gzip')),
    () => Duplex.fromWeb(new DecompressionStream('gzip')),
  ),
  'stream.compose': both('flipped', () => compose(flipping(Transform)(), new PassThrough())),
  'readable-stream 4 Transform': both('flipped', flipping(require('readable-stream').Transform)),
  'readable-stream 3 Transform': both('flipped', flipping(require('readable-stream-3').Transform)),
  'readable-stream 2 Transform': both('flipped', flipping(require('readable-stream-2').Transform)),
  'streamx Transform': both('flipped', () => {
    const { Transform: Kind } = require('streamx')
    return new Kind({ transform: (chunk, done) => done(null, flipped(chunk)) })
  }),
  through2: both('flipped', () =>
    require('through2')((chunk, _encoding, done) => done(null, flipped(chunk))),
  ),
  'through2 2': both('flipped', () =>
    require('through2-2')((chunk, _encoding, done) => done(null, flipped(chunk))),
  ),
  minipass: passing(() => new (require('minipass').Minipass)()),
  'minipass-flush': passing(() => new (require('minipass-flush').Flush)({ flush: (done) => done() })),
  'minizlib, flushing': pair(
    'gzip',
    () => new (require('minizlib').Gzip)({ flush: zlib.constants.Z_SYNC_FLUSH }),
    () => new (require('minizlib').Gunzip)({}),
  ),
  'stream-throttle': passing(() => new (require('stream-throttle').Throttle)({ rate: 50e6 })),
  throttle: passing(() => new (require('throttle'))(50e6)),
  'progress-stream': passing(() => require('progress-stream')({ time: 10 })),
  'stream-meter': passing(() => require('stream-meter')()),
  'block-stream2': passing(() => new (require('block-stream2'))({ size: 512, zeroPadding: false })),
  pumpify: both('flipped', () => require('pumpify')(flipping(Transform)(), new PassThrough())),
  duplexify: passing(() => {
    const stream = new PassThrough()
    return require('duplexify')(stream, stream)
  }),
}
