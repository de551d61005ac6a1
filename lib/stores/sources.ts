import type { Readable } from 'node:stream'
import type { Entry } from '../wire/manifest.js'

/** One file that is open for reading. All methods fail with a `SluiceError`. */
export interface OpenSource {
  /**
   * Fills `buffer` from `offset` of the file. Called by `fileSource`, one call at a time.
   * @throws SluiceError `ERR_SOURCE_CHANGED` if the file has fewer bytes, `ERR_SOURCE_READ`
   */
  read(offset: number, buffer: Buffer): Promise<void>
  /**
   * Whether it is still what the offer says. Called after the last byte of each piece that is sent.
   * @throws SluiceError `ERR_SOURCE_CHANGED`
   */
  verify(): Promise<void>
  close(): Promise<void>
}

/** Where the files of a manifest come from: a disk, memory, a database, a tar. */
export interface SourceStore {
  /** Whether the bytes of an entry can be read more than once, and from any offset. */
  rereadable(entry: Entry): boolean
  /** Opens a file that is rereadable; it must still be the one that was listed. */
  open(entry: Entry): Promise<OpenSource>
  /**
   * Reads small whole files one behind the other into `buffer`, where that pays; gives those that failed. The buffer
   * has the sum of their sizes; the space of one that failed is undefined.
   */
  readRun?(entries: readonly Entry[], buffer: Buffer): Promise<Map<number, Error>>
  /** The bytes of an entry that is not rereadable, once. */
  stream(entry: Entry): Readable
  /** Lets everything go, also streams that were not read. */
  close(): Promise<void>
}
