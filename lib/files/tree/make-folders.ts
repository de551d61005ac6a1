import { errorCode } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { syncFolder } from '../disk/sync.js'

/**
 * Makes `path` and what is missing above it. Links on the way are the user's choice. `power` makes the new names last;
 * also that of the folder that was there, because its creator may not have synced it yet, or was killed before it.
 */
export async function makeFolders(fs: FileSystem, path: string, power: boolean): Promise<void> {
  const above = folderAbove(path)
  try {
    await fs.mkdir(path)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST') return power ? syncStanding(fs, path) : undefined
    if (code !== 'ENOENT' || above === '' || above === path) throw error
    await makeFolders(fs, above, power)
    return makeFolders(fs, path, power)
  }
  if (!power) return
  try {
    // further up each was synced before the next was made
    await syncStanding(fs, above)
    await syncFolder(fs, above === '' ? '.' : above)
  } catch (error) {
    // or the next one would take it for a folder that lasts
    await fs.rmdir(path).catch(() => {})
    throw error
  }
}

/** Makes the name of a folder last that was there. */
async function syncStanding(fs: FileSystem, path: string): Promise<void> {
  const above = folderAbove(path)
  try {
    if (above !== path) await syncFolder(fs, above === '' ? '.' : above)
  } catch (error) {
    // who may not look into it did not make the folder in it
    if (!UNREADABLE.has(errorCode(error) ?? '')) throw error
  }
}

const UNREADABLE = new Set(['EACCES', 'EPERM'])

/** With its slash; '' for a name alone, the path itself for the root. */
function folderAbove(path: string): string {
  return path.replace(/[^/\\]+[/\\]*$/, '')
}
