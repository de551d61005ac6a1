import { makeBackup } from '../atomic/backups.js'
import { errorCode } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { moveOver } from '../disk/move-file.js'
import { nameOf, parentOf } from '../disk/names.js'
import { lstatIfThere, sameInode } from '../disk/stats.js'
import { digestOfFileAt, inFolder, type StagingArea, stageLink } from '../intent/staging.js'
import { publish } from '../publish/publish.js'
import type { PointRecord } from './record.js'

/** What became of a point that was undone, or was not. */
export interface Undone {
  /**
   * 'undone': what was there before is there again. 'unchanged': it was there still. 'conflict': what stands
   * there is not what was done; it was left. 'damaged': what was kept is gone or was changed; what is there was
   * left.
   */
  state: 'undone' | 'unchanged' | 'conflict' | 'damaged'
  /** Where what was there was kept, below the folder: nobody had said that this is what was done. */
  backup?: string
}

/** What is at a path: nothing, a file with its digest, or something that is no file. */
type Look = 'nothing' | 'other' | { stats: FileStats; digest: string }

/**
 * What is at `path` of the tree, and what it digests to. With 'power' it is synced first: what a point says
 * of it, or that there is no point any more, must not last longer than itself.
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
    // the folder is missing
    if (error instanceof Error && errorCode(error.cause) === 'ENOENT') return 'nothing'
    throw error
  }
  if (!stats) return 'nothing'
  return stats.isFile() ? { stats, digest: await digestOfFileAt(tree, path, power) } : 'other'
}

/** The digest of what is there; null: nothing does; undefined: no file. */
export function digestOfLook(found: Look): string | null | undefined {
  if (found === 'nothing') return null
  return found === 'other' ? undefined : found.digest
}

/**
 * Puts back what was there before a point, unless somebody else changed it since. Every step can be the last one: it
 * is done again then, and finds what is done.
 * @param kept where the content is, below the root
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
  // what else could have been done
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

/** By a second name for what was kept, which takes the place of what is there in one step. */
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

/** The folders that are missing: what was deleted may have been the last thing in them. */
async function makeMissingFolders(area: StagingArea, path: string): Promise<void> {
  const { tree, durability } = area
  if (path === '') return
  await makeMissingFolders(area, parentOf(path))
  await tree.makeDirectory(path)
  if (durability !== 'power') return
  // also where it was there: who made it, an earlier recovery too, may have been killed before the sync
  const above = await tree.directory(parentOf(path))
  try {
    await above.sync()
  } finally {
    above.release()
  }
}
