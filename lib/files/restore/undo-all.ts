import { isSluiceError, type SluiceError } from '../../errors.js'
import { diskError } from '../disk/disk-error.js'
import type { RecoveryContext } from './context.js'
import type { Point, PointRecord, RecoveryKind } from './store.js'
import { type Undone, undoPoint } from './undo-point.js'
import { endUnfinished } from './unfinished-transactions.js'

/** What was done with one point. */
export interface RecoveryOutcome {
  kind: RecoveryKind
  path: string
  /**
   * See {@link Undone}; also 'blocked': a later point of the same path was not undone; 'failed': the disk failed each
   * time, see `error`. Points other than 'undone' and 'unchanged' stay, for another attempt or for a commit.
   */
  state: Undone['state'] | 'blocked' | 'failed'
  attempts: number
  /**
   * The path of a backup below the folder: the file at the path was kept, because nobody had said that it is the
   * result of the change.
   */
  backup?: string
  /** The content is back, but its owner could not be set. */
  warning?: SluiceError
  error?: SluiceError
}

/** Milliseconds before the second attempt; doubled each time. */
const FIRST_UNDO_WAIT = 50

/**
 * Undoes points, the last one first. A point that could not be undone is left, and blocks the earlier points of its
 * path.
 * @param points the oldest first
 */
export async function undoAll(
  points: readonly Point[],
  context: RecoveryContext,
): Promise<{ outcomes: RecoveryOutcome[]; left: Point[] }> {
  complete(points)
  const outcomes: RecoveryOutcome[] = []
  const left: Point[] = []
  const blocked = new Set<string>()
  for (const point of points.toReversed()) {
    const began = context.clock.now()
    const outcome: RecoveryOutcome = blocked.has(point.path)
      ? { kind: point.kind, path: point.path, state: 'blocked', attempts: 0 }
      : await undoOne(point, context)
    outcomes.push(outcome)
    if (!isUndone(outcome)) {
      blocked.add(point.path)
      left.unshift(point)
    }
    const { kind, path, state, attempts, error } = outcome
    await context.recorder.record({
      operation: 'undo',
      path: `${context.tree.root}/${path}`,
      status: isUndone(outcome) ? 'ok' : 'failed',
      duration: context.clock.now() - began,
      metadata: { kind, state, attempts },
      ...(!isUndone(outcome) && { code: error?.code ?? 'ERR_CONFLICT' }),
    })
  }
  return { outcomes, left }
}

function isUndone({ state }: { state: RecoveryOutcome['state'] }): boolean {
  return state === 'undone' || state === 'unchanged'
}

async function undoOne(point: Point, context: RecoveryContext): Promise<RecoveryOutcome> {
  const { store, attempts, clock, warnings } = context
  const { kind, path, record } = point
  const outcome = { kind, path, attempts: 0 }
  // a damaged point stays where it is
  if (!record) return { ...outcome, state: 'damaged' }
  let undone: Undone | undefined
  for (;;) {
    outcome.attempts++
    try {
      undone ??= await undoUndisturbed(context, record, store.keptPath(point))
      if (isUndone(undone)) await store.remove(point)
      const [warning] = warnings.splice(0)
      return { ...outcome, ...undone, ...(warning && { warning }) }
    } catch (error) {
      // others may work there by now
      if (isSluiceError(error, 'ERR_LOCK_LOST')) throw error
      const failure = diskError(error, 'undo the change of', path)
      if (outcome.attempts === attempts) return { ...outcome, state: 'failed', error: failure }
    }
    const wait = FIRST_UNDO_WAIT * 2 ** (outcome.attempts - 1)
    await new Promise<void>((resolve) => clock.after(wait, resolve))
  }
}

/** Undoes a point while no unfinished transaction could still change the path. */
async function undoUndisturbed(context: RecoveryContext, record: PointRecord, kept: string): Promise<Undone> {
  const time = context.now()
  await endUnfinished(context, record.path)
  for (;;) {
    const undone = await undoPoint(context, record, kept, time)
    // checked after the look: a transaction that is not committed by now is a later change
    if (undone.state !== 'unchanged' || !(await endUnfinished(context, record.path))) return undone
  }
}

/** Adds what is missing in the records: what the next point of a path found is what the change before it left. */
function complete(points: readonly Point[]): void {
  const later = new Map<string, PointRecord>()
  for (const point of points.toReversed()) {
    const { path, record } = point
    if (!record) continue
    const next = later.get(path)
    if (next && record.after === undefined) point.stored = { ...record, after: next.old ?? null }
    later.set(path, record)
  }
}
