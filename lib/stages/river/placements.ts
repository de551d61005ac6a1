import { type Code, printable, type SluiceError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import { staysInside } from '../../stores/link-target.js'
import type { Placement } from '../../stores/policy.js'
import type { Entry } from '../../wire/entry.js'
import { failed, failureOf, type Outcome, skipped } from '../../wire/outcome.js'

/** Errors that every other file would have, too. */
const FATAL: ReadonlySet<Code> = new Set([
  'ERR_DISK_FULL',
  'ERR_READ_ONLY',
  'ERR_UNSAFE_LINK',
  'ERR_STATE',
  'ERR_LOCK_LOST',
])

/** Whether an error that came up with one file ends the whole transfer. */
export function endsTransfer({ code }: SluiceError): boolean {
  return FATAL.has(code)
}

/** What became of an entry that was put where it belongs. */
export function outcomeOf(entry: Entry, { name, skipped: reason, warning }: Placement): Outcome {
  const { path } = entry
  const outcome: Outcome = reason ? skipped(entry, reason) : { entry, path, status: 'published' }
  if (name !== undefined && name !== path) outcome.name = name
  if (warning) {
    outcome.error = diskError(warning, 'publish', path)
    outcome.code = outcome.error.code
  }
  return outcome
}

/** Entries by how deep they lie, the deepest first. */
export function byDepth(entries: readonly Entry[]): Entry[][] {
  const levels: Entry[][] = []
  for (const entry of entries) {
    const depth = entry.path.split('/').length
    levels[depth] ??= []
    levels[depth].push(entry)
  }
  return levels.filter((level) => level !== undefined).reverse()
}

/**
 * What becomes of a symbolic link that is not made: left out where nobody asked for links, failed where somebody did.
 * Undefined for one that is to be made.
 */
export function linkNotMade(entry: Entry, symlinks: 'skip' | 'keep', areThere: boolean): Outcome | undefined {
  if (symlinks === 'skip') {
    const why = 'symbolic links were not asked for'
    return skipped(entry, 'symlink', failureOf(entry, 'ERR_SKIPPED', why))
  }
  const target = printable(entry.target!, 200)
  const isInside = staysInside(entry.path, entry.target!)
  if (isInside && areThere) return undefined
  const why = isInside
    ? 'there are no symbolic links where it goes'
    : `its target ${target} leads, or could lead, out of the destination`
  return failed(entry, failureOf(entry, 'ERR_LINK', `the link is not made, since ${why}`))
}
