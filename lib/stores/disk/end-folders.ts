import { setMode, setTime } from '../../files/disk/attributes.js'
import { diskError } from '../../files/disk/disk-error.js'
import { atMost } from '../../stages/at-most.js'
import type { Entry } from '../../wire/manifest.js'
import type { Outcome } from '../../wire/outcome.js'
import type { DiskStore } from './disk-store.js'

/**
 * Sets modes and times of the folders, the deepest first: whatever is made or removed in a folder changes its time,
 * and its mode may forbid it. One that was there before keeps its mode: see {@link ArrivingFolders.isOurs}. What fails
 * here is a warning: the folder is there.
 */
export async function endFolders(
  store: DiskStore,
  entries: readonly Entry[],
  concurrency: number,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const level of byDepth(entries)) {
    await atMost(concurrency, level, async (entry) => {
      const { path } = entry
      const outcome: Outcome = { entry, path, status: 'published' }
      const there = store.folders.folderOf(path)!
      if (there !== path) outcome.name = there
      try {
        await setAttributes(store, there, entry)
      } catch (error) {
        outcome.error = diskError(error, 'set mode and time of', there)
        outcome.code = outcome.error.code
      }
      outcomes.push(outcome)
    })
  }
  return outcomes
}

function byDepth(entries: readonly Entry[]): Entry[][] {
  const levels: Entry[][] = []
  for (const entry of entries) {
    const depth = entry.path.split('/').length
    levels[depth] ??= []
    levels[depth].push(entry)
  }
  return levels.filter((level) => level !== undefined).reverse()
}

function setAttributes(store: DiskStore, there: string, entry: Entry): Promise<void> {
  const { fs, durability, folders } = store
  const { path, mode, mtime } = entry
  return store.within(there, async (folder) => {
    if (folders.isOurs(path)) await setMode(fs, folder.fd, mode)
    await setTime(fs, folder.fd, mtime)
    if (durability === 'power') await folder.sync()
  })
}
