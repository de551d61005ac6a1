import type { Limiter } from '../../async.js'
import { diskError } from '../../files/disk/disk-error.js'
import type { PartStore } from '../../stores/parts.js'
import type { PublishPolicy } from '../../stores/policy.js'
import type { Entry } from '../../wire/entry.js'
import { failed, type Outcome } from '../../wire/outcome.js'
import { placementOf } from './answers.js'
import type { PendingCalls } from './pending-calls.js'
import { byDepth, linkNotMade, outcomeOf } from './placements.js'

/** Has a store of parts do what is done behind all files: links, and then folders. */
export class EndCalls {
  readonly #store: PartStore
  readonly #pending: PendingCalls
  readonly #limiter: Limiter

  constructor(store: PartStore, pending: PendingCalls, limiter: Limiter) {
    this.#store = store
    this.#pending = pending
    this.#limiter = limiter
  }

  /** Makes the symbolic links, one after the other. */
  async makeLinks(
    entries: readonly Entry[],
    symlinks: 'skip' | 'keep',
    policy: PublishPolicy,
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    for (const entry of entries) {
      const notMade = linkNotMade(entry, symlinks, this.#store.makeLink !== undefined)
      outcomes.push(notMade ?? (await this.#makeLink(entry, policy)))
    }
    return outcomes
  }

  /**
   * Ends the folders, the deepest first: what is made or removed in one changes its time, and its mode may forbid it.
   */
  async endFolders(entries: readonly Entry[]): Promise<Outcome[]> {
    if (!this.#store.endFolder) return entries.map((entry) => outcomeOf(entry, {}))
    const outcomes: Outcome[] = []
    for (const level of byDepth(entries)) {
      await this.#limiter.each(level, async (entry) => {
        outcomes.push(await this.#endFolder(entry))
      })
    }
    return outcomes
  }

  async #makeLink(entry: Entry, policy: PublishPolicy): Promise<Outcome> {
    try {
      const make = () => this.#store.makeLink!(entry, policy)
      return outcomeOf(
        entry,
        placementOf('makeLink', await this.#pending.of('make the link', entry.path, make)),
      )
    } catch (error) {
      return failed(entry, diskError(error, 'make the link', entry.path))
    }
  }

  /** The folder is there, whatever goes wrong here. */
  async #endFolder(entry: Entry): Promise<Outcome> {
    try {
      const end = () => this.#store.endFolder!(entry)
      return outcomeOf(entry, placementOf('endFolder', await this.#pending.of('end', entry.path, end)))
    } catch (warning) {
      return outcomeOf(entry, { warning: diskError(warning, 'set mode and time of', entry.path) })
    }
  }
}
