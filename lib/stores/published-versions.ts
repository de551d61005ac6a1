import type { FileStats } from '../files/disk/fs.js'
import { nameOf, suffixed } from '../files/disk/names.js'
import { sameInode } from '../files/disk/stats.js'
import { checkWhole } from '../options.js'

/** Bytes of memory for what is remembered, at most. */
const MOST_BYTES = 64 * 1024 * 1024

/** Bytes that a version takes beside its texts, and one character of these, at most. */
const BYTES_OF_VERSION = 256
const BYTES_OF_CHARACTER = 2

type Seen = Pick<FileStats, 'dev' | 'ino' | 'size' | 'mtimeMs' | 'ctimeMs'>

/** Which file has got a name, and what it was then. */
interface Version extends Seen {
  name: string
}

/**
 * The files that the transfers of one series, one after the other, have put into a folder. Given to each of them, a
 * newer version of a file takes the place of the one before under any conflict policy. What stood there before the
 * series is no version, also if it is the same as what was sent; and one that somebody has changed, moved or touched
 * since is nobody's old version: the policy decides. To be given to one series only; a transfer that is of none takes
 * no notice of it.
 */
export class PublishedVersions {
  /** By the path of the entry. */
  readonly #versions = new Map<string, Version>()
  readonly #mostBytes: number
  #bytes = 0

  /**
   * @param mostBytes memory for them, roughly: of more, those are forgotten that came first, so that a newer version of
   *   one is dealt with by the conflict policy. Default 64 MiB: about 200,000 files.
   * @throws SluiceError `ERR_USAGE`
   */
  constructor(mostBytes = MOST_BYTES) {
    checkWhole('mostBytes', mostBytes, 0)
    this.#mostBytes = mostBytes
  }

  /** Bytes of memory that they take, roughly. */
  get bytes(): number {
    return this.#bytes
  }

  /** The entry of a path has got a name: what has it now is its version. */
  note(path: string, name: string, { dev, ino, size, mtimeMs, ctimeMs }: Seen): void {
    this.#forget(path)
    this.#versions.set(path, { name, dev, ino, size, mtimeMs, ctimeMs })
    this.#bytes += bytesOf(path, name)
    for (const first of this.#versions.keys()) {
      if (this.#bytes <= this.#mostBytes) return
      this.#forget(first)
    }
  }

  /** The suffix that the version of a path got, if it got one: the next one is to have the same. */
  suffixOf(path: string): number | undefined {
    const version = this.#versions.get(path)
    if (!version || version.name === path) return undefined
    const numbers = [...nameOf(version.name).matchAll(/_(\d+)/g)].map(([, digits]) => Number(digits))
    return numbers.find((n) => suffixed(nameOf(path), n) === nameOf(version.name))
  }

  /** Takes over those of another: the series goes on with this one. */
  adopt(before: PublishedVersions): void {
    for (const [path, version] of before.#versions) this.note(path, version.name, version)
  }

  /** Adds those that were staged, and have other names by now; those without one were not put there. */
  async place(
    staged: PublishedVersions,
    nameFor: (path: string) => string | undefined,
    look: (name: string) => Promise<FileStats | undefined>,
  ): Promise<void> {
    for (const [path, version] of staged.#versions) {
      const name = nameFor(path)
      const there = name === undefined ? undefined : await look(name)
      if (there && isSameVersion(version, there)) this.note(path, name!, there)
    }
  }

  /**
   * Whether what has a name now is the version that the entry of a path had there before, and nobody has changed it.
   */
  isUntouched(path: string, name: string, now: FileStats): boolean {
    const before = this.#versions.get(path)
    return before?.name === name && isSameVersion(before, now) && before.ctimeMs === now.ctimeMs
  }

  /** Forgets all of them. */
  clear(): void {
    this.#versions.clear()
    this.#bytes = 0
  }

  #forget(path: string): void {
    const version = this.#versions.get(path)
    if (!version) return
    this.#versions.delete(path)
    this.#bytes -= bytesOf(path, version.name)
  }
}

/** Whether it is the same file with the same content. To give it a name has set the time of its last change. */
export function isSameVersion(before: Omit<Seen, 'ctimeMs'>, now: FileStats): boolean {
  return now.isFile() && sameInode(now, before) && before.size === now.size && before.mtimeMs === now.mtimeMs
}

/** A name that is the path is the same text. */
function bytesOf(path: string, name: string): number {
  const characters = path.length + (name === path ? 0 : name.length)
  return BYTES_OF_VERSION + characters * BYTES_OF_CHARACTER
}
