import { SluiceError } from '../errors.js'
import { CONFLICTS, DURABILITIES } from '../files/publish/policies.js'
import { checkCallback, checkChoice, checkFunction, checkKeys, checkOption } from '../options.js'
import type { Entry, Offer } from '../wire/entry.js'
import type { Run } from '../wire/run.js'
import type { Basis, Claim } from './claim.js'
import {
  type Conflict,
  type Durability,
  type Placement,
  type Placing,
  PUBLISHINGS,
  type Publishing,
  type PublishPolicy,
} from './policy.js'
import type { StandingFiles } from './standing.js'

export type { Claim, StandingFiles }

/** What a store can do, where that is less than everything. */
export interface PartStoreFeatures {
  /**
   * In which order it takes the bytes of one file. With 'ascending' each write begins where the one before it ended,
   * and the first at 0; a file of which the bytes come otherwise fails (`ERR_UNSUPPORTED`). Default 'any'.
   */
  order?: 'any' | 'ascending'
  /** The conflict policies that it can obey; others are refused (`ERR_USAGE`). Default: all. */
  conflicts?: readonly Conflict[]
  /**
   * Whether anything is seen of what it publishes before all of it is. With 'together' it has
   * {@link PartStore.publishAll}. Default 'each'; a transfer that is to be published otherwise is refused
   * (`ERR_USAGE`).
   */
  publish?: Publishing
}

/**
 * One file while it arrives. Its methods are called one after the other, each when the one before has resolved; those
 * of several files run at the same time. It ends with exactly one of {@link publish}, {@link discard} and {@link keep},
 * but for a publish that throws, which one of the others follows, and for a part with `keep` that still arrives when
 * the store is closed.
 */
export interface Part {
  /**
   * Writes bytes at an offset of the file. Called by `partSink` as they come; with no buffers for an empty file, and
   * where all that ends a file was there. What it throws fails the file.
   * @param buffers none of them empty; they may be used again once it has resolved, so that what is kept is to be
   *   copied
   * @param ends whether nothing is left to do but to give the file its name, so that it can be closed
   */
  write(offset: number, buffers: readonly Buffer[], ends: boolean): Promise<void> | void
  /**
   * Reads back bytes that were written or claimed, into all of `into`. Called for proof, several at a time, and also
   * while others are written. What it throws means that they are not there. Left out: nothing of the part can be
   * proved.
   */
  read?(position: number, into: Buffer): Promise<void> | void
  /**
   * The digest of all that was written, read back. Called by `finalizer` where `hashTap` did not see the file from its
   * first byte to its last. Left out: such files fail (`ERR_UNSUPPORTED`).
   * @param signal aborted when nobody waits for it any more: then it may fail with its reason
   */
  digest?(algorithm: string, signal?: AbortSignal): Promise<Buffer> | Buffer
  /**
   * Gives the file its name, at once or not at all: nobody ever sees half of it. Called by `finalizer`, when every byte
   * was written and the digest is the one that the sender says, never before. What it throws fails the file.
   */
  publish(policy: PublishPolicy): Placing
  /**
   * Removes what was written: it is of no use any more. Called by `finalizer` if the content is not what the sender
   * says, if the sender gives the file up, or if other content has the name under the policy 'fail'. What it throws is
   * a warning.
   */
  discard(failure: SluiceError): Promise<void> | void
  /**
   * Leaves what was written for a later run. Called in the place of {@link discard} where the file failed for a reason
   * that may pass: a write failed, or the sender never said what it should be. Left out: `discard` is called then, and
   * also when the transfer ends before the file does.
   */
  keep?(failure: SluiceError): Promise<void> | void
}

/** Many small files that were stored together by {@link PartStore.writeRun}. */
export interface PartRun {
  /** Files that could not be stored, and why, by the index of their entry. */
  readonly failures: ReadonlyMap<number, Error>
  /**
   * Gives the files from entry `first` to entry `last` their own names, if those are free. Called by `finalizer` when
   * the digests of all of them, but for those that failed, are the sender's. What it throws ends the transfer.
   * @returns the indices of those that are to go one by one, by {@link part}: their names are taken, or it went wrong
   */
  publish(first: number, last: number): Promise<readonly number[]>
  /** One of the files as a part of its own, for what is unusual. Called by `finalizer`; all of it is written. */
  part(index: number): Part
}

