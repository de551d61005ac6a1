import type { SluiceError } from '../../errors.js'
import { setMode, setTime, unlessRefused } from '../../files/disk/attributes.js'
import { diskError } from '../../files/disk/disk-error.js'
import type { Entry } from '../../wire/entry.js'
import type { Placement } from '../policy.js'
import type { DiskStore } from './disk-store.js'

/**
 * Sets mode and time of a folder, where they are others. One that was there before is told as that, and keeps its mode:
 * see {@link ArrivingFolders.isOurs}. So is one that the same transfer made over a connection that was lost. What fails
 * here is a warning: the folder is there.
 */
export async function endFolder(store: DiskStore, entry: Entry): Promise<Placement> {
  const name = store.folders.folderOf(entry.path)!
  const set = () => setAttributes(store, name, entry)
  const warning = await set().catch((error: unknown) => diskError(error, 'set mode and time of', name))
  if (warning) return { name, warning }
  return store.folders.isOurs(entry.path) ? { name } : { name, skipped: 'identical' }
}

function setAttributes(store: DiskStore, there: string, entry: Entry): Promise<SluiceError | undefined> {
  const { fs, durability, folders } = store
  const { path, mode, mtime } = entry
  return store.within(there, async (folder) => {
    const setBits = async () => {
      if (mode !== null && folders.isOurs(path)) await setMode(fs, folder.fd, mode)
    }
    const setOwnTime = async () => {
      const { mtimeMs } = await fs.fstat(folder.fd)
      if (Math.floor(mtimeMs) !== mtime) await setTime(fs, folder.fd, mtime)
    }
    const without = [
      await unlessRefused('mode', path, setBits),
      await unlessRefused('time', path, setOwnTime),
    ]
    if (durability === 'power') await folder.sync()
    return without.find((warning) => warning)
  })
}
