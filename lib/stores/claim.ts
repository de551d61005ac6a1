import type { Range } from '../ranges.js'
import type { Part } from './parts.js'

/** What is there of a file that an earlier transfer left unfinished. */
export interface Claim {
  /** It is this transfer's from now on, and ends like one that was begun. */
  part: Part
  /**
   * The bytes that are there: ascending, apart from each other, within the size of the entry; none if there are none.
   */
  ranges: readonly Range[]
}

/** An older version of a file, or something else that has its name, of which a new one may be made. */
export interface Basis {
  /** Bytes. */
  readonly size: number
  /** Opens it for reading. Called at most once. What it throws means that it is not there any more. */
  open(): Promise<OpenBasis> | OpenBasis
}

/** A {@link Basis} that is open. It may change meanwhile: what is taken of it is compared. */
export interface OpenBasis {
  /** Reads bytes from a position on, into all of `into`. What it throws means that they are not there any more. */
  read(position: number, into: Buffer): Promise<void> | void
  close?(): Promise<void> | void
}
