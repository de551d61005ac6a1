import { type Code, isError, messageOf, printable, type SluiceError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import { badOption, checkKeys, checkOption, type Keys } from '../../options.js'
import { staysInside } from '../../stores/link-target.js'
import type { Part, Placement } from '../../stores/parts.js'
import type { Entry } from '../../wire/entry.js'
import { failed, failureOf, type Outcome, SKIP_REASONS, skipped } from '../../wire/outcome.js'

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

const EXPECTED = `nothing, or an object with name (a text), skipped (one of ${SKIP_REASONS.map((reason) => `'${reason}'`).join(', ')}) or warning (an Error)`
const KEYS: Keys<Placement> = { name: true, skipped: true, warning: true }

/** What a method of a store gives for an entry. Throws what the store did wrong: misspelt, it would be lost. */
export function placementOf(method: string, given: unknown): Placement {
  if (given === undefined) return {}
  const { name, skipped, warning } = (given ?? {}) as Placement
  const isRight =
    typeof given === 'object' &&
    given !== null &&
    (name === undefined || typeof name === 'string') &&
    (skipped === undefined || SKIP_REASONS.includes(skipped)) &&
    (warning === undefined || isError(warning))
  const what = `what ${method}() of the store gives`
  try {
    checkOption(what, given, isRight, EXPECTED)
    checkKeys(what, given as Placement, KEYS)
  } catch (error) {
    // no option of whoever transfers is wrong: it fails the entry, as what the store throws
    throw new TypeError(messageOf(error))
  }
  return given as Placement
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

/** What a store gives for a file, or why it is no part: else a method would be missing later, where nobody knows why. */
export function checkedPart(given: Part | Error | undefined): Part | Error {
  if (isError(given)) return given
  const { write, publish, discard } = given ?? {}
  if ([write, publish, discard].every((method) => typeof method === 'function')) return given!
  const expected = 'a part, with write(), publish() and discard()'
  return new TypeError(badOption('what begin() of the store gives', expected, given).message)
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
