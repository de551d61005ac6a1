import { printable, SluiceError } from '../../errors.js'
import type { Backoff } from './backoff.js'
import type { LockFolder } from './lock-folder.js'
import type { Claimant } from './lock-names.js'

/**
 * Takes the lock: announces the claim, enters the gate, and then waits for the readers to leave or becomes one.
 * Throws `ERR_LOCKED`, `ERR_CANCELLED` and system errors; entries of the claimant may remain then.
 * @param directory for the message
 */
export async function takeLock(
  folder: LockFolder,
  waiting: Backoff,
  random: () => number,
  directory: string,
): Promise<void> {
  for (;;) {
    await folder.announce()
    await enter(folder, waiting, directory)
    const taken =
      folder.claimant.mode === 'shared'
        ? await folder.pass(random)
        : await outwait(folder, waiting, random, directory)
    if (taken) return
    // somebody removed our entry by hand: starts again
    waiting.ensureWanted()
    if (waiting.isOver) throw locked(directory, folder, [])
    await waiting.pause()
  }
}

async function enter(folder: LockFolder, waiting: Backoff, directory: string): Promise<void> {
  for (let lastTry = false; ; ) {
    if (await folder.enter()) return
    const over = waiting.isOver
    if (over || waiting.isLookDue()) {
      const { ours, inside } = await folder.lookInside()
      if (ours) return
      // who was inside has left, or was removed
      if (inside.length === 0 && !lastTry) {
        lastTry = over
        continue
      }
      if (over) throw locked(directory, folder, inside)
    }
    await waiting.pause()
    waiting.ensureWanted()
  }
}

/** Waits inside the gate until the last reader has left. Returns whether our entry is still inside. */
async function outwait(
  folder: LockFolder,
  waiting: Backoff,
  random: () => number,
  directory: string,
): Promise<boolean> {
  for (let waited = false; ; waited = true) {
    const readers = await folder.readers(random)
    if (!readers) return false
    if (readers.length === 0) return !waited || folder.isHeld()
    if (waiting.isOver) throw locked(directory, folder, readers)
    await waiting.pause()
    waiting.ensureWanted()
  }
}

function locked(directory: string, folder: LockFolder, holders: (Claimant | string)[]): SluiceError {
  const { owner: own } = folder.claimant
  const isThis = ({ owner: { host, pid } }: Claimant) => host === own.host && pid === own.pid
  const names = holders.map((holder) => {
    if (typeof holder === 'string') return `something that is not ours, "${printable(holder)}"`
    const { mode, owner } = holder
    if (isThis(holder)) return `this process (${mode})`
    const where = owner.host === own.host ? '' : ' on another machine or in another container'
    return `process ${owner.pid}${where} (${mode})`
  })
  const by = names.length === 0 ? 'others, in turns' : names.slice(0, 8).join(', ')
  // the holder is this process: it must not be told to end the holder or to remove the folder
  const wayOut = holders.some((holder) => typeof holder !== 'string' && isThis(holder))
    ? 'end what holds it here first (a lock, an update, a transaction, a recovery manager), or wait longer (option timeout)'
    : 'wait longer (option timeout), end that process, ' +
      `or, if nobody uses it for certain, remove the folder ${printable(folder.path)}`
  const message = `${printable(directory)} is locked by ${by}; ${wayOut}`
  return new SluiceError('ERR_LOCKED', message, { path: directory, found: holders })
}
