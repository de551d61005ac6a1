import { Limiter, overSlices } from '../../async.js'
import type { FileStats } from '../../files/disk/fs.js'
import { foldName } from '../../files/disk/names.js'
import { type FileNumbers, idText } from '../../files/disk/stats.js'

/** Paths that are looked at at once. */
const MOST_LOOKS = 8

/** Something that has a name: its stats, and its path below the root. */
export interface NamedStats {
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
  acknowledge({ path, stats }: NamedStats): boolean {
    if (this.#doomed.size > 0 && this.#doomed.has(idText(stats))) return false
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

  has({ path, stats }: NamedStats): boolean {
    const isKnown = this.#inodes.get(stats.dev)?.has(stats.ino) === true
    return isKnown || (stats.nlink > 1 && this.#shared.has(foldName(path)))
  }

  /** Calls `replace`, which overwrites the file; false if that must not be. */
  async replacing(there: NamedStats, replace: () => Promise<void>): Promise<boolean> {
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
 * empty. An inode is two numbers of 32 bits: there are millions of looks, and each `bigint` is an object of its own.
 */
class InodeSet {
  #slots = new Uint32Array(2048)
  #count = 0
  /** The inode that is looked for, and its two halves. */
  readonly #key = new BigUint64Array(1)
  readonly #halves = new Uint32Array(this.#key.buffer)

  has(key: bigint): boolean {
    return key !== 0n && this.#isAt(this.#slotOf(key))
  }

  add(key: bigint): void {
    if (key === 0n) return
    const slot = this.#slotOf(key)
    if (this.#isAt(slot)) return
    this.#put(slot)
    if (++this.#count * 4 <= this.#slots.length) return
    const before = this.#slots
    this.#slots = new Uint32Array(before.length * 2)
    for (let at = 0; at < before.length; at += 2) {
      this.#halves[0] = before[at]!
      this.#halves[1] = before[at + 1]!
      if (this.#key[0] !== 0n) this.#put(this.#freeOrOwn())
    }
  }

  /** Where the inode is, or would be. */
  #slotOf(key: bigint): number {
    this.#key[0] = key
    return this.#freeOrOwn()
  }

  #freeOrOwn(): number {
    const mask = this.#slots.length / 2 - 1
    // neighbours lie far apart (Knuth's multiplicative hash)
    let place = Math.imul(this.#halves[0]! ^ this.#halves[1]!, 2654435769) & mask
    while (!this.#isAt(place * 2) && !this.#isFree(place * 2)) place = (place + 1) & mask
    return place * 2
  }

  #isFree(slot: number): boolean {
    return this.#slots[slot] === 0 && this.#slots[slot + 1] === 0
  }

  #isAt(slot: number): boolean {
    return this.#slots[slot] === this.#halves[0] && this.#slots[slot + 1] === this.#halves[1]
  }

  #put(slot: number): void {
    this.#slots[slot] = this.#halves[0]!
    this.#slots[slot + 1] = this.#halves[1]!
  }
}
