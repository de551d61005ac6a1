import type { Conflict, Durability } from '../files/publish/publish.js'
import type { SkipReason } from '../wire/outcome.js'

export type { Conflict, Durability }

/** Whether each file of a transfer gets its name as soon as it is right, or all of it at the end, if all is right. */
export type Publishing = 'each' | 'together'

/** Each {@link Publishing}. */
export const PUBLISHINGS: readonly Publishing[] = ['each', 'together']

/** What counts as already there, where the name is taken. */
export type Unless = 'identical' | 'unchanged' | 'newer' | 'nothing'

/**
 * How names are given: the options of `finalizer`, checked. See `publishByPolicy`, which obeys `conflict` and `unless`.
 */
export interface PublishPolicy {
  conflict: Conflict
  unless: Unless
  durability: Durability
  /** The hash algorithm of the offer. */
  algorithm: string
  /**
   * Where the policy overwrites, or `unless` goes by times: paths that this transfer acknowledged, and the folders that
   * they are in. Nothing of it overwrites one, or is there by the time of one. Earlier connections are in it;
   * `publishByPolicy` adds to it.
   */
  brought?: Set<string>
  /** Whether another entry of the transfer may be called so: then no suffix makes a path to this one. */
  isAsked?(path: string): boolean
  /**
   * Where all is published together: how names are given at the end. Until then names are only taken from each other.
   */
  atEnd?: PublishPolicy
  /** Aborted when nobody waits any more: what takes long may fail with its reason then. */
  signal?: AbortSignal
}

/** How an entry was put where it belongs. To give nothing means: under its own path. */
export interface Placement {
  /** The path that it has, where that is not its own. */
  name?: string | undefined
  /**
   * It was not put there, and why: the same is there already, or other content has the name under the policy 'skip'.
   */
  skipped?: SkipReason | undefined
  /** What did not go as asked, although it is there. */
  warning?: Error | undefined
}

/** What a method gives that says it: a {@link Placement} or nothing, at once or later. */
// biome-ignore lint/suspicious/noConfusingVoidType: a method without a `return` is the ordinary case
export type Placing = Placement | void | Promise<Placement | void>
