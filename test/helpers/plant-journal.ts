import { OPEN } from '../../lib/files/index.js'
import {
  encodeRecords,
  idOf,
  JOURNAL_VERSION,
  type JournalRecord,
} from '../../lib/files/journal/journal-records.js'
import { type Owner, thisOwner } from '../../lib/files/own/owner.js'
import type { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'

/**
 * Puts a journal with these records on a disk, which says that it was written into the very file that it is, as each of
 * ours does.
 */
export function plantJournal(
  disk: MemoryDisk,
  path: string,
  records: readonly JournalRecord[],
  owner: Owner = thisOwner(),
): void {
  disk.put(path)
  const { lstat, open, write, close } = disk.sync!
  const journal = idOf(lstat(path))
  const transfer = 'ab'.repeat(16)
  const first: JournalRecord = { kind: 'owner', version: JOURNAL_VERSION, transfer, owner, journal }
  const fd = open(path, OPEN.update)
  write(fd, [encodeRecords([first, ...records])], 0)
  close(fd)
}
