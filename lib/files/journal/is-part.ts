import type { FileStats } from '../disk/fs.js'
import { idOf } from './journal-records.js'
import type { JournalContent, UnfinishedFile } from './read-journal.js'

// Whether the file that has the name of a part is the part. Only then it is removed, or written to: anybody may have
// made a file of that name since, and a disk gives the number of a file that is gone to a new one. Where it is not
// certain, it is kept, and said: what is forgotten stays for ever, and nobody knows why.

/** Milliseconds by which times of one disk may differ that belong together: it takes them from a clock that ticks. */
const CLOCK_TICK = 20

/** Milliseconds: the times in a journal are those of the disk, but for what passes before a record is written. */
const SLACK_BEFORE = 100
const SLACK_AFTER = 10_000
/** Times of some disks are whole seconds, or every other one. */
const COARSEST_TIME = 3000

/**
 * Which file it is, as far as the journal says, without a look at when it was changed. 'very': the one that was made.
 * 'same': it has the number of that, of which one that is gone may have had it before. 'other': it is another one.
 * 'unsaid': the journal does not say. 'copied': the journal is not the file that it was written into, or does not say
 * which that was, as each of ours does: it is a copy, or somebody has made it up, as one in an archive. It proves
 * nothing.
 */
export type PartIdentity = 'very' | 'same' | 'other' | 'copied' | 'unsaid'

export function identityOf(
  there: FileStats,
  { made }: UnfinishedFile,
  { journal, stats }: JournalContent,
): PartIdentity {
  const [found, known] = [idOf(there), idOf(stats)]
  if (!journal || journal.ino !== known.ino) return 'copied'
  if (journal.born !== undefined && known.born !== undefined && journal.born !== known.born) return 'copied'
  if (!made) return 'unsaid'
  // disks may have other numbers since the machine was started anew: then it must be on the journal's disk if it was
  const isOnDisk =
    journal.dev === known.dev
      ? made.dev === found.dev
      : (made.dev === journal.dev) === (found.dev === known.dev)
  if (!(isOnDisk && made.ino === found.ino)) return 'other'
  if (made.born === undefined || found.born === undefined) return 'same'
  return made.born === found.born ? 'very' : 'other'
}

/**
 * Whether it is the part. The times in the journal are by the clock of the disk as it was then. That may have been set
 * since: of the very file it only counts that nobody changed it when its owner was dead. By a copied journal nothing is
 * removed; on a disk that numbers its files anew each time, as FAT does, a part is gone on with all the same.
 * @param mayBeChanged whether it may be changed since, as what is gone on with, because all of it is proved
 */
export function isPart(
  there: FileStats,
  identity: PartIdentity,
  file: UnfinishedFile,
  journal: JournalContent,
  mayBeChanged: boolean,
): 'yes' | 'no' | 'perhaps' {
  const { size, at, mtime } = file
  if (identity === 'other') return 'no'
  const isSame = identity === 'very' || identity === 'same'
  // a part has one name, and no more bytes than its file
  const isPlain = there.nlink === 1 && (size === null || there.size <= size)
  const until = Math.max(journal.until, journal.stats.mtimeMs) + SLACK_AFTER
  const isWithin = (time: number) => time >= at - SLACK_BEFORE && time <= until
  const mayProve = identity !== 'copied' || (mayBeChanged && isOfItsTime(there, journal))
  // it has the time of its last write, and after that the one of the file
  const hasOwnTime = isSame || isWithin(there.mtimeMs) || Math.abs(there.mtimeMs - mtime) < COARSEST_TIME
  const { birthtimeMs = 0 } = there
  // the part was there before the journal said so: what got its number later is somebody else's
  const isYounger = identity === 'same' && birthtimeMs > until - SLACK_AFTER + CLOCK_TICK
  // where the disk does not say when a file was made, nobody knows which of two with one number it is
  const isVery = identity === 'very' || (identity === 'same' && isWithin(birthtimeMs))
  const isSure = mayBeChanged ? isVery : identity === 'very' && there.ctimeMs <= until
  const hasTimes = isWithin(there.ctimeMs) && hasOwnTime
  if (isPlain && !isYounger && (isSure || hasTimes) && mayProve) return 'yes'
  if (isSame) return 'perhaps'
  if (!isPlain) return 'no'
  // the times of a copy are those of the copying
  if (identity === 'copied') return 'perhaps'
  // it stood there before, or was made by others: the owner died before it had made its part
  const isOlder = there.ctimeMs < at - COARSEST_TIME
  return isOlder || (!hasOwnTime && there.size !== size) ? 'no' : 'perhaps'
}

/**
 * Whether a file was last changed between the making of a journal and its last change. The disk keeps these times, and
 * whoever makes up a journal cannot set them: what the user had before, or made later, is no part of it.
 */
function isOfItsTime({ ctimeMs }: FileStats, { stats }: JournalContent): boolean {
  const { birthtimeMs = 0 } = stats
  return ctimeMs >= birthtimeMs - COARSEST_TIME && ctimeMs <= stats.ctimeMs + SLACK_AFTER
}
