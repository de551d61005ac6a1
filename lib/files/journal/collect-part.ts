import { printable, SluiceError } from '../../errors.js'
import { diskError } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { below, isPartNameOf, nameOf, parentOf, suffixed } from '../disk/names.js'
import { lstatIfThere } from '../disk/stats.js'
import { folderAt } from '../own/own-folder.js'
import { isUserPath } from '../own/record.js'
import { recoverPublish } from '../publish/recover-publish.js'
import { hasBothNames } from '../publish/take-name.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { identityOf, isPart, type PartIdentity } from './is-part.js'
import type { CollectOptions, Leftover } from './leftovers.js'
import type { JournalContent, UnfinishedFile } from './read-journal.js'

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
 * The part that was left of a file, if it is to be gone on with; else what is there, as {@link collectPart} says. The
 * very file that was made is one even if it was changed since.
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
    true,
  )
  return part ? { part, leftover } : { leftover }
}

/**
 * Looks at what stands under the name of a part.
 * @param act called if that is ours; gives what became of it
 * @param mayBeChanged whether that is ours too if it was changed since
 */
async function judge(
  tree: Tree,
  file: UnfinishedFile,
  journal: JournalContent,
  dryRun: boolean,
  act: (folder: OpenFolder, there: FileStats) => Promise<'part' | 'kept'>,
  mayBeChanged = false,
): Promise<Leftover | undefined> {
  const { fs } = tree
  const { target, part } = file
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
    const identity = identityOf(there, file, journal)
    if (identity === 'other') return undefined
    if (there.nlink === 2 && (await isPublished(tree, folder, part, name, dryRun)))
      return { path, bytes, state: 'published', file }
    const isOurs = isPart(there, identity, file, journal, mayBeChanged)
    if (isOurs === 'no') return undefined
    if (isOurs === 'perhaps' || there.uid !== journal.stats.uid)
      return { path, bytes, state: 'kept', file, error: doubt(path, there, identity, file, journal) }
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

/** Why nobody knows whether it is the part: forgotten it would stay for ever. */
function doubt(
  path: string,
  there: FileStats,
  identity: PartIdentity,
  { size }: UnfinishedFile,
  { stats }: JournalContent,
): SluiceError {
  let why = 'is not as old as the journal that calls it a part'
  if (identity === 'copied') why = 'is called a part by a journal that is a copy, or that somebody made up'
  if (there.uid !== stats.uid) why = 'belongs to another user than the journal that calls it a part'
  else if (there.nlink > 1) why = 'has a second name, as no part has that a journal knows'
  else if (size !== null && there.size > size)
    why = 'is larger than the file that a journal calls it a part of'
  const message = `${printable(path)} ${why}: remove it, or give it another name if it is none`
  return new SluiceError('ERR_WRITE', message, { path })
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
