import { setTime } from '../files/attributes.js'
import { diskError, errorCode } from '../files/disk-error.js'
import { firstFree } from '../files/first-free.js'
import { nameOf, parentOf } from '../files/names.js'
import type { Entry } from '../wire/manifest.js'
import { atMost } from './at-most.js'
import type { Destination } from './destination.js'
import { staysInside } from './link-target.js'
import { type Outcome, skippedLink } from './outcomes.js'

/**
 * Sets modes and times of the folders, the deepest first: whatever is made or removed in a folder changes its time,
 * and its mode may forbid it. One that was there before keeps its mode: see {@link ArrivingFolders.modeOf}. What fails
 * here is a warning: the folder is there.
 */
export async function endFolders(
  destination: Destination,
  entries: readonly Entry[],
  concurrency: number,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const level of byDepth(entries)) {
    await atMost(concurrency, level, async (entry) => {
      const { path } = entry
      const outcome: Outcome = { entry, path, status: 'published' }
      const there = destination.folders.folderOf(path)!
      if (there !== path) outcome.name = there
      try {
        await setAttributes(destination, there, entry)
      } catch (error) {
        outcome.error = diskError(error, 'set mode and time of', there)
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

function setAttributes(destination: Destination, there: string, entry: Entry): Promise<void> {
  const { fs, durability, folders } = destination
  const { path, mode, mtime } = entry
  return destination.within(there, async (folder) => {
    const standing = (await fs.fstat(folder.fd)).mode & 0o777
    const wanted = folders.modeOf(path, mode, standing)
    if (wanted !== standing) await fs.fchmod(folder.fd, wanted)
    await setTime(fs, folder.fd, mtime)
    if (durability === 'power') await folder.sync()
  })
}

/** Makes the symbolic links, one after the other, at the very end: nothing is ever written through one. */
export async function endLinks(
  destination: Destination,
  entries: readonly Entry[],
  symlinks: 'skip' | 'keep',
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const entry of entries) {
    outcomes.push(symlinks === 'keep' ? await endLink(destination, entry) : skippedLink(entry))
  }
  return outcomes
}

/** Makes a symbolic link, if it leads to something inside. A taken name gives it a suffix. */
async function endLink(destination: Destination, entry: Entry): Promise<Outcome> {
  const { path } = entry
  const target = entry.target!
  if (!staysInside(path, target))
    return skippedLink(entry, 'the link leads, or could lead, out of the destination')
  try {
    const above = await destination.folders.make(parentOf(path))
    return await destination.within(above, (folder) =>
      firstFree(nameOf(path), path, async (name) => {
        const full = above === '' ? name : `${above}/${name}`
        const state = await makeLink(destination, folder.at(name), target)
        if (state === 'taken') return undefined
        const outcome: Outcome = { entry, path, status: state === 'made' ? 'published' : 'skipped' }
        if (state === 'there') outcome.reason = 'identical'
        if (full !== path) outcome.name = full
        return outcome
      }),
    )
  } catch (error) {
    return { entry, path, status: 'failed', error: diskError(error, 'make the link', path) }
  }
}

async function makeLink(
  { fs }: Destination,
  at: string,
  target: string,
): Promise<'made' | 'there' | 'taken'> {
  try {
    await fs.symlink(target, at)
    return 'made'
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    const same = await fs.readlink(at).then(
      (there) => there === target,
      () => false,
    )
    return same ? 'there' : 'taken'
  }
}
