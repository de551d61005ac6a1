import { printable, SluiceError } from '../../errors.js'
import { A_DAY } from '../disk/clock.js'
import { diskError } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { isPartNameOf, nameOf, parentOf, suffixed } from '../disk/names.js'
import { ifThere, lstatIfThere } from '../disk/stats.js'
import { isJournalName, isReleasedName, nameOfOwner, ownerOfName } from '../own/names.js'
import { findOwnFolder, folderAt, ownNames, possibleFolders, removeOwnFolder } from '../own/own-folder.js'
import { isGone, type ProcessSystem, processSystem, thisOwner } from '../own/owner.js'
import { isUserPath } from '../own/record.js'
import { recoverPublish } from '../publish/publish.js'
import { hasBothNames } from '../publish/take-name.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { isUnwritten, type JournalContent, readJournal, type UnfinishedFile } from './read-journal.js'

/** What a transfer that was interrupted has left. */
export interface Leftover {
  /** The part, below the root; or the journal itself, where that cannot be read or removed, or our folder. */
  path: string
  /** Bytes that stand in it. */
  bytes: number
  /**
   * 'part': it can be removed, and was unless `dryRun`. 'published': the file has its name already, only the part's
   * name was left of it. 'kept': not removed, for the reason in `error` or because `keep` said so. 'foreign': it has
   * a name of ours, but belongs to another user, as `error` says. 'journal': the journal itself, once none of its parts
   * is kept.
   */
  state: 'part' | 'published' | 'kept' | 'foreign' | 'journal'
  /** The file that it is a part of, as the journal says. */
  file?: UnfinishedFile
  error?: SluiceError
}

/** Options of {@link collectLeftovers}. */
export interface CollectOptions {
  /** Only looks. */
  dryRun?: boolean
  /** Parts that are to stay, for a transfer that goes on with them; their journal stays, too. */
  keep?: (file: UnfinishedFile) => boolean
  system?: ProcessSystem
  /** Milliseconds since 1970. */
  now?: () => number
}

/** Clocks of disks and of processes differ a little; a file that changed later than this is not the journal's. */
const SLACK_BEFORE = 100
const SLACK_AFTER = 10_000

/**
 * Clears away what transfers into this folder have left: those whose process is dead, or has released its journal.
 * Removes their parts, and then their journals. A journal is believed only so far: what is removed is a regular file
 * with one name, called as the part of that file would be, not larger than it, of the journal's own user, and changed
 * only while the owner lived. The rest stays: journals of living processes, of other machines, and what cannot be read.
 * @returns what was found
 */
export async function collectLeftovers(tree: Tree, options: CollectOptions = {}): Promise<Leftover[]> {
  const found: Leftover[] = []
  const failed = (error: unknown, what: string, path: string) =>
    found.push({ path, bytes: 0, state: 'kept', error: diskError(error, what, path) })
  const passOver = (error: SluiceError) =>
    found.push({ path: error.path!, bytes: 0, state: 'foreign', error })
  for (const ours of await possibleFolders(tree)) {
    try {
      const folder = await findOwnFolder(tree, ours, passOver)
      if (!folder) continue
      try {
        for (const name of (await ownNames(tree, folder, passOver)).filter(isJournalName)) {
          const collecting = collectJournal(tree, folder, name, options, found)
          await collecting.catch((error: unknown) => failed(error, 'collect', `${ours}/${name}`))
        }
      } finally {
        if (options.dryRun) folder.release()
        else await removeOwnFolder(tree, folder)
      }
    } catch (error) {
      failed(error, 'read', ours)
    }
  }
  return found
}

async function collectJournal(
  tree: Tree,
  folder: OpenFolder,
  name: string,
  options: CollectOptions,
  found: Leftover[],
): Promise<void> {
  const { fs } = tree
  // meanwhile its owner may have removed it, or another process claimed it
  const claimed = await ifThere(claimJournal(fs, folder, name, options, found))
  if (!claimed) return
  const { journal, current } = claimed
  let isDone = true
  const changed = new Set<string>()
  for (const file of journal.unfinished) {
    const leftover = await collectPart(tree, file, journal, options)
    if (leftover === undefined) continue
    found.push(leftover)
    if (leftover.state === 'kept') isDone = false
    else changed.add(parentOf(leftover.path))
  }
  if (isDone) found.push(journalAt(folder, name, journal.stats))
  if (options.dryRun) return
  // were the journal gone and a part back after a power cut, nobody would know of it
  for (const path of changed) await tree.sync(path)
  // back under its own name, so that a later call goes on with it; not over another journal that has that name by now
  if (!isDone) await fs.link(folder.at(current), folder.at(name))
  await fs.unlink(folder.at(current))
}

/** A journal whose owner is dead or has released it, renamed so that its name says that it is ours now. */
async function claimJournal(
  fs: FileSystem,
  folder: OpenFolder,
  name: string,
  { dryRun = false, system = processSystem, now = Date.now }: CollectOptions,
  found: Leftover[],
): Promise<{ journal: JournalContent; current: string } | undefined> {
  const holder = ownerOfName(name)
  if (holder && !isGone(holder, system)) return undefined
  const journal = await readJournal(fs, folder.at(name))
  if (!journal) {
    // its owner died before it wrote who it is; nothing is lost with it
    const stats = await fs.lstat(folder.at(name))
    if (now() - stats.mtimeMs <= A_DAY || !(await isUnwritten(fs, folder.at(name)))) {
      const path = `${folder.path}/${name}`
      const message = `${path} cannot be read as a journal; remove it if nothing runs`
      throw new SluiceError('ERR_WRITE', message, { path })
    }
    if (!dryRun) await fs.unlink(folder.at(name))
    found.push(journalAt(folder, name, stats))
    return undefined
  }
  if (!journal.isReleased && !isReleasedName(name) && !isGone(journal.owner, system)) return undefined
  if (dryRun) return { journal, current: name }
  // one winner, whose name says who it is
  const current = nameOfOwner(name, thisOwner(system))
  await fs.rename(folder.at(name), folder.at(current))
  return { journal, current }
}

function journalAt(folder: OpenFolder, name: string, { size }: FileStats): Leftover {
  return { path: `${folder.path}/${name}`, bytes: size, state: 'journal' }
}

/** What stands under the part's name, if it is ours. */
async function collectPart(
  tree: Tree,
  file: UnfinishedFile,
  journal: JournalContent,
  { dryRun = false, keep = () => false }: CollectOptions,
): Promise<Leftover | undefined> {
  const { fs } = tree
  const { target, part, size } = file
  const name = nameOf(target)
  if (!isPartNameOf(part, name)) return undefined
  const path = parentOf(target) === '' ? part : `${parentOf(target)}/${part}`
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
    if (!there?.isFile() || there.uid !== journal.stats.uid) return undefined
    bytes = there.size
    if (there.nlink === 2 && (await isPublished(tree, folder, part, name, dryRun)))
      return { path, bytes, state: 'published', file }
    const isOurs =
      there.nlink === 1 &&
      (size === null || bytes <= size) &&
      there.ctimeMs >= file.at - SLACK_BEFORE &&
      there.ctimeMs <= journal.until + SLACK_AFTER
    if (!isOurs) return undefined
    if (keep(file)) return { path, bytes, state: 'kept', file }
    if (!dryRun) await fs.unlink(folder.at(part))
    return { path, bytes, state: 'part', file }
  } catch (error) {
    return { path, bytes, state: 'kept', file, error: diskError(error, 'remove', path) }
  } finally {
    folder?.release()
  }
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
