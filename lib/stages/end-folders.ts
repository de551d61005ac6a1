import { diskError, errorCode } from '../files/disk-error.js'
import { nameOf, parentOf, suffixed } from '../files/names.js'
import type { Entry } from '../wire/manifest.js'
import { atMost } from './at-most.js'
import type { Destination } from './destination.js'
import type { Outcome } from './outcomes.js'

/**
 * Sets modes and times of the folders, the deepest first: whatever is made or removed in a folder changes its time,
 * and its mode may forbid it. What fails here is a warning: the folder is there.
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

async function setAttributes(destination: Destination, path: string, { mode, mtime }: Entry): Promise<void> {
  const { fs, durability } = destination
  const folder = await destination.directory(path)
  try {
    if (((await fs.fstat(folder.fd)).mode & 0o777) !== mode) await fs.fchmod(folder.fd, mode)
    const seconds = (mtime + 0.0005) / 1000
    await fs.futimes(folder.fd, seconds, seconds)
    if (durability === 'power') await folder.sync()
  } finally {
    folder.release()
  }
}

/**
 * Makes a symbolic link, at the very end, so that nothing is ever written through it; only one that stays inside.
 * A taken name gives it a suffix.
 */
export async function endLink(destination: Destination, entry: Entry): Promise<Outcome> {
  const { path } = entry
  const target = entry.target!
  if (!staysInside(path, target)) return { entry, path, status: 'skipped', reason: 'symlink' }
  try {
    const above = await destination.folders.make(parentOf(path))
    const folder = await destination.directory(above)
    try {
      for (let n = 0; ; n++) {
        const name = n === 0 ? nameOf(path) : suffixed(nameOf(path), n)
        const full = above === '' ? name : `${above}/${name}`
        const state = await makeLink(destination, folder.at(name), target)
        if (state === 'taken') continue
        const outcome: Outcome = { entry, path, status: state === 'made' ? 'published' : 'skipped' }
        if (state === 'there') outcome.reason = 'identical'
        if (full !== path) outcome.name = full
        return outcome
      }
    } finally {
      folder.release()
    }
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

/** Whether a link at `path` with this target leads to something in the destination, whatever it is. */
export function staysInside(path: string, target: string): boolean {
  if (target === '' || /^[/\\]|^[A-Za-z]:|\0/.test(target)) return false
  let depth = path.split('/').length - 1
  for (const name of target.split(/[/\\]/)) {
    if (name === '..') depth--
    else if (name !== '' && name !== '.') depth++
    if (depth < 0) return false
  }
  return true
}
