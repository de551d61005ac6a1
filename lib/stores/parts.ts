import type { SluiceError } from '../errors.js'
import type { Entry, Offer } from '../wire/manifest.js'
import type { Outcome } from '../wire/outcome.js'
import type { Cut, DigestColumn, Run } from '../wire/run.js'

/** What to do when the name is taken by other content. */
export type Conflict = 'rename' | 'overwrite' | 'replace' | 'skip' | 'fail'

/** What a published file survives: the death of the process, or the loss of power too. */
export type Durability = 'crash' | 'power'

/** What counts as already there, where the name is taken. */
export type Unless = 'identical' | 'unchanged' | 'newer' | 'nothing'

/** How names are given: the options of `finalizer`, checked. */
export interface PublishPolicy {
  conflict: Conflict
  unless: Unless
  durability: Durability
  symlinks: 'skip' | 'keep'
  /** The hash algorithm of the offer. */
  algorithm: string
}

/** What a store can do; the plan obeys it. */
export interface PartStoreFeatures {
  /** In which order the bytes of one file may be written. */
  order: 'any' | 'ascending'
  /** Whether what was written can be read again: without it nothing is resumed or repaired. */
  readBack: boolean
  /** Bytes in whose multiples it wants to be written, but for the end of a file; 1 for any. */
  unit: number
}

/** One file while it arrives. All methods fail with a `SluiceError`. */
export interface Part {
  readonly entry: Entry
  /**
   * Writes bytes at an offset of the file. Called by `partSink`; never again before it has resolved.
   * @param ends whether all bytes of the file were written with these, so that it can be closed
   */
  write(offset: number, buffers: readonly Buffer[], ends: boolean): Promise<void>
  /** Whether all bytes up to `size` were written. */
  covers(size: number): boolean
  /** The digest of all that stands in it, read back. Called by `finalizer` where bytes came with gaps. */
  digest(algorithm: string): Promise<Buffer>
  /** Gives the file its name. Called by `finalizer`, once, when the content is what the sender says. */
  publish(policy: PublishPolicy): Promise<Outcome>
  /** Removes it: it is of no use any more. Called by `finalizer` instead of {@link publish}. */
  discard(failure: SluiceError): Promise<void>
  /** Lets it go as it is, for a later run. Called when the file failed for a reason that may pass. */
  keep(failure: SluiceError): Promise<void>
}

/** Many small files that were stored together. */
export interface PartRun {
  /**
   * Gives the files from entry `first` to entry `last` their own names, if those are free; they are verified. Gives the
   * indices of those with which it was not so: they go one by one, by {@link part}.
   */
  publish(first: number, last: number): Promise<number[]>
  /** One of them as a part of its own: for what is unusual. */
  part(index: number): Part
}

/** What `partSink` hands to `finalizer`: entries that are stored, or failed, and wait for the word of the sender. */
export interface StoredRun {
  entries: readonly Entry[]
  /** Indices of the first and of the last entry. */
  first: number
  last: number
  /** Their digests, as far as they passed without a gap. */
  digests?: DigestColumn
  /** Where they are: many, or a single file. Neither for folders, for links, and for what failed. */
  run?: PartRun
  part?: Part
  /** The entry as a stage of a user's renamed it, where it is a single one. */
  entry?: Entry
  /** Entries that could not be stored, by their index. */
  failures?: ReadonlyMap<number, SluiceError>
}

/** Where files go while they arrive, and where they get their names. Every method fails with a `SluiceError`. */
export interface PartStore {
  readonly features: PartStoreFeatures
  /** What a published file survives; may be raised to 'power' before anything was written. */
  durability: Durability
  /** An offer was accepted; `bytes` of it will come. Called by `partSink` before anything of it is written. */
  expect(offer: Offer, bytes: number): Promise<void>
  /** Makes a folder, before what is in it. Its mode and time are set by {@link endFolders}. */
  makeFolder(entry: Entry): Promise<void>
  /** Begins files, all announced at once; those above them are made where they are missing. */
  begin(entries: readonly Entry[]): Promise<Map<number, Part | SluiceError>>
  /**
   * Stores a run whose files are all small and whole, at once where that pays; gives those that failed. Left out by a
   * store for which it does not pay.
   */
  writeRun?(run: Run): Promise<{ run: PartRun; failures: Map<number, SluiceError> }>
  /** Bytes are about to be written: what says that somebody is at work is renewed. */
  alive(): Promise<void>
  /** With 'power': what was published until now may be acknowledged when this resolves. */
  sync(): Promise<void>
  /** Makes symbolic links, at the very end. */
  makeLinks(entries: readonly Entry[], policy: PublishPolicy): Promise<Outcome[]>
  /** Sets modes and times of the folders, the deepest first, when nothing more comes into them. */
  endFolders(entries: readonly Entry[]): Promise<Outcome[]>
  /** Everything of the transfer has its outcome. */
  finish(): Promise<void>
  /** Lets everything go; unfinished parts stay for a later run where the store can resume. */
  close(): Promise<void>
}

/** A cut together with those behind it that go on in the same file: one write. */
export type PartCut = Pick<Cut, 'entry' | 'offset' | 'last' | 'digest'> & {
  buffers: Buffer[]
  length: number
}
