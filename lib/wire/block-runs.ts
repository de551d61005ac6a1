import { BLOCK_DIGEST_LENGTH, MOST_BLOCKS } from '../digest/blocks.js'
import type { Packed } from './msgpack.js'

/** Blocks of one file: the number of the first of a run, and how many, run by run; ascending, apart. */
export type BlockRuns = readonly number[]

/** Runs of blocks in a message at most. */
export const MOST_BLOCK_RUNS = 1024

/** Runs in a message of ours: with them it has less than 4,096 bytes, which is the least that a peer should take. */
export const SAID_BLOCK_RUNS = 512

/** What the plan says of the next entries, as it stands in a message. */
export type PlanTuple = [count: number, kind: number, blocks?: number[]]

/** Kinds of what a plan says; in a message their place in this list. */
export const PLAN_KINDS = ['skip', 'all', 'prove', 'chunks'] as const

/**
 * What the plan says of the next `count` entries: none of them is to be sent, or all of each; that each file is to be
 * proved as a whole; or of one file, that these blocks are to be proved, and the others sent; or that its chunks are to
 * be said.
 */
export type PlanRecord =
  | { count: number; kind: 'skip' }
  | { count: number; kind: 'all' }
  | { count: number; kind: 'prove'; blocks?: BlockRuns }
  | { count: 1; kind: 'chunks' }

export function planTuple(record: PlanRecord): Packed[] {
  const tuple: Packed[] = [record.count, PLAN_KINDS.indexOf(record.kind)]
  if (record.kind === 'prove' && record.blocks) tuple.push([...record.blocks])
  return tuple
}

export function planRecordOf([count, number, blocks]: PlanTuple): PlanRecord {
  const kind = PLAN_KINDS[number]!
  if (kind === 'prove' && blocks) return { count, kind, blocks }
  return kind === 'chunks' ? { count: 1, kind } : { count, kind }
}

/** Whether the kind allows what stands beside it. */
export function isPlanTuple([count, number, blocks]: PlanTuple): boolean {
  const kind = PLAN_KINDS[number]
  if (blocks) return kind === 'prove' && count === 1
  return kind !== 'chunks' || count === 1
}

/** Whether a value is {@link BlockRuns}, of at least one block. */
export function isBlockRuns(value: Packed): boolean {
  if (!Array.isArray(value) || value.length === 0 || value.length % 2 !== 0) return false
  if (value.length > 2 * MOST_BLOCK_RUNS) return false
  let least = 0
  for (let i = 0; i < value.length; i += 2) {
    const [first, count] = [value[i], value[i + 1]]
    if (!isNumber(first) || !isNumber(count) || count === 0 || first < least) return false
    if (first + count > MOST_BLOCKS) return false
    least = first + count + 1
  }
  return true
}

/** What is wrong with the digests of blocks from `first` on; undefined if nothing is. */
export function faultOfBlocks(first: number, digests: Buffer): string | undefined {
  const blocks = digests.length / BLOCK_DIGEST_LENGTH
  return Number.isInteger(blocks) && first + blocks <= MOST_BLOCKS
    ? undefined
    : `with ${digests.length} bytes of digests from block ${first} on`
}

function isNumber(value: Packed | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
