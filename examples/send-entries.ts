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
  SluiceError,
  type SourceEntry,
  type SourceStore,
} from 'sluice'
import './one-line.js'

const [dir] = process.argv.slice(2)
if (dir === undefined) {
  console.error('usage: send-entries DIR')
  process.exit(2)
}

// All rows of a table have the same length, so that its size is known before a row is made.
const TABLES = new Map([
  ['squares.csv', { rows: 1000, row: (i: number) => `${i},${i * i}` }],
  ['letters.csv', { rows: 26, row: (i: number) => `${i},${String.fromCharCode(97 + i)}` }],
  ['nothing.csv', { rows: 0, row: () => '' }],
])
const ROW = 16
const line = (text: string) => `${text.padEnd(ROW - 1)}\n`

const tables: SourceStore = {
  rereadable: () => true, // any part of a table can be made again at any time
  async open({ path }) {
    const table = TABLES.get(path.slice('tables/'.length))
    if (!table) throw new Error('there is no such table')
    const size = table.rows * ROW
    return {
      async read(offset, buffer) {
        if (offset + buffer.length > size)
          throw new SluiceError('ERR_SOURCE_CHANGED', `${path} ends at ${size}`, { path })
        // the rows in which these bytes are
        const first = Math.floor(offset / ROW)
        const last = Math.ceil((offset + buffer.length) / ROW)
        let text = ''
        for (let i = first; i < last; i++) text += line(table.row(i))
        buffer.write(text.slice(offset - first * ROW), 'latin1')
      },
      async verify() {}, // a table never changes; what can change is compared with what was listed, here and in open()
      async close() {},
    }
  },
}

const entries = Array.from(
  TABLES,
  ([name, { rows }]): SourceEntry => ({ path: `tables/${name}`, size: rows * ROW }),
)
const manifest = manifestOfEntries(entries, tables, { name: 'tables' })

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
