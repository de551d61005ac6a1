import { Limiter, overSlices } from '../../async.js'
import type { FileStats } from '../../files/disk/fs.js'
import { foldName } from '../../files/disk/names.js'
import { type FileNumbers, idText } from '../../files/disk/stats.js'

/** Paths that are looked at at once. */
const MOST_LOOKS = 8

/** Something that has a name: its stats, and its path below the root. */
export interface Named {
  path: string
  stats: FileNumbers & Pick<FileStats, 'nlink'>
}

/**
 * Files that this transfer has put there, or found there and acknowledged: to no other of its files is one of them an
 * old version that may be overwritten. They are told by device and inode, since two names can be one on this disk, and
 * another disk may be mounted below the folder.
 */
export class AcknowledgedFiles {
  /** Paths of what came over earlier connections. */
  readonly #earlier: Iterable<string>
  readonly #look: (path: string) => Promise<FileStats | undefined>
  readonly #signal: AbortSignal | undefined
  #recalling: Promise<void> | undefined
  /** By their devices: mostly there is one. */
  readonly #inodes = new Map<FileNumbers['dev'], InodeSet>()
  /** Paths, folded, of files that have other names too: to overwrite one of those harms nobody. */
  readonly #shared = new Set<string>()
  /** What is being overwritten at this moment. */
  readonly #doomed = new Set<string>()

  /**
   * @param earlier paths below the root of what counts as brought from the beginning; read by {@link recall}
   * @param look gives the stats of what has such a path
   * @param signal aborted when nobody waits for that any more
   */
  constructor(
    earlier: Iterable<string>,
    look: (path: string) => Promise<FileStats | undefined>,
    signal?: AbortSignal,
  ) {
    this.#earlier = earlier
    this.#look = look
    this.#signal = signal
  }

  /** A file of this transfer is about to get its name. */
  add(file: FileNumbers): void {
    let inodes = this.#inodes.get(file.dev)
    if (!inodes) {
      inodes = new InodeSet()
      this.#inodes.set(file.dev, inodes)
    }
    inodes.add(file.ino)
  }

  /** A file that was there is to count as brought; false if it is being overwritten. */
  acknowledge({ path, stats }: Named): boolean {
    if (this.#doomed.has(idText(stats))) return false
    if (stats.nlink > 1) this.#shared.add(foldName(path))
    else this.add(stats)
    return true
  }

  /** Looks at what came over earlier connections, once. To be called before a look at what is to be overwritten. */
  recall(): Promise<void> {
    this.#recalling ??= this.#recall()
    return this.#recalling
  }

  async #recall(): Promise<void> {
    const paths = [...this.#earlier]
    const limiter = new Limiter(MOST_LOOKS)
    const look = async (path: string) => {
      this.#signal?.throwIfAborted()
      const stats = await this.#look(path)
      if (stats) this.acknowledge({ path, stats })
    }
    await overSlices(0, paths.length, (first, end) =>
      limiter.each(paths.slice(first, end), look, { failFast: true }),
    )
  }

  has({ path, stats }: Named): boolean {
    const isKnown = this.#inodes.get(stats.dev)?.has(stats.ino) === true
    return isKnown || (stats.nlink > 1 && this.#shared.has(foldName(path)))
  }

  /** Calls `replace`, which overwrites the file; false if that must not be. */
  async replacing(there: Named, replace: () => Promise<void>): Promise<boolean> {
    const file = idText(there.stats)
    if (this.has(there) || this.#doomed.has(file)) return false
    this.#doomed.add(file)
    try {
      await replace()
      return true
    } finally {
      this.#doomed.delete(file)
    }
  }
}

/**
 * Very many inodes of one disk, at 16 to 32 bytes each: a hash table that is never more than half full. A slot of 0 is
 * empty.
 */
class InodeSet {
  #slots = new BigUint64Array(1024)
  #count = 0

  has(key: bigint): boolean {
    return key !== 0n && this.#slots[this.#slotOf(key)] === key
  }

  add(key: bigint): void {
    const slot = this.#slotOf(key)
    if (key === 0n || this.#slots[slot] === key) return
    this.#slots[slot] = key
    if (++this.#count * 2 <= this.#slots.length) return
    const before = this.#slots
    this.#slots = new BigUint64Array(before.length * 2)
    for (const one of before) if (one !== 0n) this.#slots[this.#slotOf(one)] = one
  }

  /** Where the inode is, or would be. */
  #slotOf(key: bigint): number {
    const mask = this.#slots.length - 1
    // neighbours lie far apart (Knuth's multiplicative hash)
    let slot = Number(BigInt.asUintN(32, (key ^ (key >> 32n)) * 2654435769n)) & mask
    while (this.#slots[slot] !== 0n && this.#slots[slot] !== key) slot = (slot + 1) & mask
    return slot
  }
}
