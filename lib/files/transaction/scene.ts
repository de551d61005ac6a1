import { diskError } from '../disk/disk-error.js'
import { nodeFileSystem } from '../disk/fs.js'
import { makeId } from '../intent/intent.js'
import type { Place } from '../intent/staging.js'
import type { DirectoryLock } from '../lock/directory-lock.js'
import { processSystem, thisOwner } from '../own/owner.js'
import { Tree } from '../tree/tree.js'
import { Blocked } from './blocked.js'
import { type Ground, groundOf, lockGround } from './ground.js'
import type { TransactionOptions } from './options.js'
import { isEnded, type RecoveredTransaction, recoverIntents } from './recover.js'

/** What a transaction works with, from its beginning to its end. */
export interface Scene {
  id: string
  place: Place
  ground: Ground
  lock: DirectoryLock
  blocked: Blocked
  /** What was found of earlier transactions, and what became of them. */
  recovered: readonly RecoveredTransaction[]
}

/**
 * Opens the folder, locks it, and ends what dead processes left there, or refuses to begin. What was opened is closed
 * if that fails.
 */
export async function openScene(directory: string, options: TransactionOptions): Promise<Scene> {
  const { id = makeId(), durability = 'power', fs = nodeFileSystem, system = processSystem } = options
  const tree = await Tree.open(directory, { fs })
  let lock: DirectoryLock | undefined
  try {
    const ground = groundOf(tree)
    lock = await lockGround(ground, { lock: { signal: options.signal, ...options.lock }, system })
    const place = { tree, durability, owner: thisOwner(system), taken: new Set<string>(), warnings: [] }
    const dryRun = options.unfinished === 'refuse'
    const recovered = await recoverIntents(ground, { dryRun, system })
    const blocked = new Blocked(dryRun ? recovered : recovered.filter((one) => !isEnded(one)), tree.root)
    blocked.checkBegin(id, dryRun)
    return { id, place, ground, lock, blocked, recovered }
  } catch (error) {
    await lock?.release().catch(() => {})
    await tree.close()
    throw diskError(error, 'begin a transaction in', directory)
  }
}

/** Gives the folder back. What does not go as it should is added to the warnings of the place. */
export async function closeScene({ lock, place }: Scene): Promise<void> {
  // a lock that cannot be given back is free once the process ends
  await lock.release().catch((error: unknown) => {
    place.warnings.push(diskError(error, 'release the lock on', place.tree.root))
  })
  await place.tree.close()
}
