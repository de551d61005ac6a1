#!/usr/bin/env node
// Streams that come from anywhere, sent in the conversation, and a place of one's own where they arrive: no disk at
// all.
//   node dist/examples/streams.js
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import {
  manifestOfEntries,
  type Part,
  type PartStore,
  publishByPolicy,
  receive,
  type SourceStore,
  send,
} from 'sluice'
import { duplexPair } from 'sluice/testing'
import './one-line.js'

// What is sent: anything with a size that is known beforehand, such as the objects of a bucket. Each is asked for once,
// when it is its turn; a stream with more or fewer bytes than its entry says fails alone.
const OBJECTS = new Map([
  ['reports/may.csv', 'day,sum\n1,17\n'],
  ['reports/june.csv', 'day,sum\n1,4\n2,12\n'],
])
const bucket: SourceStore = {
  rereadable: () => false,
  stream: ({ path }) => Readable.from([Buffer.from(OBJECTS.get(path)!)]),
}
const entries = Array.from(OBJECTS, ([path, content]) => ({ path, size: Buffer.byteLength(content) }))

// Where it goes: one method for the store, three for a file. `publish` is called when its digest is that of the sender;
// publishByPolicy obeys what `receive` was told of names that are taken ('rename' by default).
const uploaded = new Map<string, string>()
const uploads: PartStore = {
  features: { order: 'ascending' },
  begin({ path, mtime }): Part {
    const hash = createHash('md5') // what this place wants to know of its files
    let size = 0
    return {
      write(_offset, buffers) {
        const bytes = Buffer.concat(buffers)
        hash.update(bytes)
        size += bytes.length
      },
      publish(policy) {
        const digest = hash.digest('hex')
        return publishByPolicy({ path, size, mtime }, policy, {
          take(name, how) {
            if (how === 'create' && uploaded.has(name)) return false
            uploaded.set(name, digest)
            return true
          },
        })
      },
      discard: () => {}, // nothing was made yet
    }
  },
}

const [near, far] = duplexPair() // any duplex stream
const receiving = receive(far, { store: uploads, accept: (offer) => offer.bytes < 1e6 })
const sending = send(near, manifestOfEntries(entries, bucket, { name: 'reports' }))
const [{ published }] = await Promise.all([sending.finished, receiving.finished])
console.log(`${published} published`)
for (const [path, md5] of uploaded) console.log(`${md5} ${path}`)
