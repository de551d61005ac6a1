import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { FileSystem } from '../disk/fs.js'
import { unlinkIfThere } from '../disk/stats.js'

/** Bytes of the name of a trail: the names of its rotated files are longer, and must be possible, too. */
export const LONGEST_TRAIL_NAME = 220

/** A file that was rotated away. */
export interface Rotated {
  path: string
  /** The newest file has the largest number. */
  number: number
}

/**
 * The rotated files of a trail, the oldest first. They are called `NAME.NUMBER-RANDOM`. The number is not a time,
 * because the clock may be set back. The random part lets two processes rotate at once without a lock and without
 * taking each other's name.
 */
export async function listRotated(fs: FileSystem, path: string, name: string): Promise<Rotated[]> {
  const folder = dirname(path)
  const found: Rotated[] = []
  for (const bytes of await fs.readdir(folder)) {
    const there = bytes.toString()
    if (!there.startsWith(`${name}.`)) continue
    const number = /^(\d{8,15})-[0-9a-f]{8}$/.exec(there.slice(name.length + 1))?.[1]
    if (number !== undefined) found.push({ path: join(folder, there), number: Number(number) })
  }
  return found.sort((a, b) => a.number - b.number || (a.path < b.path ? -1 : 1))
}

/** A new name, newer than all of `rotated`. */
export function nextRotated(path: string, rotated: readonly Rotated[]): Rotated {
  const number = (rotated.at(-1)?.number ?? 0) + 1
  const random = randomBytes(4).toString('hex')
  return { path: `${path}.${String(number).padStart(8, '0')}-${random}`, number }
}

/** Removes all but the newest `keep`. Another process may do the same at the same time. */
export async function removeOldest(fs: FileSystem, path: string, name: string, keep: number): Promise<void> {
  const rotated = await listRotated(fs, path, name)
  for (const { path: old } of rotated.slice(0, Math.max(0, rotated.length - keep))) {
    await unlinkIfThere(fs, old)
  }
}
