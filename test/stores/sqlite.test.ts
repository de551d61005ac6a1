// The store of the example, which is all that a store needs.
import sqlite from 'node-sqlite3-wasm'
import { contentOf, sqliteParts } from '../../examples/sqlite-parts.js'
import { partStoreConformance } from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'

const databases: sqlite.Database[] = []

function inMemory() {
  const db = new sqlite.Database(':memory:')
  databases.push(db)
  return {
    open: () => sqliteParts(db),
    read: () => {
      const paths = db.all('SELECT path FROM files WHERE path IS NOT NULL').map(({ path }) => String(path))
      return new Map(paths.map((path) => [path, contentOf(db, path)]))
    },
  }
}

conforms(
  'SQLite',
  partStoreConformance(inMemory, {
    after: () => {
      for (const db of databases.splice(0)) db.close()
    },
  }),
)
