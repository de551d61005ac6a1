import type { Recorder } from '../audit/recorder.js'
import type { Clock } from '../disk/clock.js'
import { diskError } from '../disk/disk-error.js'
import type { StagingArea } from '../intent/staging.js'
import type { RecoveryOutcome } from './options.js'
import type { Point } from './point.js'
import type { PointRecord } from './record.js'
import type { RecoveryStore } from './store.js'
import { type Undone, undoPoint } from './undo-point.js'
import type { UnfinishedTransactions } from './unfinished-transactions.js'

/** What it takes to undo points. */
export interface UndoContext {
  area: StagingArea
  store: RecoveryStore
  unfinished: UnfinishedTransactions
  recorder: Recorder
  attempts: number
  clock: Clock
  now: () => number
}

/** Milliseconds between two attempts; each time twice as long. */
const FIRST_WAIT = 50

/**
 * Undoes points, the last one first. Those that were not undone are left, and block the earlier ones of their path.
 * @param points the oldest first
 */
export async function undoAll(
  points: readonly Point[],
  undoing: UndoContext,
): Promise<{ outcomes: RecoveryOutcome[]; left: Point[] }> {
  complete(points)
  const outcomes: RecoveryOutcome[] = []
  const left: Point[] = []
  const blocked = new Set<string>()
  for (const point of points.toReversed()) {
    const began = undoing.clock.now()
    const outcome: RecoveryOutcome = blocked.has(point.path)
      ? { kind: point.kind, path: point.path, state: 'blocked', attempts: 0 }
      : await undoOne(point, undoing)
    outcomes.push(outcome)
    if (!isUndone(outcome)) {
      blocked.add(point.path)
      left.unshift(point)
    }
    await takeDown(outcome, undoing.clock.now() - began, undoing)
  }
  return { outcomes, left }
}

function isUndone({ state }: { state: RecoveryOutcome['state'] }): boolean {
  return state === 'undone' || state === 'unchanged'
}

async function undoOne(
  point: Point,
  { area, store, unfinished, attempts, clock, now }: UndoContext,
): Promise<RecoveryOutcome> {
  const { kind, path, record, stored } = point
  const outcome = { kind, path, attempts: 0 }
  // what does not even say what it is about stays where it is
  if (!record) return { ...outcome, state: 'damaged' }
  let undone: Undone | undefined
  for (;;) {
    outcome.attempts++
    try {
      undone ??= await undoSettled(area, record, store.keptPath(stored), now(), unfinished)
      if (isUndone(undone)) await store.remove(stored)
      const [warning] = area.warnings.splice(0)
      return { ...outcome, ...undone, ...(warning && { warning }) }
    } catch (error) {
      const failure = diskError(error, 'undo the change of', path)
      if (outcome.attempts === attempts) return { ...outcome, state: 'failed', error: failure }
    }
    const wait = FIRST_WAIT * 2 ** (outcome.attempts - 1)
    await new Promise<void>((resolve) => clock.after(wait, resolve))
  }
}

/** Undoes a point, with no transaction at work that would change the path yet. */
async function undoSettled(
  area: StagingArea,
  record: PointRecord,
  kept: string,
  now: number,
  unfinished: UnfinishedTransactions,
): Promise<Undone> {
  await unfinished.end(record.path)
  for (;;) {
    const undone = await undoPoint(area, record, kept, now)
    // asked after the look: what is not committed by now is a change of its own, and later
    if (undone.state !== 'unchanged' || !(await unfinished.end(record.path))) return undone
  }
}

/** What the next point of a path found is what the one before it left. */
function complete(points: readonly Point[]): void {
  const later = new Map<string, PointRecord>()
  for (const { path, stored, record } of points.toReversed()) {
    if (!record) continue
    const next = later.get(path)
    if (next && record.after === undefined) stored.record = { ...record, after: next.old ?? null }
    later.set(path, record)
  }
}

async function takeDown(
  outcome: RecoveryOutcome,
  duration: number,
  { area, recorder }: UndoContext,
): Promise<void> {
  const { kind, path, state, attempts, error } = outcome
  await recorder.record({
    operation: 'undo',
    path: `${area.tree.root}/${path}`,
    status: isUndone(outcome) ? 'ok' : 'failed',
    duration,
    metadata: { kind, state, attempts },
    ...(!isUndone(outcome) && { code: error?.code ?? 'ERR_CONFLICT' }),
  })
}
