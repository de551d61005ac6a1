import { counted, printable, SluiceError } from '../../errors.js'
import { PublishedVersions } from '../../stores/published-versions.js'
import type { Transfer } from '../../transfer/transfer.js'
import { LastFailures } from '../../watch/last-failures.js'
import type { Entry, Offer } from '../../wire/entry.js'

/** Names of files that are shown. */
const MOST_SHOWN = 5

/** Files that failed which are remembered: the sender may bring about any number. */
const MOST_FAILURES = 1000

/** A file may stay one, and a folder one. */
type Kind = 'file' | 'directory' | 'symlink'

/**
 * What is known of transfers of one sender that follow each other: what the user said yes to, and what they have put
 * here. It ends with the connection, or goes on over another one: see {@link AllSeries}.
 */
export class Series {
  readonly versions = new PublishedVersions()
  #failures = new LastFailures(MOST_FAILURES)
  /** The names at the top of what was accepted; until then nobody has said yes. */
  #tops: ReadonlyMap<string, Kind> | undefined

  get isAccepted(): boolean {
    return this.#tops !== undefined
  }

  /** The user said yes to a first transfer, and so to what changes in the same files and folders. */
  accepted({ entries }: Offer): void {
    this.#tops ??= new Map(entries.map((entry) => [topOf(entry), kindOfTop(entry)]))
  }

  /** Whether an offer is of nothing but what was accepted. */
  goesOnWith({ entries }: Offer): boolean {
    const tops = this.#tops
    return tops !== undefined && entries.every((entry) => tops.get(topOf(entry)) === kindOfTop(entry))
  }

  /** Notes which files of a transfer of it fail. */
  follow(transfer: Transfer): void {
    transfer.on('settled', (range, entries) => {
      if (transfer.hasNext) this.#failures.add(range, entries)
    })
  }

  /** Goes on with one that has lost its connection. */
  takeUp(lost: Series): void {
    this.versions.adopt(lost.versions)
    this.#failures = lost.#failures
    this.#tops = lost.#tops
  }

  /** What follows is no part of it: nobody has said yes to that, and nothing has an older version. */
  forget(): void {
    this.versions.clear()
    this.#failures = new LastFailures(MOST_FAILURES)
    this.#tops = undefined
  }

  /**
   * The sender has nothing more to send.
   * @throws SluiceError `ERR_FILES_FAILED` where the last version of a file is not there
   */
  end(): void {
    const { paths, isMore } = this.#failures
    this.forget()
    if (paths.length === 0 && !isMore) return
    const shown = paths.slice(0, MOST_SHOWN).map((path) => printable(path, 100))
    const files = `${isMore ? 'more than ' : ''}${counted(isMore ? MOST_FAILURES : paths.length, 'file')}`
    throw new SluiceError(
      'ERR_FILES_FAILED',
      `the last version of ${files} did not arrive: ${shown.join(', ')}`,
    )
  }
}

function topOf({ path }: Entry): string {
  return path.split('/', 1)[0]!
}

function kindOfTop({ path, type }: Entry): Kind {
  if (path.includes('/')) return 'directory'
  // nothing comes of it, but it was offered as a file
  return type === 'unreadable' ? 'file' : type
}
