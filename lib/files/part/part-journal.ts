import { Journal } from '../journal/journal.js'
import type { JournalFile, KnownFile, Prefix } from '../journal/journal-records.js'
import { isJournalName, journalKey } from '../own/names.js'
import type { Durability } from '../publish/publish.js'
import type { Tree } from '../tree/tree.js'
import type { RunningDigest } from './running-digest.js'

/** Bytes between two prefixes that are taken down: so many are sent again, at most, after a process was killed. */
const PREFIX_EVERY = 1024 * 1024

/** What stands for the transfer in the journal that is kept for one part alone: later processes find it by the path. */
function transferOfPart(path: string): string {
  return `part of ${path}`
}

/** Whether a journal of this name is kept for the part of that file alone. */
export function isJournalOfPart(name: string, path: string): boolean {
  return isJournalName(name) && name.startsWith(journalKey(transferOfPart(path)))
}

/** The journal of one part: a later process finds by it what was left, and proves how much of it is right. */
export class PartJournal {
  readonly #journal: Journal
  readonly #n: number
  #taken = 0
  #ended: Promise<void> | undefined

  private constructor(journal: Journal, n: number) {
    this.#journal = journal
    this.#n = n
  }

  /** Makes the journal. The part is to be made afterwards. */
  static async create(tree: Tree, file: JournalFile, durability: Durability): Promise<PartJournal> {
    const journal = await Journal.create(tree, transferOfPart(file.path), { durability })
    try {
      const [n] = await journal.begin([file])
      return new PartJournal(journal, n!)
    } catch (error) {
      await journal.close().catch(() => {})
      throw error
    }
  }

  /** The part gets another name. */
  rename(part: string): Promise<void> {
    return this.#journal.rename(this.#n, part)
  }

  /** The part was made, or taken over, as this very file, of which so much is proved. */
  async made(file: KnownFile, digest: RunningDigest): Promise<void> {
    await this.#journal.made(this.#n, file, false)
    if (digest.seen > 0) await this.#say(digest)
  }

  /** More was written: says from time to time how much. */
  async passed(digest: RunningDigest): Promise<void> {
    if (digest.seen < this.#taken + PREFIX_EVERY) return this.#journal.alive()
    await this.#say(digest)
  }

  #say(digest: RunningDigest): Promise<void> {
    this.#taken = digest.seen
    return this.#journal.prefix(this.#n, digest.prefix())
  }

  /** To be called before anything is written; the same as {@link check}, where this process was silent for long. */
  hold(): Promise<void> {
    return this.#journal.hold()
  }

  /** `ERR_LOCK_LOST` if another process has taken the part over. */
  check(): Promise<void> {
    return this.#journal.check()
  }

  /** Nothing is left of the part: the journal goes. */
  end(): Promise<void> {
    this.#ended ??= (async () => {
      this.#journal.end(this.#n, { state: 'completed', part: 'gone' })
      await this.#journal.finish()
    })()
    return this.#ended
  }

  /** The part stays, for a later process or a later call of this one. */
  close(prefix?: Prefix): Promise<void> {
    this.#ended ??= (async () => {
      try {
        if (prefix) await this.#journal.prefix(this.#n, prefix)
      } finally {
        await this.#journal.close()
      }
    })()
    return this.#ended
  }
}
