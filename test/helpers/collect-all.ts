import { collectLeftovers, type FileSystem, type Leftover, Tree } from '../../lib/files/index.js'
import { processSystem } from '../../lib/files/own/owner.js'

let boots = 0

/** Collects leftovers as the first process after a reboot, a day later: of those before it none is left. */
export async function collectAll(fs: FileSystem, dir: string): Promise<Leftover[]> {
  const boot = `boot ${++boots}`
  const read = (path: string) => (path.endsWith('boot_id') ? boot : processSystem.read(path))
  const now = () => Date.now() + 25 * 3600_000
  const tree = await Tree.open(dir, { fs })
  try {
    return await collectLeftovers(tree, { system: { ...processSystem, read }, now })
  } finally {
    await tree.close()
  }
}
