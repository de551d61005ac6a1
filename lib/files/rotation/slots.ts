import { printable, SluiceError } from '../../errors.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { lstatIfThere } from '../disk/stats.js'
import type { OpenFolder } from '../tree/open-folder.js'

/** The ending of a rotated file that is compressed. */
export const COMPRESSED = '.gz'

/** The name of a rotated file. */
export function slotName(name: string, number: number, isCompressed = false): string {
  return `${name}.${number}${isCompressed ? COMPRESSED : ''}`
}

/** What stands under the names of rotated files. */
export interface Slots {
  /**
   * The names by number, from the lowest on: of each `name.1` and, behind it, `name.1.gz`; both after an interrupted
   * run.
   */
  ours: Map<number, string[]>
  /** The numbers of which another user has a name. */
  foreign: Set<number>
}

/**
 * The rotated files of `name`. `ERR_CONFLICT` if one is not a regular file.
 * @param isOurs the others are not rotated files, but stand in their place: `passOver` is told
 */
export async function listSlots(
  fs: FileSystem,
  folder: OpenFolder,
  name: string,
  isOurs: (stats: FileStats) => boolean,
  passOver: (name: string, uid: number) => void,
): Promise<Slots> {
  const ours = new Map<number, string[]>()
  const foreign = new Set<number>()
  for (const there of (await folder.list()).map(String).sort()) {
    if (!there.startsWith(`${name}.`)) continue
    const digits = /^([1-9]\d{0,5})(\.gz)?$/.exec(there.slice(name.length + 1))?.[1]
    const stats = digits === undefined ? undefined : await lstatIfThere(fs, folder.at(there))
    if (!stats) continue
    const number = Number(digits)
    if (!isOurs(stats)) {
      foreign.add(number)
      passOver(there, stats.uid)
    } else if (stats.isFile()) ours.set(number, [...(ours.get(number) ?? []), there])
    else {
      const message = `${printable(there)} is not a regular file, but stands where a rotated file does; move it away`
      throw new SluiceError('ERR_CONFLICT', message, { path: there })
    }
  }
  return { ours: new Map([...ours].sort(([a], [b]) => a - b)), foreign }
}

/**
 * How room is made for one more: `first` is the number that it gets, the lowest that no other user has. Those that
 * stand in the way, and those in their way, move on, the last one first.
 */
export function movesOf({ ours, foreign }: Slots): { first: number; moves: { name: string; to: number }[] } {
  const after = (number: number) => {
    do number++
    while (foreign.has(number))
    return number
  }
  const first = after(0)
  const moves: { name: string; to: number }[] = []
  let last = first
  for (const [number, names] of ours) {
    // nothing moves to its number
    if (number > last) break
    const to = after(last)
    moves.unshift(...names.map((name) => ({ name, to })))
    last = to
  }
  return { first, moves }
}

/** The number of a file, had other users none. */
export function rankOf(number: number, { foreign }: Slots): number {
  return number - [...foreign].filter((one) => one <= number).length
}
