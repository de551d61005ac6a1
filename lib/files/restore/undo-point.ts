import { makeBackup } from '../atomic/backups.js'
import { errorCode } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { moveOver } from '../disk/move-file.js'
import { nameOf, parentOf } from '../disk/names.js'
import { lstatIfThere, sameInode } from '../disk/stats.js'
import { digestOfFileAt, inFolder, type StagingArea, stageLink } from '../intent/staging.js'
import { publish } from '../publish/publish.js'
import type { PointRecord } from './record.js'

/** What was done to undo a point. */
export interface Undone {
  /**
   * 'undone': the old content is back. 'unchanged': the old content was still there. 'conflict': the file is not the
   * result of the change; it was left. 'damaged': the kept content is missing or was changed; the file was left.
   */
  state: 'undone' | 'unchanged' | 'conflict' | 'damaged'
  /**
   * The path of a backup below the folder: the file at the path was kept, because nobody had said that it is the
   * result of the change.
   */
  backup?: string
}

/** What is at a path: nothing, a file with its digest, or something that is no file. */
type Look = 'nothing' | 'other' | { stats: FileStats; digest: string }

/**
 * What is at `path` of the tree. With 'power' it is synced first: a point must not be changed or removed because of a
 * file that a power cut could still undo.
 */
export async function look({ tree, durability }: StagingArea, path: string): Promise<Look> {
  const power = durability === 'power'
  let stats: FileStats | undefined
  try {
    stats = await inFolder(tree, path, async (where, folder) => {
      if (power) await folder.sync()
      return lstatIfThere(tree.fs, where)
    })
  } catch (error) {
    // a folder above is missing
    if (error instanceof Error && errorCode(error.cause) === 'ENOENT') return 'nothing'
    throw error
  }
  if (!stats) return 'nothing'
  return stats.isFile() ? { stats, digest: await digestOfFileAt(tree, path, power) } : 'other'
}

/** The digest of what was found; null: nothing; undefined: no file. */
export function digestOfLook(found: Look): string | null | undefined {
  if (found === 'nothing') return null
  return found === 'other' ? undefined : found.digest
}

/**
 * Restores the content from before a point, unless somebody else has changed the file since. It may be interrupted
 * after any step; then it is run again, and finds what was done.
 * @param kept the path of the kept content below the root
 * @param now for the name of a backup
 */
export async function undoPoint(
  area: StagingArea,
  record: PointRecord,
  kept: string,
  now: number,
): Promise<Undone> {
  const { path, old = null, kind } = record
  const found = await look(area, path)
  const content = await look(area, kept)
  if (digestOfLook(found) === old || isSame(found, content)) return { state: 'unchanged' }
  // the result that the change must have
  const after = record.after === undefined && kind === 'delete' ? null : record.after
  if (digestOfLook(found) === undefined || (after !== undefined && digestOfLook(found) !== after))
    return { state: 'conflict' }
  if (old !== null && (typeof content === 'string' || (!record.linked && content.digest !== old))) {
    return { state: 'damaged' }
  }
  const unknown = after === undefined && found !== 'nothing'
  const backup = unknown ? await keepBackup(area, path, now) : undefined
  if (old === null) await removeCreated(area, path)
  else await putBack(area, path, kept, content as Exclude<Look, string>, found === 'nothing')
  return { state: 'undone', ...(backup !== undefined && { backup }) }
}

function isSame(found: Look, content: Look): boolean {
  return typeof found !== 'string' && typeof content !== 'string' && sameInode(found.stats, content.stats)
}

async function keepBackup(
  { tree, durability }: StagingArea,
  path: string,
  time: number,
): Promise<string | undefined> {
  const folder = parentOf(path)
  const name = await inFolder(tree, path, (_where, directory) =>
    makeBackup(tree.fs, directory, nameOf(path), { time, power: durability === 'power' }),
  )
  return name === undefined || folder === '' ? name : `${folder}/${name}`
}

async function removeCreated({ tree, durability }: StagingArea, path: string): Promise<void> {
  await inFolder(tree, path, async (where, directory) => {
    await tree.fs.unlink(where).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error
    })
    if (durability === 'power') await directory.sync()
  })
}

/** Gives the kept content a second, temporary name, which replaces the file in one step. */
async function putBack(
  area: StagingArea,
  path: string,
  kept: string,
  { stats }: Exclude<Look, string>,
  free: boolean,
): Promise<void> {
  const { tree, durability } = area
  await makeMissingFolders(area, parentOf(path))
  const staged = await stageLink(area, kept, parentOf(path), stats)
  await inFolder(tree, path, async (where, directory) => {
    const temporary = directory.at(nameOf(staged))
    try {
      if (!free) {
        await moveOver(tree.fs, temporary, where)
        if (durability === 'power') await directory.sync()
      } else await publish(tree.fs, directory, nameOf(staged), nameOf(path), { conflict: 'fail', durability })
    } catch (error) {
      await tree.fs.unlink(temporary).catch(() => {})
      throw error
    }
  })
}

/** Makes missing folders: a deleted file may have been the last one in them. */
async function makeMissingFolders(area: StagingArea, path: string): Promise<void> {
  const { tree, durability } = area
  if (path === '') return
  await makeMissingFolders(area, parentOf(path))
  await tree.makeDirectory(path)
  if (durability !== 'power') return
  // also for an existing folder: its creator may have been killed before the sync
  const above = await tree.directory(parentOf(path))
  try {
    await above.sync()
  } finally {
    above.release()
  }
}
