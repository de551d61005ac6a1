import type { JournalFile, JournalRecord, RunFile } from './journal-records.js'

/** Bytes of the files of one run record, unless one alone is longer: an average path is far from the longest. */
const LONGEST_RUN = 48 * 1024
/** Bytes of a file of a run record beside its texts. */
const RUN_FILE = 64

/**
 * The records of files that have plain part names, as few as go.
 * @param targetOf the path that a file is to get
 * @param first the number of the first file, which the others follow
 * @param at milliseconds since 1970
 */
export function runRecords(
  files: readonly Omit<JournalFile, 'part' | 'target'>[],
  targetOf: (path: string) => string,
  first: number,
  at: number,
): JournalRecord[] {
  const records: JournalRecord[] = []
  let room = 0
  let list: RunFile[] = []
  for (const [i, { path, size, mtime }] of files.entries()) {
    const target = targetOf(path)
    const file: RunFile = path === target ? [path, size, mtime] : [path, size, mtime, target]
    // JSON makes at most six bytes of one
    const most = 6 * (path.length + (path === target ? 0 : target.length)) + RUN_FILE
    if (most > room) {
      list = []
      records.push({ kind: 'run', n: first + i, files: list, at })
      room = LONGEST_RUN
    }
    room -= most
    list.push(file)
  }
  return records
}
