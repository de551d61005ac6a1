import type { FileStats } from '../disk/fs.js'

// While one long write runs, the size and the times of a file are those of its beginning, and its writer may be stopped
// in the middle of it, for longer than it takes to read the file twice: by other processes that want the processor, or
// by a disk that does not keep up. Only time tells such a file from one that is whole.

/** Bytes. A write of no more is over in some ten microseconds, in which hardly any writer is stopped. */
const SHORT_WRITE = 64 * 1024

/**
 * Milliseconds that a write takes at most, with all that stops it, and those for each byte of it besides: 100 ms a MiB.
 */
const LONGEST_WRITE = 250
const SLOWNESS = 100 / (1 << 20)

/** Milliseconds for which a writer is stopped at most in the middle of a write. */
const LONGEST_STOP = 200

/**
 * Milliseconds for which a file that was read has to stay as it is, since a write to it may not be over; 0 where it
 * need not. A short write is over; and so is one to a file of which something else was changed since, as its name:
 * nobody waits for a file that was written under another name and then renamed.
 * @param now milliseconds since 1970
 */
export function restOf({ size, mtimeMs, ctimeMs }: FileStats, now: number): number {
  if (size <= SHORT_WRITE || ctimeMs !== mtimeMs) return 0
  const left = LONGEST_WRITE + size * SLOWNESS - (now - mtimeMs)
  return Math.min(LONGEST_STOP, Math.max(0, Math.ceil(left)))
}
