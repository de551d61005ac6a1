import { inSlices } from '../../async.js'
import { foldName, parentOf } from '../../files/disk/names.js'
import type { Offer } from '../../wire/entry.js'

/** Bits of the table: a power of two. A million names take one of eight. */
const BITS = 2 ** 23

/** How the names end that a suffix may make of others. */
const SUFFIX = /_\d+(?:\.[^/]*)?$/

/**
 * Which paths the entries of a transfer ask for, folders above them included, of those that look as if they had a
 * suffix: no other entry gets one of them as its own suffix. Takes one MiB however many there are: it may take a path
 * for one that is asked for, which costs no more than a suffix that is left out.
 */
export class AskedNames {
  readonly #offers = new Set<number>()
  /** One bit for each, at the place that its hash says; made when there is any. */
  #bits: Uint8Array | undefined

  /** Of a million entries others have their turn meanwhile. */
  async add({ first, entries }: Pick<Offer, 'first' | 'entries'>): Promise<void> {
    if (this.#offers.has(first)) return
    this.#offers.add(first)
    let above = ''
    await inSlices(entries, ({ path }) => {
      if (SUFFIX.test(path)) this.#set(path)
      if (parentOf(path) === above) return
      above = parentOf(path)
      for (let at = above; at !== ''; at = parentOf(at)) if (SUFFIX.test(at)) this.#set(at)
    })
  }

  has = (path: string): boolean => {
    if (!this.#bits) return false
    const place = placeOf(path)
    return (this.#bits[place >> 3]! & (1 << (place & 7))) !== 0
  }

  #set(path: string): void {
    this.#bits ??= new Uint8Array(BITS / 8)
    const place = placeOf(path)
    this.#bits[place >> 3]! |= 1 << (place & 7)
  }
}

/** The same for all spellings that are one name on some disk (FNV-1a). */
function placeOf(path: string): number {
  const folded = foldName(path)
  let hash = 0x811c9dc5
  for (let i = 0; i < folded.length; i++) hash = Math.imul(hash ^ folded.charCodeAt(i), 0x01000193)
  return (hash >>> 8) & (BITS - 1)
}
