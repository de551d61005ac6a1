import type { SluiceError } from '../../errors.js'
import { CONFLICTS, DURABILITIES } from '../../files/publish/policies.js'
import { checkChoice, checkKeys, checkWhole, type Keys } from '../../options.js'
import {
  type Conflict,
  type Durability,
  PUBLISHINGS,
  type Publishing,
  type Unless,
} from '../../stores/policy.js'
import type { Outcome, OutcomeRange } from '../../wire/outcome.js'

import type { RepairCalls } from './repairs.js'

/** Options of `finalizer`. */
export interface FinalizerOptions {
  /**
   * What to do when the name is taken by other content. Default 'rename': a suffix. An incoming folder merges into a
   * standing one, and gets the suffix where something else has its name, under every policy; a link that finds a
   * folder under its name gets the suffix where a file would overwrite or replace. In a store that cannot do 'rename'
   * the default is the first that it can.
   */
  conflict?: Conflict
  /** What counts as already there. Default 'identical': the same content, proved by the digest. */
  unless?: Unless
  /** What a published file survives. Default: what `partSink` says. */
  durability?: Durability
  /** How `partSink`, or its store, publishes, to be checked. Default: as that does. */
  publish?: Publishing
  /**
   * Symbolic links are skipped and reported, or, with 'keep', made at the end; one that leads out fails (`ERR_LINK`).
   */
  symlinks?: 'skip' | 'keep'
  /** Files that are published at once. Default 32. */
  concurrency?: number
  /**
   * Told of every batch of entries that ended, once they are as safe as `durability` says; the next one waits for it.
   */
  onOutcome?: (outcomes: Outcome[]) => void | Promise<void>
  /** The same in ranges: what very many files cost least. Called after `onOutcome`. */
  onSettled?: (ranges: readonly OutcomeRange[]) => void | Promise<void>
  /**
   * Of which entries there are outcomes at the end. Default 'all'. With 'failed', a transfer of very many files takes
   * no memory for those that went well; `onOutcome` has told of them.
   */
  outcomes?: 'all' | 'failed'
  /**
   * Entries that never came although the input ended well: 'fail' (default) with `ERR_TRUNCATED`; or 'skip', where a
   * stage behind `demuxer` filters: that one notices by itself if the input is cut off.
   */
  missing?: 'fail' | 'skip'
  /**
   * Asks the sender for blocks of a file again, or for proof of them, where what came is not what it says; given by
   * `receive`. Left out: such a file fails.
   */
  repair?: RepairCalls
  /**
   * Gives the paths that this transfer gave over connections before this one: no other file of it may overwrite what
   * has one of them, or take it for its own by its time. Given by `receive`.
   */
  acknowledged?: () => Iterable<string>
  /** Told what did not go as asked although the entry is there. */
  warn?: (warning: SluiceError) => void
}

/** Their names. */
export const FINALIZER_OPTIONS: Keys<FinalizerOptions> = {
  conflict: true,
  unless: true,
  durability: true,
  publish: true,
  symlinks: true,
  concurrency: true,
  onOutcome: true,
  onSettled: true,
  outcomes: true,
  missing: true,
  repair: true,
  acknowledged: true,
  warn: true,
}

/** @throws SluiceError `ERR_USAGE` */
export function checkedFinalizerOptions(options: FinalizerOptions) {
  checkKeys('options', options, FINALIZER_OPTIONS)
  const { conflict, unless = 'identical', symlinks = 'skip', concurrency = 32 } = options
  checkChoice('conflict', conflict, CONFLICTS)
  checkChoice('unless', unless, ['identical', 'unchanged', 'newer', 'nothing'])
  checkChoice('symlinks', symlinks, ['skip', 'keep'])
  checkChoice('outcomes', options.outcomes, ['all', 'failed'])
  checkChoice('durability', options.durability, DURABILITIES)
  checkChoice('publish', options.publish, PUBLISHINGS)
  checkWhole('concurrency', concurrency, 1)
  return { ...options, unless, symlinks, concurrency }
}
