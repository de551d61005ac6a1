import { diskError } from '../../files/disk/disk-error.js'
import type { Placement } from '../../stores/parts.js'
import type { Entry } from '../../wire/entry.js'
import { type Outcome, skipped } from '../../wire/outcome.js'

/** What a store says of where it put an entry, as its outcome. */
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
