import type { Range } from '../../ranges.js'

/** What is there of a file, in whole blocks; or an older version, in which its chunks are to be looked for. */
export type Claimed = readonly Range[] | 'chunks'

/** What a receiver has of an offer before anything of it comes. */
export interface Known {
  /** What is there of files, by the index of the entry: it is to be proved, the rest is to come. */
  claims: ReadonlyMap<number, Claimed>
  /** Whether a file stands in the place of an entry, so that this is to be proved as a whole, or to be skipped. */
  standing?: (index: number) => 'prove' | 'skip' | undefined
}
