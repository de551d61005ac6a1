#!/usr/bin/env node
// A stage of one's own in a hand-made pipeline: counts files by their ending while they are received.
//   node dist/examples/custom-stage.js SOURCE DIR
import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  cutsOf,
  deframer,
  demuxer,
  fileSource,
  finalizer,
  framer,
  hashTap,
  type Item,
  manifestOf,
  partSink,
} from 'sluice'
import through from 'through2'
import './one-line.js'

const [source, dir] = process.argv.slice(2)
if (source === undefined || dir === undefined) {
  console.error('usage: custom-stage SOURCE DIR')
  process.exit(2)
}

const endings = new Map<string, number>()
const countEndings = through.obj({ highWaterMark: 1 }, (item: Item, _encoding, done) => {
  if (item.kind === 'run') {
    for (const { entry, last } of cutsOf(item)) {
      const ending = /\.\w+$/.exec(entry.path)?.[0] ?? '(none)'
      if (last && entry.type === 'file') endings.set(ending, (endings.get(ending) ?? 0) + 1)
    }
  }
  done(null, item)
}) as unknown as Transform

const last = finalizer()
await pipeline(
  fileSource(await manifestOf([source])),
  hashTap(),
  framer(),
  deframer(), // a socket would stand between these two
  demuxer(),
  hashTap(),
  countEndings,
  partSink({ dir }),
  last,
)
console.log(`${(await last.outcomes).length} entries`, Object.fromEntries(endings))
