import { processSystem, thisOwner } from '../../lib/files/own/owner.js'
import { asideName } from '../../lib/files/own/temporary-name.js'

/** The name of a folder aside that a process left, by a number that no process has. */
export function deadAside(ino: bigint): string {
  return asideName(ino, { ...thisOwner(), pid: 0x7fffffff })
}

/** A system that takes each process for dead, this one too. */
export const everybodyIsDead = { ...processSystem, isAlive: () => false }
