import type { FileSystem } from '../disk/fs.js'
import { idText } from '../disk/stats.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Tree, type TreeOptions } from '../tree/tree.js'

interface Shared {
  tree: Tree
  users: number
}

const sharedTrees = new WeakMap<FileSystem, Map<string, Shared>>()

/** A tree that parts in the same folder share, so that all of them hold it open only once. */
export interface SharedTree {
  tree: Tree
  /** Closes it once nobody has it any more; the second call does nothing. */
  leave: () => Promise<void>
}

/** {@link Tree.open}, or the tree that another part of this process has for the very same folder. */
export async function shareTree(
  path: string,
  fs: FileSystem,
  options: Pick<TreeOptions, 'durability' | 'create'>,
): Promise<SharedTree> {
  const opened = await Tree.open(path, { ...options, fs, handles: handlesOf(fs) })
  try {
    const stats = await opened.within('', ({ fd }) => fs.fstat(fd))
    // by both: the path may lead to another folder by now
    const key = `${idText(stats)} ${opened.root}`
    const trees = sharedTrees.get(fs) ?? new Map<string, Shared>()
    sharedTrees.set(fs, trees)
    const shared = trees.get(key) ?? { tree: opened, users: 0 }
    trees.set(key, shared)
    shared.users++
    if (shared.tree !== opened) await opened.close()
    let isLeft = false
    const leave = async () => {
      if (isLeft) return
      isLeft = true
      if (--shared.users > 0) return
      trees.delete(key)
      await shared.tree.close()
    }
    return { tree: shared.tree, leave }
  } catch (error) {
    await opened.close()
    throw error
  }
}
