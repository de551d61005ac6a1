import type { Range } from '../../ranges.js'

/** What a receiver has of an offer before anything of it comes. */
export interface Known {
  /** Bytes of files, in whole blocks, by the index of the entry: they are to be proved, the others are to come. */
  claims: ReadonlyMap<number, readonly Range[]>
  /** Whether a file stands in the place of an entry, so that this is to be proved as a whole, or to be skipped. */
  standing?: (index: number) => 'prove' | 'skip' | undefined
}
