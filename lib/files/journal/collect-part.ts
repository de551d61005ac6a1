import { printable, SluiceError } from '../../errors.js'
import { diskError } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { below, isPartNameOf, nameOf, parentOf, suffixed } from '../disk/names.js'
import { lstatIfThere } from '../disk/stats.js'
import { folderAt } from '../own/own-folder.js'
import { isUserPath } from '../own/record.js'
import { recoverPublish } from '../publish/publish.js'
import { hasBothNames } from '../publish/take-name.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { idOf } from './journal-records.js'
import type { CollectOptions, Leftover } from './leftovers.js'
import type { JournalContent, UnfinishedFile } from './read-journal.js'

/** Milliseconds by which times of one disk may differ that belong together: it takes them from a clock that ticks. */
const CLOCK_TICK = 20

/** Milliseconds: the times in a journal are those of the disk, but for what passes before a record is written. */
const SLACK_BEFORE = 100
const SLACK_AFTER = 10_000
/** Times of some disks are whole seconds, or every other one. */
const COARSEST_TIME = 3000

/** What stands under the part's name, if it is ours; it is removed, unless it is to stay. */
export function collectPart(
  tree: Tree,
  file: UnfinishedFile,
  journal: JournalContent,
  { dryRun = false, keep = () => false }: CollectOptions,
): Promise<Leftover | undefined> {
  return judge(tree, file, journal, dryRun, async (folder) => {
    if (keep(file)) return 'kept'
    if (!dryRun) await tree.fs.unlink(folder.at(file.part))
    return 'part'
  })
}

/**
 * The part that was left of a file, if it is to be gone on with; else what is there, as {@link collectPart} says. The very
 * file that was made is one even if it was changed since.
 * @param dryRun changes nothing on the disk
 */
export async function findPart(
  tree: Tree,
  file: UnfinishedFile,
  journal: JournalContent,
  dryRun = false,
): Promise<{ part?: FileStats; leftover: Leftover | undefined }> {
  let part: FileStats | undefined
  const leftover = await judge(
    tree,
    file,
    journal,
    dryRun,
    async (_folder, there) => {
      part = there
      return 'kept'
    },
    isVeryFile,
  )
  return part ? { part, leftover } : { leftover }
}

/**
 * Looks at what stands under the name of a part.
 * @param act called if that is ours; gives what became of it
 * @param isSure whether it is ours without a look at when it was changed
 */
async function judge(
  tree: Tree,
  file: UnfinishedFile,
  journal: JournalContent,
  dryRun: boolean,
  act: (folder: OpenFolder, there: FileStats) => Promise<'part' | 'kept'>,
  isSure: typeof isVeryFile = () => false,
): Promise<Leftover | undefined> {
  const { fs } = tree
  const { target, part, size } = file
  const name = nameOf(target)
  if (!isPartNameOf(part, name)) return undefined
  const path = partPathOf(file)
  let folder: OpenFolder | undefined
  let bytes = 0
  try {
    if (!isUserPath(target)) {
      const message = `the journal names ${printable(target)}, which is no path of a file below the folder`
      throw new SluiceError('ERR_PATH', message, { path: target })
    }
    folder = await folderAt(tree, parentOf(target))
    // a path that leads elsewhere, or a folder that is gone: nothing of ours is there
    if (!folder) return undefined
    const there = await lstatIfThere(fs, folder.at(part))
    if (!there?.isFile()) return undefined
    bytes = there.size
    const identity = compare(there, file, journal)
    if (identity === 'other') return undefined
    if (there.nlink === 2 && (await isPublished(tree, folder, part, name, dryRun)))
      return { path, bytes, state: 'published', file }
    const mayBeOurs =
      there.nlink === 1 && (size === null || bytes <= size) && there.ctimeMs >= file.at - COARSEST_TIME
    if (!mayBeOurs) return undefined
    const until = Math.max(journal.until, journal.stats.mtimeMs) + SLACK_AFTER
    const isWithin = (time: number) => time >= file.at - SLACK_BEFORE && time <= until
    // it has the time of its last write, and after that the one of the file
    const hasFileTime = Math.abs(there.mtimeMs - file.mtime) < COARSEST_TIME
    const hasOwnTime = identity === 'same' || isWithin(there.mtimeMs) || hasFileTime
    if (!hasOwnTime && bytes !== size) return undefined
    // the part was there before the journal said so: what got its number later is somebody else's
    const isYounger = identity === 'same' && (there.birthtimeMs ?? 0) > until - SLACK_AFTER + CLOCK_TICK
    const isOurs =
      !isYounger &&
      ((isWithin(there.ctimeMs) && hasOwnTime) || (identity === 'same' && isSure(there, isWithin)))
    if (there.uid !== journal.stats.uid || !isOurs) {
      // copied, given to somebody else, or not ours: forgotten it would stay for ever
      const why = there.uid === journal.stats.uid ? 'is not as old as' : 'belongs to another user than'
      const message = `${printable(path)} ${why} the journal that calls it a part: remove it, or give it another name if it is none`
      return { path, bytes, state: 'kept', file, error: new SluiceError('ERR_WRITE', message, { path }) }
    }
    return { path, bytes, state: await act(folder, there), file }
  } catch (error) {
    return { path, bytes, state: 'kept', file, error: diskError(error, 'remove', path) }
  } finally {
    folder?.release()
  }
}

/** The path of a part below the folder that its journal is for. */
export function partPathOf({ target, part }: Pick<UnfinishedFile, 'target' | 'part'>): string {
  return below(parentOf(target), part)
}

/**
 * Whether a file with the number of the part is the part: a disk gives the number of a file that is gone to a new one.
 * Where it does not say when a file was made, nobody knows.
 */
function isVeryFile({ birthtimeMs = 0 }: FileStats, isWithin: (time: number) => boolean): boolean {
  return isWithin(birthtimeMs)
}

/** After a crash between link and unlink both names are one file; the second may have a suffix. */
async function isPublished(
  { fs }: Tree,
  folder: OpenFolder,
  part: string,
  name: string,
  dryRun: boolean,
): Promise<boolean> {
  for (let n = 0; n <= MOST_SUFFIXES; n++) {
    const candidate = suffixed(name, n)
    if (!(await lstatIfThere(fs, folder.at(candidate)))) return false
    if (!(await hasBothNames({ fs, folder, temporary: part }, candidate))) continue
    return dryRun || (await recoverPublish(fs, folder, part, candidate, 'crash')) === 'published'
  }
  return false
}

const MOST_SUFFIXES = 100

/** Whether it is the very file that was made as the part, as far as the journal says. A copied journal does not. */
function compare(
  there: FileStats,
  { made }: UnfinishedFile,
  { journal, stats }: JournalContent,
): 'same' | 'other' | 'unknown' {
  const [found, known] = [idOf(there), idOf(stats)]
  if (!made || journal?.ino !== known.ino) return 'unknown'
  // disks may have other numbers since the machine was started anew: then it must be on the journal's disk if it was
  const isOnDisk =
    journal.dev === known.dev
      ? made.dev === found.dev
      : (made.dev === journal.dev) === (found.dev === known.dev)
  return isOnDisk && made.ino === found.ino ? 'same' : 'other'
}
