import { diskError } from '../../files/disk/disk-error.js'
import type { Placement } from '../../stores/parts.js'
import type { Entry } from '../../wire/entry.js'
import { type Outcome, skipped } from '../../wire/outcome.js'

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
