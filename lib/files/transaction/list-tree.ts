import { printable, SluiceError } from '../../errors.js'
import { plainMode } from '../disk/access-list.js'
import { diskError } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import type { FolderRights } from '../intent/intent.js'
import { inFolder } from '../intent/staging.js'
import { ownerOfTemporary } from '../own/temporary-name.js'
import type { Tree } from '../tree/tree.js'

/** What is in a folder, with their stats, by path; each folder stands before what is in it. */
export type Listed = Map<string, FileStats>

/**
 * All files and folders below the folder `path` of a tree, and the folder itself. Temporary files of ours, and of other
 * processes of ours, are no content. Fails with `ERR_UNSAFE_LINK` for a symbolic link, and with `ERR_TRANSACTION` for
 * what is neither file nor folder and for a name that is no text.
 */
export async function listTree(tree: Tree, path: string): Promise<Listed> {
  const found: Listed = new Map()
  const add = async (one: string): Promise<void> => {
    const stats = await inFolder(tree, one, (where) => tree.fs.lstat(where))
    checkKind(one, stats)
    found.set(one, stats)
    if (stats.isDirectory()) for (const name of await namesIn(tree, one)) await add(`${one}/${name}`)
  }
  try {
    await add(path)
  } catch (error) {
    throw diskError(error, 'list', path)
  }
  return found
}

/** The names in a folder, without those of temporary files. */
export async function namesIn(tree: Tree, path: string): Promise<string[]> {
  const names = await tree.within(path, (folder) => folder.list())
  return names.flatMap((bytes) => {
    const name = bytes.toString()
    if (!Buffer.from(name).equals(bytes)) {
      const message = `${printable(`${path}/${name}`)} has a name that is no UTF-8: rename it, or leave it out`
      throw new SluiceError('ERR_TRANSACTION', message, { path: `${path}/${name}` })
    }
    return ownerOfTemporary(name) === undefined ? [name] : []
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
  const { mode, uid, gid } = stats
  return move ? { mode: mode & MOVED, owner: { uid, gid } } : { mode: plainMode(stats) }
}
