import type { SluiceError } from '../../errors.js'
import type { Intent } from '../intent/intent.js'
import { Commit } from './commit.js'
import type { Draft } from './draft.js'
import { removeAll } from './ground.js'
import type { TransactionProgress } from './options.js'
import type { Scene } from './scene.js'

/** What a transaction did. */
export interface TransactionResult {
  id: string
  /** Every path that changed, with what became of it. */
  files: { path: string; how: 'created' | 'replaced' | 'deleted' }[]
  /** Folders that were made. */
  folders: string[]
  /** What did not go as it should after everything was in place: leftovers, which a recovery removes. */
  warnings: SluiceError[]
}

/** What {@link carryOut} needs besides the scene. */
export interface CarryOut {
  draft: Draft
  /** Waits for the operations; rejects where one has failed. */
  ready: () => Promise<void>
  report: (progress: TransactionProgress) => void
}

/**
 * Does what was drafted. When it rejects, everything is as before and the temporary files are removed, unless a
 * recovery needs them. The warnings are those of the place.
 */
export async function carryOut(
  { id, place, ground, lock }: Scene,
  { draft, ready, report }: CarryOut,
): Promise<TransactionResult> {
  let commit: Commit | undefined
  try {
    await ready()
    const { plan, prepared } = await draft.prepare()
    const { actions, standing } = prepared
    const { owner, durability } = place
    const intent: Intent = { id, owner, durability, time: Date.now(), folders: plan.folders, actions }
    let files = 0
    const totalFiles = actions.length
    const done = () => report({ phase: 'applying', files: ++files, totalFiles, bytes: draft.bytes })
    if (totalFiles > 0) {
      commit = new Commit({ place, ground, intent, standing, check: () => lock.check(), done })
      await commit.run()
    }
    return resultOf(intent, place.warnings)
  } catch (error) {
    // what cannot be removed now is collected by a recovery
    if (!commit?.isKept) await removeAll(ground, place.taken).catch(() => {})
    throw error
  }
}

function resultOf({ id, folders, actions }: Intent, warnings: SluiceError[]): TransactionResult {
  const files = actions.map(({ path, temporary, old }) => {
    if (temporary === undefined) return { path, how: 'deleted' as const }
    return { path, how: old === undefined ? ('created' as const) : ('replaced' as const) }
  })
  return { id, files, folders, warnings }
}
