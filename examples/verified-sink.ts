#!/usr/bin/env node
// A sink of one's own at the end of a pipeline made by hand: it prints the files that are whole and right.
//   sluice pack FILES | node dist/examples/verified-sink.js
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { cutsOf, deframer, demuxer, type Entry, hashTap, type Item, verifier } from 'sluice'
import './one-line.js'

/** What arrived of the files that have no digest yet. */
const arriving = new Map<number, { entry: Entry; bytes: Buffer[] }>()

const sink = new Writable({
  objectMode: true,
  highWaterMark: 1,
  write(item: Item, _encoding, done) {
    if (item.kind === 'run') {
      for (const { entry, bytes } of cutsOf(item)) {
        if (entry.type !== 'file') continue
        const file = arriving.get(entry.index) ?? { entry, bytes: [] }
        arriving.set(entry.index, file)
        file.bytes.push(bytes)
      }
    }
    // behind verifier() a digest is there only for a file that is what was sent: now it may be seen
    if (item.kind === 'digests') {
      for (let index = item.first; index < item.first + item.count; index++) {
        const file = arriving.get(index)
        arriving.delete(index)
        if (file) console.log(`${file.entry.path}: ${Buffer.concat(file.bytes).length} bytes`)
      }
    }
    done()
  },
})

await pipeline(process.stdin, deframer(), demuxer(), hashTap(), verifier(), sink)
