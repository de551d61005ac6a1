import { isGone, type ProcessSystem } from '../owner.js'
import { ownerOfTemporary } from '../temporary/names.js'
import { type Ground, removeAll } from './steps.js'

/** Removes the temporary files of processes that are gone, in the folder and all below it. */
export async function collectOrphans(
  { tree, atOnce }: Ground,
  { system, keep }: { system: ProcessSystem; keep: Set<string> },
): Promise<string[]> {
  const found: string[] = []
  const walk = async (path: string): Promise<void> => {
    const folder = await tree.directory(path)
    const inner: string[] = []
    try {
      for (const bytes of await folder.list()) {
        const name = bytes.toString()
        const owner = ownerOfTemporary(name)
        const below = path === '' ? name : `${path}/${name}`
        if (owner && isGone(owner, system)) found.push(below)
        else if ((await tree.fs.lstat(folder.at(name))).isDirectory()) inner.push(below)
      }
    } finally {
      folder.release()
    }
    for (const one of inner) await walk(one)
  }
  await walk('')
  const orphans = found.filter((path) => !keep.has(path))
  await removeAll({ tree, atOnce }, orphans)
  return orphans
}
