import { printable, SluiceError } from '../../errors.js'
import type { Entry } from '../../wire/entry.js'
import { cutsOf, type Run } from '../../wire/run.js'

/** A stage in between may have changed the entries, or where their bytes stand. */
export function checkRun(run: Run, entries: readonly Entry[], checkPath: (path: string) => void): void {
  if (run.cuts === undefined && run.last < entries.length) return
  for (const { entry, offset, bytes } of cutsOf(run)) {
    const offered = entries[entry.index]
    if (offered === undefined)
      throw wrong(entry, 'which is in no offer that came through: it passes offers on, and keeps each index')
    if (offered !== entry) checkPath(entry.path)
    if (entry.size !== null && offset + bytes.length > entry.size)
      throw wrong(entry, `and more than its ${entry.size} bytes: it gives the entry its new size, or null`)
  }
}

function wrong({ path }: Entry, what: string): SluiceError {
  const message = `a stage in front of partSink() gave the entry ${printable(path)}, ${what}`
  return new SluiceError('ERR_PROTOCOL', message, { path, saysPath: true })
}
