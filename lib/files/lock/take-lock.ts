import { printable, SluiceError } from '../../errors.js'
import type { Backoff } from './backoff.js'
import type { Claim } from './claim.js'
import type { Claimant } from './lock-names.js'

/**
 * Takes the lock: announces the claim, enters the gate, and then waits for the readers to leave or becomes one.
 * Throws `ERR_LOCKED`, `ERR_CANCELLED` and system errors; entries of the claimant may remain then.
 * @param folder for the message
 */
export async function takeLock(
  claim: Claim,
  waiting: Backoff,
  random: () => number,
  folder: string,
): Promise<void> {
  for (;;) {
    await claim.announce()
    await enter(claim, waiting, folder)
    const taken =
      claim.claimant.mode === 'shared'
        ? await claim.pass(random)
        : await outwait(claim, waiting, random, folder)
    if (taken) return
    // somebody removed our entry by hand: starts again
    waiting.ensureWanted()
    if (waiting.isOver) throw locked(folder, claim, [])
    await waiting.pause()
  }
}

async function enter(claim: Claim, waiting: Backoff, folder: string): Promise<void> {
  for (let lastTry = false; ; ) {
    if (await claim.enter()) return
    const over = waiting.isOver
    if (over || waiting.isLookDue()) {
      const { ours, inside } = await claim.lookInside()
      if (ours) return
      // who was inside has left, or was removed
      if (inside.length === 0 && !lastTry) {
        lastTry = over
        continue
      }
      if (over) throw locked(folder, claim, inside)
    }
    await waiting.pause()
    waiting.ensureWanted()
  }
}

/** Waits inside the gate until the last reader has left. Returns whether our entry is still inside. */
async function outwait(
  claim: Claim,
  waiting: Backoff,
  random: () => number,
  folder: string,
): Promise<boolean> {
  for (let waited = false; ; waited = true) {
    const readers = await claim.readers(random)
    if (!readers) return false
    if (readers.length === 0) return !waited || claim.isHeld()
    if (waiting.isOver) throw locked(folder, claim, readers)
    await waiting.pause()
    waiting.ensureWanted()
  }
}

function locked(folder: string, claim: Claim, holders: (Claimant | string)[]): SluiceError {
  const { owner: own } = claim.claimant
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
      `or, if nobody uses it for certain, remove the folder ${printable(claim.path)}`
  const message = `${printable(folder)} is locked by ${by}; ${wayOut}`
  return new SluiceError('ERR_LOCKED', message, { path: folder, found: holders })
}
