import type { FileStats } from '../disk/fs.js'
import { idText } from '../disk/stats.js'

/** Remembers, from one file to the next, which suffixes are taken. */
export interface SuffixMemory {
  /** The suffixes to try for a file whose name `first` has. */
  after(first: FileStats | undefined): Iterable<number>
  /** `there` has a suffix; left out: the file has got it. */
  note(first: FileStats | undefined, n: number, there?: FileStats): void
}

/** What is known of the suffixes of one name: those below `next` are taken. */
interface Known {
  next: number
  /** What has them, by the suffix, but for other files of the same transfer; made when there is any. */
  at?: Map<number, string>
  /** The same the other way round. */
  like?: Map<string, Set<number>>
}

/**
 * Which suffixes are taken, so that not each of very many files begins anew: on a disk that takes `a`, `A` and a
 * thousand more spellings for one name, they would try each other's suffixes in a square. That names are one is told by
 * what has them. To leave a suffix out never costs a file: whether a name is free is found out by the step that takes
 * it.
 */
export class Suffixes {
  readonly #known = new Map<string, Known>()

  /**
   * Notes that a suffix is taken.
   * @param like what stands there: it may be what another file wants. Left out: another file of the same transfer has
   *   it
   */
  note(first: FileStats | undefined, n: number, like?: string): void {
    const key = keyOf(first)
    if (key === undefined) return
    const known = this.#known.get(key) ?? { next: 1 }
    this.#known.set(key, known)
    const before = known.at?.get(n)
    // it is one of the transfer
    if (n < known.next && before === undefined) return
    known.next = Math.max(known.next, n + 1)
    if (before !== undefined) known.like?.get(before)?.delete(n)
    if (like === undefined) {
      known.at?.delete(n)
      return
    }
    known.at ??= new Map()
    known.at.set(n, like)
    known.like ??= new Map()
    known.like.set(like, (known.like.get(like) ?? new Set()).add(n))
  }

  /**
   * The suffixes to try for a name that `first` has: those where something stood that is `like` what is to get it, then
   * those that nobody has looked at.
   */
  *after(first: FileStats | undefined, like: string): Generator<number, void> {
    const known = this.#known.get(keyOf(first) ?? '')
    // as it is now: what is noted while these are tried may be what is looked for
    const next = known?.next ?? 1
    yield* [...(known?.like?.get(like) ?? [])]
    for (let n = next; ; n++) yield n
  }
}

/** Of a file with several names nobody knows which one was meant; nor on a disk that does not number its files. */
function keyOf(first: FileStats | undefined): string | undefined {
  if (!first || first.ino === 0n || (first.isFile() && first.nlink > 1)) return undefined
  return idText(first)
}
