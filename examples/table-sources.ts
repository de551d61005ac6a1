// A store of sources whose files are tables that are computed when they are read: what send-entries sends, and the
// conformance suite judges.
import { SluiceError, type SourceEntry, type SourceStore } from 'sluice'

// All rows of a table have the same length, so that its size is known before a row is made.
const TABLES = new Map([
  ['squares.csv', { rows: 1000, row: (i: number) => `${i},${i * i}` }],
  ['letters.csv', { rows: 26, row: (i: number) => `${i},${String.fromCharCode(97 + i)}` }],
  ['nothing.csv', { rows: 0, row: () => '' }],
])
const ROW = 16
const line = (text: string) => `${text.padEnd(ROW - 1)}\n`

/** A store of sources: it opens tables, and reads any part of them. */
export const tables: SourceStore = {
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

/** What is offered of them. */
export const tableEntries = Array.from(
  TABLES,
  ([name, { rows }]): SourceEntry => ({ path: `tables/${name}`, size: rows * ROW }),
)
