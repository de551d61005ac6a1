import type { Code, SluiceError } from '../errors.js'
import type { PartFile } from '../files/part/part-file.js'
import type { Entry, Offer } from '../wire/manifest.js'
import type { Bitmap } from '../wire/positions.js'
import type { Destination } from './destination.js'

/** The entries of all offers so far. Those of a first one as they are: a million of them need not be copied. */
export function allEntries(before: readonly Entry[], { entries }: Offer): readonly Entry[] {
  return before.length === 0 ? entries : [...before, ...entries]
}

/**
 * A piece of one entry. `bytes` is a view, never a copy: nobody changes what was passed on. Folders and empty files are
 * cuts of no bytes.
 */
export interface Cut {
  entry: Entry
  /** Where `bytes` begin within the file. */
  offset: number
  bytes: Buffer
  /** Whether the entry ends with this cut. */
  last: boolean
  /** The digest of the whole file, put on the last cut by a tap that saw the file without a gap. */
  digest?: Buffer
}

/** Cuts in a run of the receiver at most: every file that is on its way costs memory until it is published. */
export const MOST_CUTS = 32

/** One contiguous piece of the stream with the cuts that it covers, in order. */
export interface Run {
  kind: 'run'
  position: number
  length: number
  cuts: Cut[]
}

/** What the sender says of a file that ended. */
export interface SentDigest {
  entry: Entry
  digest?: Buffer
  /** Why the file cannot be sent to its end. Exactly one of `digest` and `failure` is there. */
  failure?: Code
  /** The size, where it was not known beforehand. */
  size?: number
}

/** What `partSink` made of a run whose entries ended: the part to publish, or why there is none. */
export interface StoredFile {
  entry: Entry
  part?: PartFile
  digest?: Buffer
  failure?: SluiceError
}

/** What flows between the object stages, the same in both rivers. */
export type Item =
  | {
      kind: 'offer'
      offer: Offer
      /** The entries that will come, one bit each; all if left out. */
      want?: Bitmap
      /** Where they go; put there by `partSink` for `finalizer`. */
      destination?: Destination
    }
  | Run
  | { kind: 'digests'; digests: SentDigest[] }
  | { kind: 'stored'; files: StoredFile[] }
