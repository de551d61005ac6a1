// A store of parts that puts files into an SQLite database: what receive-into-sqlite uses, and the conformance suite
// judges. Folders need not be made, links are skipped, and parts that do not come to their end are discarded: all of
// that is the default of what this store leaves out.
import { createHash } from 'node:crypto'
import type { Database } from 'node-sqlite3-wasm'
import { type PartStore, publishByPolicy } from 'sluice'

// A file without a path is one that still arrives.
const TABLES = `
  CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, path TEXT UNIQUE, size INTEGER, mode INTEGER, mtime INTEGER, digest TEXT);
  CREATE TABLE IF NOT EXISTS pieces (
    file INTEGER REFERENCES files ON DELETE CASCADE, start INTEGER, bytes BLOB, PRIMARY KEY (file, start));
  DELETE FROM files WHERE path IS NULL;`

/** Files as rows of `files`, their bytes as rows of `pieces`. The database stays open. */
export function sqliteParts(db: Database): PartStore {
  db.exec(TABLES)
  return {
    features: { order: 'ascending' },

    begin({ path, mode, mtime }) {
      const { lastInsertRowid: id } = db.run('INSERT INTO files (mode, mtime) VALUES (?, ?)', [mode, mtime])
      const hash = createHash('sha256')
      let size = 0
      return {
        write(offset, buffers) {
          if (buffers.length === 0) return // an empty file
          const bytes = Buffer.concat(buffers)
          db.run('INSERT INTO pieces VALUES (?, ?, ?)', [id, offset, bytes])
          hash.update(bytes)
          size += bytes.length
        },

        publish(policy) {
          const digest = hash.digest('hex')
          db.run('UPDATE files SET size = ?, digest = ? WHERE id = ?', [size, digest, id])
          return publishByPolicy({ path, size, mtime }, policy, {
            // one statement, that takes the name or does not: REPLACE removes what has it
            take(name, how) {
              const conflict = how === 'create' ? 'IGNORE' : 'REPLACE'
              return db.run(`UPDATE OR ${conflict} files SET path = ? WHERE id = ?`, [name, id]).changes > 0
            },
            look(name) {
              const there = db.get('SELECT size, mtime, digest FROM files WHERE path = ?', name)
              return (
                there && {
                  size: Number(there.size),
                  mtime: Number(there.mtime),
                  isSame: () => there.digest === digest,
                }
              )
            },
          })
        },

        discard() {
          db.run('DELETE FROM files WHERE id = ?', id)
        },
      }
    },
  }
}

/** The content of a published file. */
export function contentOf(db: Database, path: string): Buffer {
  const pieces = 'SELECT bytes FROM pieces JOIN files ON file = id WHERE path = ? ORDER BY start'
  return Buffer.concat(db.all(pieces, path).map(({ bytes }) => bytes as Uint8Array))
}
