import type { Entry } from '../../wire/entry.js'
import { badEntry } from '../../wire/paths.js'
import { cutsOf, type Run } from '../../wire/run.js'

/** A stage in between may have changed the entries, or where their bytes stand. */
export function checkRun(run: Run, entries: readonly Entry[], checkPath: (path: string) => void): void {
  if (run.cuts === undefined && run.last < entries.length) return
  for (const { entry, offset, bytes } of cutsOf(run)) {
    const offered = entries[entry.index]
    if (offered === undefined) throw badEntry(entry, 'is not in the offer')
    if (offered !== entry) checkPath(entry.path)
    if (entry.size !== null && offset + bytes.length > entry.size)
      throw badEntry(entry, `has only ${entry.size} bytes`)
  }
}