/**
 * Where files go while they arrive, and where they get their names: a disk, memory, a database, a bucket, a tar. Only
 * {@link begin} is required, and of a part `write`, `publish` and `discard`; what else is left out has a default, and
 * every method may also do its work at once and give no promise.
 *
 * What a method throws is a `SluiceError`, which stays what it is, or anything else, which becomes one:
 * `ERR_DISK_FULL`, `ERR_READ_ONLY` or `ERR_PERMISSION` where it has the code of such a system error (`ENOSPC`, `EROFS`,
 * `EACCES`, …), `ERR_WRITE` otherwise, with what was thrown as its cause. It fails the one entry that the call was for.
 * Codes that would be the same for every entry end the transfer: `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_UNSAFE_LINK`,
 * `ERR_STATE`. So does everything that is thrown by a method that is for no single entry.
 *
 * A store belongs to one transfer at a time.
 */
export interface PartStore {
  /** Default: everything. */
  readonly features?: PartStoreFeatures
  /**
   * What a published file survives if nobody asks for more. A store that has it, has it set to 'power' before anything
   * is written, where `durability: 'power'` was asked for. Left out: it always does what it can.
   */
  durability?: Durability
  /** How names will be given. Called by `finalizer` once, before the first file begins, and before {@link lookup}. */
  obey?(policy: PublishPolicy): void
  /**
   * An offer was accepted; `bytes` of it will come. Called by `partSink` once per offer, before anything that is in it:
   * for one that is attached, while files of the offers before may still arrive. Here a store says that they do not fit
   * (`ERR_DISK_FULL`).
   */
  expect?(offer: Offer, bytes: number): Promise<void> | void
  /**
   * An offer was accepted, of which {@link claims} will be asked. Called by `partSink` once per offer, before all else.
   */
  learn?(offer: Offer): Promise<void> | void
  /**
   * Takes over what earlier transfers left of these files: their parts are this transfer's from now on. Called by
   * `partSink` once for each offer after it was accepted, before anything of it begins and before its {@link expect},
   * with the files that are wanted and have a known size, empty ones too; also with none; not in the order 'ascending'.
   * What is given is a claim: it will be proved before it counts, by its digest or, where all of the file comes, by
   * comparing, so that to claim too much only costs reading. What was left of another content (of another size or time)
   * is not given, and stays as it is. What is given is not begun: it is written to, published, discarded or kept as it
   * is. Left out: nothing is gone on with.
   * @param signal aborted when nobody waits for it any more: then it may fail with its reason
   * @returns by the index of the entry
   */
  claims?(
    entries: readonly Entry[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<number, Claim>> | ReadonlyMap<number, Claim>
  /**
   * May look already at what {@link lookup} will need, and changes nothing. Called by `receive` where all is accepted,
   * or its option `lookAhead` says so: with the entries of the first offer, page by page while it still comes. If it
   * fails, so does the transfer, as with {@link lookup}.
   */
  lookAhead?(entries: readonly Entry[]): Promise<void> | void
  /**
   * Finds, and does not change, what stands in the place of files and folders. Called by `receive` after {@link claims}
   * with the files that are not claimed, and with all folders that are wanted.
   */
  lookup?(entries: readonly Entry[], signal?: AbortSignal): Promise<StandingFiles> | StandingFiles
  /**
   * The older version of a file: what stands under its name. Called by `receive` for each wanted file of more than one
   * block of which nothing was claimed: what of it is in the new one does not travel. What it throws is a warning.
   */
  basis?(entry: Entry): Promise<Basis | undefined> | Basis | undefined
  /**
   * Makes a folder. Called by `partSink` before anything that is in it; folders that have no entry are not announced.
   * One that is there already is no error. Left out: folders need not be made.
   */
  makeFolder?(entry: Entry): Promise<void> | void
  /**
   * Begins a file of which nothing is to be seen until it is published. Called by `partSink` once for each file, when
   * the first of its bytes are there; for several files at the same time.
   */
  begin(entry: Entry): Promise<Part> | Part
  /**
   * Begins several files at once. Called by `partSink` in the place of {@link begin}, where that pays.
   * @returns a part, or why there is none, for each of them, by the index of its entry
   */
  beginAll?(entries: readonly Entry[]): Promise<ReadonlyMap<number, Part | Error>>
  /**
   * Stores files that are small and whole, more than one; their folders are made. Called by `partSink` in the place of
   * `begin` and `write`, where that pays. It is looked for before each run: a store in which it does not pay at all
   * times has a getter that gives undefined then. Folders and links in the run are not for it. Its buffers may be used
   * again once it has resolved.
   * @param signal aborted when nobody waits for the files any more: then it may fail with what the signal says
   */
  writeRun?: ((run: Run, signal: AbortSignal) => Promise<PartRun>) | undefined
  /**
   * More bytes of files that were begun are about to be written: here a store renews what says that it is in use.
   * Called by `partSink`, very often.
   */
  alive?(): Promise<void> | void
  /**
   * With the durability 'power': what was published until now survives a loss of power when it has resolved. Called by
   * `finalizer` before outcomes are told.
   */
  sync?(): Promise<void> | void
  /**
   * Makes a symbolic link. Called by `finalizer` with `symlinks: 'keep'` at the very end, one after the other, for
   * links that do not lead out of the destination. Left out: links fail with `ERR_LINK`.
   */
  makeLink?(entry: Entry, policy: PublishPolicy): Placing
  /**
   * Sets mode and time of a folder, into which nothing comes any more; gives 'identical' as `skipped` if it was there
   * before. Called by `finalizer` behind the links for all folders, the deepest first, those of one depth at the same
   * time. What it throws is a warning.
   */
  endFolder?(entry: Entry): Placing
  /**
   * With the feature `publish: 'together'`: gives all that was published, and links and folders, their names, or none
   * of it. Until then nothing is seen of it, and names are only taken from each other: where the same is not there, by
   * the policy that was asked for, but 'rename' where that overwrites. Called by `finalizer` once, before
   * {@link finish}, if nothing failed, with the policy that was asked for. If it throws, nothing of it has its name;
   * `ERR_CONFLICT` fails the entries, everything else ends the transfer.
   * @param names those that it gave to what this transfer brought
   * @returns what became of what was published under a name; undefined: it has that very name
   */
  publishAll?(
    policy: PublishPolicy,
    names: Iterable<string>,
  ): Promise<(name: string) => Placement | undefined> | ((name: string) => Placement | undefined)
  /**
   * Every entry has its outcome. Called by `finalizer` once, if the transfer came to its end. What it throws is a
   * warning.
   */
  finish?(): Promise<void> | void
  /**
   * The transfer was cancelled, and nothing is to stay of what did not end: neither what it wrote, nor what it had
   * taken over by {@link claims}. Called once, before {@link close}, which may remove it. Left out: the parts that have
   * not ended are discarded, each by {@link Part.discard}. What it throws is a warning.
   */
  discard?(): Promise<void> | void
  /**
   * Lets everything go. Called once, on every path, when all other calls have ended, by `partSink` or `finalizer`,
   * whichever of them is closed last.
   */
  close?(): Promise<void> | void
}

/** Methods that may be left out. */
const OPTIONAL = [
  'obey',
  'expect',
  'learn',
  'claims',
  'basis',
  'lookAhead',
  'lookup',
  'makeFolder',
  'beginAll',
  'writeRun',
  'alive',
  'sync',
  'makeLink',
  'endFolder',
  'publishAll',
  'finish',
  'discard',
  'close',
] as const

/**
 * Checks that a store has what it must have, and that it can obey a conflict policy, and publish as is asked.
 * @throws SluiceError `ERR_USAGE`
 */
export function checkPartStore(store: PartStore, conflict?: Conflict, publish?: Publishing): void {
  checkFunction('store.begin', store?.begin)
  for (const name of OPTIONAL) checkCallback(`store.${name}`, store[name])
  checkChoice('store.durability', store.durability, DURABILITIES)
  checkKeys('store.features', store.features, { order: true, conflicts: true, publish: true })
  const { order, conflicts, publish: how } = store.features ?? {}
  checkChoice('store.features.order', order, ['any', 'ascending'])
  checkChoice('store.features.publish', how, PUBLISHINGS)
  if (how === 'together') checkFunction('store.publishAll', store.publishAll)
  checkPublishing(store, publish)
  if (conflicts === undefined) return
  const isList = Array.isArray(conflicts) && conflicts.length > 0
  checkOption('store.features.conflicts', conflicts, isList, 'a list of conflict policies')
  for (const one of conflicts) checkChoice('store.features.conflicts', one, CONFLICTS)
  checkChoice('conflict', conflict, conflicts)
}

/** Whether a store publishes as is asked: `ERR_USAGE`; gives how it does. */
export function checkPublishing({ features }: PartStore, asked: Publishing | undefined): Publishing {
  const { publish = 'each' } = features ?? {}
  checkChoice('publish', asked, PUBLISHINGS)
  if (asked === undefined || asked === publish) return publish
  const why =
    publish === 'each' ? 'the store gives each file its name' : 'the store gives all names at the end'
  throw new SluiceError('ERR_USAGE', `publish must be '${publish}', or left out, not '${asked}': ${why}`)
}
