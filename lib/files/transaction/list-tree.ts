import { printable, SluiceError } from '../../errors.js'
import { withAccessList } from '../disk/access-list.js'
import { diskError } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import type { FolderRights } from '../intent/intent.js'
import { inFolder } from '../intent/staging.js'
import { ownerOfTemporary } from '../own/temporary-name.js'
import type { Tree } from '../tree/tree.js'
import { fewAtOnce } from './folder.js'

/** What is in a folder, with their stats, by path; each folder stands before what is in it. */
export type Listed = Map<string, FileStats>

/**
 * All files and folders below the folder `path` of a tree, and the folder itself; and the paths whose names are ours,
 * which are no content, as temporary files are. Fails with `ERR_UNSAFE_LINK` for a symbolic link, and with
 * `ERR_TRANSACTION` for what is neither file nor folder and for a name that is no text.
 */
export async function listTree(
  tree: Tree,
  path: string,
  isOurs = isTemporary,
): Promise<{ listed: Listed; leftOut: string[] }> {
  const listed: Listed = new Map()
  const leftOut: string[] = []
  const add = async (one: string): Promise<void> => {
    const stats = await inFolder(tree, one, (where) => tree.fs.lstat(where))
    checkKind(one, stats)
    listed.set(one, stats)
    if (!stats.isDirectory()) return
    for (const name of await allNamesIn(tree, one))
      if (isOurs(name)) leftOut.push(`${one}/${name}`)
      else await add(`${one}/${name}`)
  }
  try {
    await add(path)
    const folders = [...listed].filter(([, stats]) => stats.isDirectory())
    // together, because each question would take a process of its own
    await fewAtOnce().each(folders, async ([one, stats]) => {
      await inFolder(tree, one, (where) => withAccessList(tree.fs, where, stats))
    })
  } catch (error) {
    throw diskError(error, 'list', path)
  }
  return { listed, leftOut }
}

/**
 * The warning that a folder was copied, moved or deleted without what is in it under names of ours, which may be the
 * user's; none if there is nothing.
 */
export function leftAsTheyAre([path, ...others]: readonly string[]): SluiceError[] {
  if (path === undefined) return []
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  const message = `${printable(path)}${more} is left as it is, since Sluice itself uses such names: rename it, and take it by itself`
  return [new SluiceError('ERR_PATH', message, { path })]
}

/** The names in a folder, without those of temporary files. */
export async function namesIn(tree: Tree, path: string): Promise<string[]> {
  return (await allNamesIn(tree, path)).filter((name) => !isTemporary(name))
}

const isTemporary = (name: string) => ownerOfTemporary(name) !== undefined

async function allNamesIn(tree: Tree, path: string): Promise<string[]> {
  const names = await tree.within(path, (folder) => folder.list())
  return names.map((bytes) => {
    const name = bytes.toString()
    if (!Buffer.from(name).equals(bytes)) {
      const message = `${printable(`${path}/${name}`)} has a name that is no UTF-8: rename it, or leave it out`
      throw new SluiceError('ERR_TRANSACTION', message, { path: `${path}/${name}` })
    }
    return name
  })
}

/** `ERR_UNSAFE_LINK` for a link, `ERR_TRANSACTION` for what is neither a file nor a folder. */
export function checkKind(path: string, there: FileStats | undefined): void {
  if (there?.isSymbolicLink()) {
    const message = `${printable(path)} is a symbolic link; name what it leads to`
    throw new SluiceError('ERR_UNSAFE_LINK', message, { path })
  }
  if (there && !there.isFile() && !there.isDirectory()) {
    const message = `${printable(path)} is neither a file nor a folder`
    throw new SluiceError('ERR_TRANSACTION', message, { path })
  }
}

/** What a copy of a folder is to have. */
export type Rights = Omit<FolderRights, 'path'>

/** What a moved folder keeps: who may do what, whose group new files in it get, and who may delete them. */
const MOVED = 0o3777

/** @param move whether it keeps its owner, and all that its mode says */
export function rightsOf(stats: FileStats, move: boolean): Rights {
  const { mode, uid, gid, accessList } = stats
  const list = accessList === undefined ? {} : { accessList }
  return move ? { mode: mode & MOVED, ...list, owner: { uid, gid } } : { mode: mode & 0o777, ...list }
}
