// The store of the example send-entries, judged by the suite that a user runs on one of his own.
import { tableEntries, tables } from '../../examples/table-sources.js'
import { manifestOfEntries } from '../../lib/index.js'
import { sourceStoreConformance } from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'

const table = (rows: number, row: (i: number) => string) =>
  Buffer.from(Array.from({ length: rows }, (_row, i) => `${row(i).padEnd(15)}\n`).join(''))

const contents = new Map([
  ['tables/squares.csv', table(1000, (i) => `${i},${i * i}`)],
  ['tables/letters.csv', table(26, (i) => `${i},${String.fromCharCode(97 + i)}`)],
  ['tables/nothing.csv', Buffer.alloc(0)],
])

conforms(
  'tables',
  sourceStoreConformance(() => ({
    manifest: manifestOfEntries(tableEntries, tables, { name: 'x' }),
    contents,
  })),
)
