import { join } from 'node:path'
import type { FileSystem } from '../disk/fs.js'
import { LOOK_EVERY, type OwnerWatch, untilNextLook } from '../own/lease.js'
import { type ProcessSystem, processSystem } from '../own/owner.js'
import { LockEntries } from './lock-entries.js'
import { lockFolderName } from './lock-names.js'

/** How {@link isLocked} looks. */
export interface IsLockedOptions {
  fs: FileSystem
  system?: ProcessSystem | undefined
  /** For holders that cannot be looked at. */
  watch: OwnerWatch
  /** Ends the watching: `ERR_CANCELLED`. */
  signal?: AbortSignal | undefined
}

/**
 * Whether somebody holds the lock on a folder, in which no other user may make files, by a look that changes nothing:
 * for a dry run, which says what taking the lock would find. Holders that cannot be looked at are watched as long as
 * then.
 */
export async function isLocked(
  folder: string,
  { fs, system = processSystem, watch, signal }: IsLockedOptions,
): Promise<boolean> {
  const around = await fs.stat(folder)
  const path = join(folder, lockFolderName('lock')!)
  const entries = new LockEntries(fs, path, { system, around, watch, random: Math.random })
  for (;;) {
    const isHeld = await entries.areHeld()
    if (!isHeld || entries.undecided === 0) return isHeld
    await untilNextLook(watch.clock, LOOK_EVERY, signal)
  }
}
