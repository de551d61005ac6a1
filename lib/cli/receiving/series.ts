import type { Duplex } from 'node:stream'
import { counted, printable, SluiceError } from '../../errors.js'
import { showKey } from '../../peers/keys.js'
import { PublishedVersions } from '../../stores/published-versions.js'
import { LastFailures } from '../../watch/last-failures.js'
import type { Offer } from '../../wire/entry.js'
import type { Caller } from '../network/entrance.js'

/** Names of files that are shown, at most. */
const MOST_SHOWN = 5

/** Senders that are remembered by their keys, at most; of more, those are forgotten that came first. */
const MOST_KEYS = 64

/**
 * What is known of transfers that follow each other: who was let send changes of what, and what they have put here. A
 * sender that proves the same key may come back over another connection.
 */
export class Series {
  readonly versions = new PublishedVersions()
  readonly failures = new LastFailures()
  /** The names at the top of what was accepted; until then nobody has said yes. */
  #tops: ReadonlySet<string> | undefined

  /** The user said yes to a first transfer, and so to what changes in the same files and folders. */
  accepted({ entries }: Offer): void {
    this.#tops ??= new Set(entries.map(({ path }) => topOf(path)))
  }

  /** Whether an offer is of nothing but what was accepted. */
  goesOnWith({ entries }: Offer): boolean {
    const tops = this.#tops
    return tops !== undefined && entries.every(({ path }) => tops.has(topOf(path)))
  }

  /**
   * The sender has nothing more to send: what comes later is asked about.
   * @throws SluiceError `ERR_FILES_FAILED` where the last version of a file is not there
   */
  end(): void {
    this.#tops = undefined
    const { paths } = this.failures
    if (paths.length === 0) return
    const shown = paths.slice(0, MOST_SHOWN).map((path) => printable(path, 100))
    const message = `the last version of ${counted(paths.length, 'file')} did not arrive: ${shown.join(', ')}`
    throw new SluiceError('ERR_FILES_FAILED', message)
  }
}

/** The series of all connections. */
export class AllSeries {
  readonly #byKey = new Map<string, Series>()
  readonly #byConnection = new WeakMap<object, Series>()

  /** That of a connection; of one whose key is proved, that of the key. */
  of(connection: Duplex, { key }: Caller): Series {
    const known = key && this.#byKey.get(showKey(key))
    const series = this.#byConnection.get(connection) ?? known ?? new Series()
    this.#byConnection.set(connection, series)
    if (key) this.#byKey.set(showKey(key), series)
    const [first] = this.#byKey.keys()
    if (this.#byKey.size > MOST_KEYS) this.#byKey.delete(first!)
    return series
  }

  /** That of a connection that was met. */
  met(connection: object): Series {
    return this.#byConnection.get(connection) ?? new Series()
  }
}

function topOf(path: string): string {
  return path.split('/', 1)[0]!
}
