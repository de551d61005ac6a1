import { makeBackup } from '../atomic/backups.js'
import { systemCode } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { moveWritten, orRemove } from '../disk/move-file.js'
import { nameOf, parentOf } from '../disk/names.js'
import { lstatIfThere, sameInode, unlinkIfThere } from '../disk/stats.js'
import { digestOfFileAt, inFolder, type StagingArea, stageLink } from '../intent/staging.js'
import { publish } from '../publish/publish.js'
import type { PointRecord } from './store.js'

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

/** Where it happens. `guard` throws once others may work there, and is called before each step. */
export type UndoArea = StagingArea & { guard: () => Promise<void> }

/** What is at a path. */
interface Look {
  /** null: nothing; undefined: something that is no file. */
  digest: string | null | undefined
  /** Those of a file. */
  stats?: FileStats
}

/**
 * Looks what is at `path` of the tree. With 'power' it is synced first: a point must not be changed or removed because
 * of a file that a power cut could still undo.
 */
export async function lookAt({ tree, durability }: StagingArea, path: string): Promise<Look> {
  const power = durability === 'power'
  const stats = await inFolder(tree, path, async (where, folder) => {
    if (power) await folder.sync()
    return lstatIfThere(tree.fs, where)
  }).catch((error: unknown) => {
    // a folder above is missing
    if (systemCode(error) !== 'ENOENT') throw error
  })
  if (!stats) return { digest: null }
  return stats.isFile()
    ? { stats, digest: await digestOfFileAt(tree, path, { sync: power }) }
    : { digest: undefined }
}

/**
 * Restores the content from before a point, unless somebody else has changed the file since. It may be interrupted
 * after any step; then it is run again, and finds what was done.
 * @param kept the path of the kept content below the root
 * @param now for the name of a backup
 */
export async function undoPoint(
  area: UndoArea,
  record: PointRecord,
  kept: string,
  now: number,
): Promise<Undone> {
  const { path, old = null, kind } = record
  const found = await lookAt(area, path)
  const content = await lookAt(area, kept)
  const isKept = found.stats && content.stats && sameInode(found.stats, content.stats)
  if (found.digest === old || isKept) return { state: 'unchanged' }
  // the result that the change must have
  const after = record.after === undefined && kind === 'delete' ? null : record.after
  if (found.digest === undefined || (after !== undefined && found.digest !== after))
    return { state: 'conflict' }
  if (old !== null && (!content.stats || (!record.linked && content.digest !== old)))
    return { state: 'damaged' }
  const unknown = after === undefined && found.digest !== null
  const backup = unknown ? await keepBackup(area, path, now) : undefined
  if (old === null) {
    await inFolder(area.tree, path, async (where, folder) => {
      await area.guard()
      await unlinkIfThere(area.tree.fs, where)
      if (area.durability === 'power') await folder.sync()
    })
  } else await putBack(area, path, kept, content.stats!, found.digest === null)
  return { state: 'undone', ...(backup !== undefined && { backup }) }
}

async function keepBackup(
  { tree, durability, guard }: UndoArea,
  path: string,
  time: number,
): Promise<string | undefined> {
  const above = parentOf(path)
  await guard()
  const name = await inFolder(tree, path, (_where, folder) =>
    makeBackup(tree.fs, folder, nameOf(path), { time, power: durability === 'power' }),
  )
  return name === undefined || above === '' ? name : `${above}/${name}`
}

/** Gives the kept content a second, temporary name, which replaces the file in one step. */
async function putBack(
  area: UndoArea,
  path: string,
  kept: string,
  stats: FileStats,
  free: boolean,
): Promise<void> {
  const { tree, durability, guard } = area
  await guard()
  await makeMissingFolders(area, parentOf(path))
  const { path: staged, written } = await stageLink(area, kept, parentOf(path), stats)
  await inFolder(tree, path, async (where, folder) => {
    const temporary = folder.at(nameOf(staged))
    const move = async () => {
      await guard()
      if (free) {
        const policy = { conflict: 'fail', durability, written } as const
        await publish(tree.fs, folder, nameOf(staged), nameOf(path), policy)
      } else {
        await moveWritten(tree.fs, temporary, where, written)
        if (durability === 'power') await folder.sync()
      }
    }
    await orRemove(tree.fs, temporary, move, written)
  })
}

/** Makes missing folders: a deleted file may have been the last one in them. */
async function makeMissingFolders(area: StagingArea, path: string): Promise<void> {
  const { tree, durability } = area
  if (path === '') return
  await makeMissingFolders(area, parentOf(path))
  await tree.makeFolder(path)
  // also for an existing folder: its creator may have been killed before the sync
  if (durability === 'power') await tree.sync(parentOf(path))
}
