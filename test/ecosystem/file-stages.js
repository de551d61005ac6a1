// Streams of objects that other people wrote, as file stages: each makes a stage of a function that is given an item, and
// gives what becomes of it, or nothing.
import { createRequire } from 'node:module'
import { compose, Duplex, PassThrough, Transform } from 'node:stream'

const load = createRequire(import.meta.url)
/** A package, or what it exports by default. */
const require = (name) => load(name).default ?? load(name)

const transforming = (Kind) => (change) =>
  new Kind({
    objectMode: true,
    highWaterMark: 1,
    transform(item, _encoding, done) {
      done(null, change(item))
    },
  })

export const FILE_STAGES = {
  'node Transform': transforming(Transform),
  'Duplex.from(async generator)': (change) =>
    Duplex.from(async function* (items) {
      for await (const item of items) {
        const changed = change(item)
        if (changed !== undefined) yield changed
      }
    }),
  'web TransformStream by Duplex.fromWeb': (change) =>
    Duplex.fromWeb(
      new TransformStream({
        transform(item, controller) {
          const changed = change(item)
          if (changed !== undefined) controller.enqueue(changed)
        },
      }),
      { objectMode: true, highWaterMark: 1 },
    ),
  'stream.compose': (change) =>
    compose(transforming(Transform)(change), new PassThrough({ objectMode: true, highWaterMark: 1 })),
  'readable-stream 4 Transform': transforming(require('readable-stream').Transform),
  'readable-stream 3 Transform': transforming(require('readable-stream-3').Transform),
  'readable-stream 2 Transform': transforming(require('readable-stream-2').Transform),
  'streamx Transform': (change) =>
    new (require('streamx').Transform)({
      highWaterMark: 1,
      transform(item, done) {
        const changed = change(item)
        if (changed !== undefined) this.push(changed)
        done()
      },
    }),
  'through2.obj': (change) =>
    require('through2')({ objectMode: true, highWaterMark: 1 }, (item, _encoding, done) =>
      done(null, change(item)),
    ),
  'through2.obj 2': (change) =>
    require('through2-2')({ objectMode: true, highWaterMark: 1 }, (item, _encoding, done) =>
      done(null, change(item)),
    ),
  'parallel-transform': (change) =>
    require('parallel-transform')(1, { objectMode: true, highWaterMark: 1 }, (item, done) =>
      done(null, change(item)),
    ),
  minipass: (change) => {
    const { Minipass } = require('minipass')
    return new (class extends Minipass {
      write(item, ...rest) {
        const changed = change(item)
        return changed === undefined ? true : super.write(changed, ...rest)
      }
    })({ objectMode: true })
  },
  'pumpify.obj': (change) =>
    require('pumpify').obj(transforming(Transform)(change), new PassThrough({ objectMode: true })),
  'duplexify.obj': (change) => {
    const stream = transforming(Transform)(change)
    return require('duplexify').obj(stream, stream, { highWaterMark: 1 })
  },
}
