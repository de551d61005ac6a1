import type { Code, SluiceError } from '../../errors.js'
import type { Part, PartRun } from '../../stores/parts.js'
import type { Piece } from '../../transfer/plan/pieces.js'
import type { Plan } from '../../transfer/plan.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { BlocksMessage, ChunksMessage } from '../../wire/messages.js'
import { type DigestColumn, hasDigest, type Run } from '../../wire/run.js'

/** What the stages for files ask and tell a {@link Plan}; anything that has these members serves. */
export type AnsweredPlan = Pick<
  Plan,
  'entries' | 'isWanted' | 'isSkipped' | 'isClosed' | 'closedEntries' | 'close'
> &
  Partial<Pick<Plan, 'coming'>>

/** An offer that is complete and was answered; the plan says which of its entries will come. */
export interface OfferItem {
  kind: 'offer'
  offer: Offer
  plan: AnsweredPlan
  /** It was attached, and nothing of it is wanted: its entries are skipped, 'rejected'. */
  isRejected?: boolean
  /** Where the files go; put there by `partSink`, and for `finalizer` only. */
  store?: object
}

/** What the sender says of consecutive entries, behind their data: one record for each file among them. */
export interface DigestsItem extends DigestColumn {
  kind: 'digests'
  /**
   * Files that fail, and why, by the index of their entry. Their slots are zero. A stage that refuses a file gives an
   * error, whose code and text are told to the sender; with a code alone nobody learns more than that.
   */
  failures?: ReadonlyMap<number, Code | SluiceError>
  /** Sizes that were not known before, by the index of the entry. */
  sizes?: ReadonlyMap<number, number>
  /** Files that were asked for again meanwhile: another record of each follows, and only the last one counts. */
  open?: ReadonlySet<number>
}

/** Whether the item says what a file is, or that it failed, and nothing more will be said of it. */
export function isLastWord(item: DigestsItem, index: number): boolean {
  return !item.open?.has(index) && (item.failures?.has(index) || hasDigest(item, index))
}

/** Says of one file that it fails, and why. `length` is that of its digest, which is not known. */
export function failureItem(first: number, why: Code | SluiceError, length: number): DigestsItem {
  const failures = new Map([[first, why]])
  return { kind: 'digests', first, count: 1, bytes: Buffer.alloc(length), failures }
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
  /** Whether every byte of `part` was written. */
  isWhole?: boolean
  /** The entry as a stage of a user's renamed it, where it is a single one. */
  entry?: Entry
  /** Entries that could not be stored, by their index. */
  failures?: ReadonlyMap<number, SluiceError>
}

/** What `partSink` stored of a run: what is to be published, or to fail. */
export interface StoredItem {
  kind: 'stored'
  stored: StoredRun
}

/** Digests of consecutive blocks of one file that passed. */
export interface BlocksItem extends BlocksMessage {
  kind: 'blocks'
  /** Whether the sender says them; else a tap of this side took them. */
  isSaid?: boolean
}

/** Chunks of one file that the sender has, one behind the other. */
export interface ChunksItem extends ChunksMessage {
  kind: 'chunks'
}

/** At a sender: all that a request asked for of a file was given out, and its digest is to be said again. */
export interface AnsweredItem {
  kind: 'answered'
  index: number
}

/** Nothing more will be offered. */
export interface EndItem {
  kind: 'end'
  /** Files that were asked for again and are not answered yet: their bytes and records follow. */
  open?: readonly number[]
}

/** What flows between the object stages, the same in both rivers. */
export type Item =
  | OfferItem
  | Run
  | BlocksItem
  | ChunksItem
  | AnsweredItem
  | DigestsItem
  | StoredItem
  | EndItem

/** A piece of a plan, with its bytes. */
export function runOfPiece({ entries }: Plan, piece: Piece, buffers: readonly Buffer[]): Run {
  const { position, length, first, last, offset, ends } = piece
  return { kind: 'run', position, length, buffers, entries, first, last, offset, ends }
}

/** Nothing of a run but the digests of what ends in it: many may wait, and must hold no memory. */
export function withoutBytes(run: Run): Run {
  return { ...run, isProof: true, buffers: [] }
}
