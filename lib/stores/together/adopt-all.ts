import type { Clock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import type { FileSystem } from '../../files/disk/fs.js'
import type { ProcessSystem } from '../../files/own/owner.js'
import { runTransaction } from '../../files/transaction/commit.js'
import { closeContext, openContext } from '../../files/transaction/context.js'
import { Draft } from '../../files/transaction/draft.js'
import type { Durability } from '../policy.js'

/** What stands in a staged folder, and the path that it is to get. */
export interface Move {
  from: string
  to: string
}

/** How {@link adoptAll} works. */
export interface AdoptOptions {
  fs: FileSystem
  durability: Durability
  system?: ProcessSystem | undefined
  clock?: Clock | undefined
  signal?: AbortSignal | undefined
  warn: (warning: SluiceError) => void
}

/**
 * Gives all of it its paths below a folder, or none of it, in one transaction.
 * @param plan says what is to get which path; called while no other transaction runs in the folder
 */
export async function adoptAll(
  folder: string,
  plan: () => Promise<readonly Move[]>,
  { fs, durability, system, clock, signal, warn }: AdoptOptions,
): Promise<void> {
  const ours = { ...(system && { system }), ...(clock && { clock }), ...(signal && { signal }) }
  const lock = { timeout: Number.POSITIVE_INFINITY, signal }
  const context = await openContext(folder, { fs, durability, lock, ...ours })
  try {
    const draft = new Draft(context, () => {})
    const ready = async () => {
      for (const { from, to } of await plan()) await draft.adopt(from, to)
    }
    await runTransaction(context, draft, ready, () => {})
  } finally {
    await closeContext(context)
    for (const warning of context.warnings) warn(warning)
  }
}
