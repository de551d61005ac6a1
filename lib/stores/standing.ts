import type { Entry } from '../wire/entry.js'
import type { SourceStore } from './sources.js'

/**
 * Files that stand already in the place of entries, as `lookup` of a store of parts found them. With `unless`
 * 'unchanged' and 'newer': those that are there by that; they count as brought (see `brought` of `PublishPolicy`) from
 * now on, and are not sent; also folders that stand with their time, which need not be ended as long as nothing comes
 * into them. With 'identical': files of the size of their entry; they are read, and skipped if they are what the sender
 * has; else they stay until the new file gets its name, into which what is equal of them is copied. What reads them
 * fails where a file is not what was found any more.
 */
export interface StandingFiles {
  /** The indices of the entries, ascending. */
  readonly indices: readonly number[]
  /** The paths of those that have another one than their entry, by its index. */
  readonly names?: ReadonlyMap<number, string>
  /** Reads the files, by their entries. Nothing is read of those that are there by their time. */
  readonly source: Pick<SourceStore, 'open' | 'readRun'>
  /**
   * Counts files as brought by this transfer (see `brought` of `PublishPolicy`), and with the durability 'power' makes
   * them last. Called by `finalizer` for files whose content was found to be that of their entries. Left out: nothing
   * has to be done.
   * @returns the indices of those that are not there any more
   */
  acknowledge?(entries: readonly Entry[]): Promise<readonly number[]> | readonly number[]
}
