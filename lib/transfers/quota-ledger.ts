import { counted } from '../errors.js'
import { type Amount, filesAndFolders } from '../transfer/quota.js'

/** What is reserved for a transfer that runs. */
export interface Reservation extends Amount {
  /** Names the transfer. */
  use: string
  /** The process that receives it. */
  owner: string
  /** When it was made, or changed last: milliseconds since 1970. */
  since: number
}

/** What came of somebody until now, and what is reserved for more. */
export interface QuotaLedger {
  used: Amount
  reserved: readonly Reservation[]
}

/** Whose reservation it is. */
export type Holder = Pick<Reservation, 'use' | 'owner' | 'since'>

export const NOTHING_YET: QuotaLedger = { used: { bytes: 0, files: 0 }, reserved: [] }

/** Transfers of one sender that run at once, at most. */
export const MOST_RESERVED = 1000

/** What is neither used nor reserved. */
export function leftOf({ used, reserved }: QuotaLedger, most: Amount): Amount {
  const left = (unit: keyof Amount) =>
    Math.max(
      0,
      reserved.reduce((rest, one) => rest - one[unit], most[unit] - used[unit]),
    )
  return { bytes: left('bytes'), files: left('files') }
}

/**
 * Reserves what is offered, or as much of it as is left, since some of it may be there already. Gives why nothing can
 * be taken instead, in words for the sender.
 */
export function reserve(
  ledger: QuotaLedger,
  most: Amount,
  offered: Amount,
  holder: Holder,
): { ledger: QuotaLedger; reserved: Amount } | { refused: string } {
  const isTooLarge = Number.isFinite(offered.bytes) && offered.bytes > most.bytes
  if (isTooLarge) return { refused: beyond(counted(offered.bytes, 'byte'), counted(most.bytes, 'byte')) }
  if (offered.files > most.files)
    return { refused: beyond(filesAndFolders(offered.files), filesAndFolders(most.files)) }
  const left = leftOf(ledger, most)
  const lacksBytes = offered.bytes > 0 && left.bytes === 0
  const lacksFiles = offered.files > 0 && left.files === 0
  if (lacksBytes || lacksFiles || ledger.reserved.length >= MOST_RESERVED) {
    const isWaiting = ledger.reserved.length > 0
    return {
      refused: isWaiting
        ? RESERVED
        : usedUp(lacksBytes ? counted(most.bytes, 'byte') : filesAndFolders(most.files)),
    }
  }
  const reserved = {
    bytes: Math.min(offered.bytes, left.bytes),
    files: Math.min(offered.files, left.files),
  }
  return { ledger: add(ledger, reserved, holder), reserved }
}

/** What is reserved for a transfer becomes used, as it comes: also what comes beyond that. */
export function use(ledger: QuotaLedger, came: Amount, holder: Holder): QuotaLedger {
  const used = {
    bytes: Math.min(Number.MAX_SAFE_INTEGER, ledger.used.bytes + came.bytes),
    files: Math.min(Number.MAX_SAFE_INTEGER, ledger.used.files + came.files),
  }
  return { ...add(ledger, { bytes: -came.bytes, files: -came.files }, holder), used }
}

/** So much of what is reserved for a transfer is not needed. */
export function release(ledger: QuotaLedger, { bytes, files }: Amount, holder: Holder): QuotaLedger {
  return add(ledger, { bytes: -bytes, files: -files }, holder)
}

/** Nothing is reserved for a transfer any more. */
export function end(ledger: QuotaLedger, { use }: Pick<Holder, 'use'>): QuotaLedger {
  return { ...ledger, reserved: ledger.reserved.filter((one) => one.use !== use) }
}

/** Changes what is reserved for a transfer; where nothing is, there is nothing to be taken away. */
function add(ledger: QuotaLedger, { bytes, files }: Amount, holder: Holder): QuotaLedger {
  const known = ledger.reserved.find((one) => one.use === holder.use)
  if (!known && bytes <= 0 && files <= 0) return ledger
  const changed = {
    ...holder,
    bytes: Math.max(0, (known?.bytes ?? 0) + bytes),
    files: Math.max(0, (known?.files ?? 0) + files),
  }
  const others = ledger.reserved.filter((one) => one !== known)
  return { ...ledger, reserved: [...others, changed] }
}

function beyond(offered: string, most: string): string {
  return `these are ${offered}, and the quota of this sender is ${most} in all`
}

function usedUp(most: string): string {
  return `the quota of this sender is used up: ${most} in all`
}

const RESERVED =
  'what is left of the quota of this sender is reserved for a transfer that runs; try again when that is over'
