import type { Inode } from './memory-inode.js'

/** A disk writes whole sectors; between two of them anything may be missing. */
export const SECTOR = 512

/** Something that changed, with the number of the change. Number 0 is what is on the medium for certain. */
interface Version<T> {
  order: number
  value: T
}

/** What may be found of one sector, or of the size, after a power cut. */
interface Uncertain<T> {
  versions: Version<T>[]
  /** Whether the next `fsync` writes it; after a failed one the kernel holds it for written. */
  dirty: boolean
}

/**
 * The content of one file, as it is on the medium and as it may come to be found: of each sector, and of the size, any
 * version since the last successful `fsync`. The size may be there before the data, which is zeros then, or be cut
 * between two sectors. What a failed `fsync` should have written stays uncertain, whatever succeeds later, until it is
 * written again.
 */
export class UnsyncedContent {
  readonly #medium: Inode
  readonly #sectors = new Map<number, Uncertain<Buffer>>()
  readonly #size: Uncertain<number> = { versions: [], dirty: false }
  #order = 0

  /** @param medium holds what is certain */
  constructor(medium: Inode) {
    this.#medium = medium
    this.#size.versions.push({ order: 0, value: medium.size })
  }

  wrote(inode: Inode, at: number, length: number): void {
    this.#changed(inode, at, at + length)
  }

  /** The size was set; what is behind it reads as zeros from now on. */
  truncated(inode: Inode, length: number): void {
    this.#changed(inode, length, Math.max(length, ...this.#size.versions.map(({ value }) => value)))
  }

  /** A successful `fsync`. */
  synced(): void {
    const medium = this.#medium
    for (const [sector, { versions, dirty }] of this.#sectors) {
      if (!dirty) continue
      medium.write(versions.at(-1)!.value, sector * SECTOR)
      this.#sectors.delete(sector)
    }
    if (this.#size.dirty) this.#size.versions = [{ order: 0, value: this.#size.versions.at(-1)!.value }]
    this.#size.dirty = false
    medium.truncate(this.#size.versions[0]!.value)
  }

  /** A failed `fsync`: the kernel holds for written what may be there or not, and no later one writes it. */
  failed(): void {
    for (const sector of this.#sectors.values()) sector.dirty = false
    this.#size.dirty = false
  }

  /** Puts into `found` what a power cut leaves. */
  crash(found: Inode, random: () => number): void {
    const { order, size } = this.#choice(random)
    const anyOf = (versions: Version<Buffer>[]) => versions[Math.floor(random() * versions.length)]!.value
    found.write(this.#medium.data.subarray(0, this.#medium.size), 0)
    for (const [sector, { versions }] of this.#sectors)
      found.write(order === undefined ? anyOf(versions) : versionAt(versions, order), sector * SECTOR)
    found.truncate(size)
  }

  /** Which size is found, and after which change the sectors are: all after the same one, or each after any. */
  #choice(random: () => number): { order?: number; size: number } {
    const { versions } = this.#size
    const sizeAt = (order: number) => versionAt(versions, order)
    const any = (end: number) => Math.floor(random() * end)
    const last = this.#order
    const moment = any(last + 1)
    const sizes = versions.map(({ value }) => value)
    const [least, most] = [Math.min(...sizes), Math.max(...sizes)]
    const first = Math.floor(least / SECTOR) + 1
    const between = Math.max(0, Math.ceil(most / SECTOR) - first)
    const size = any(sizes.length + between)
    const anySize = sizes[size] ?? (first + size - sizes.length) * SECTOR
    switch (any(6)) {
      case 0:
        return { order: 0, size: sizeAt(0) }
      case 1:
        return { order: last, size: sizeAt(last) }
      case 2:
        return { order: moment, size: sizeAt(moment) }
      case 3:
        // the size before the data, or the other way round
        return { order: moment, size: anySize }
      default:
        return { size: anySize }
    }
  }

  #changed(inode: Inode, from: number, to: number): void {
    const order = ++this.#order
    for (let sector = Math.floor(from / SECTOR); sector * SECTOR < to; sector++) {
      const uncertain = this.#sectors.get(sector) ?? {
        versions: [{ order: 0, value: sectorOf(this.#medium, sector) }],
        dirty: true,
      }
      uncertain.versions.push({ order, value: sectorOf(inode, sector) })
      uncertain.dirty = true
      this.#sectors.set(sector, uncertain)
    }
    if (inode.size !== this.#size.versions.at(-1)!.value)
      this.#size.versions.push({ order, value: inode.size })
    // no sync can say that data is there without a size that covers it
    this.#size.dirty = true
  }
}

function versionAt<T>(versions: Version<T>[], order: number): T {
  return versions.findLast((version) => version.order <= order)!.value
}

function sectorOf({ data, size }: Inode, sector: number): Buffer {
  const bytes = Buffer.alloc(SECTOR)
  const from = sector * SECTOR
  if (from < size) bytes.set(data.subarray(from, Math.min(size, from + SECTOR)))
  return bytes
}
