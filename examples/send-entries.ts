#!/usr/bin/env node
// Entries that are no files: tables whose rows are computed when they are read. They arrive as files in DIR.
//   node dist/examples/send-entries.js DIR
import { pipeline } from 'node:stream/promises'
import {
  deframer,
  demuxer,
  fileSource,
  finalizer,
  framer,
  hashTap,
  manifestOfEntries,
  partSink,
} from 'sluice'
import './one-line.js'
import { tableEntries, tables } from './table-sources.js'

const [dir] = process.argv.slice(2)
if (dir === undefined) {
  console.error('usage: send-entries DIR')
  process.exit(2)
}

const manifest = manifestOfEntries(tableEntries, tables, { name: 'tables' })

const last = finalizer()
await pipeline(
  fileSource(manifest),
  hashTap(),
  framer(),
  deframer(), // a socket would stand between these two; send(socket, manifest) does all of it
  demuxer(),
  hashTap(),
  partSink({ dir }),
  last,
)
for (const { path, status } of await last.outcomes) console.log(`${status} ${path}`)
