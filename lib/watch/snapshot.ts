import { inSlices } from '../async.js'
import type { Entry, Offer } from '../wire/entry.js'

/**
 * Of each path the version that was offered last. Of a listing of everything it tells what is not as it was offered,
 * whether or not anybody told of a change. Versions differ in size, time or mode; folders, whose times change with what
 * is in them, in the mode alone.
 */
export class Snapshot {
  #versions = new Map<string, string>()

  /** Notes what is offered now. */
  async note({ entries }: Offer): Promise<void> {
    await inSlices(entries, (entry) => this.#versions.set(entry.path, versionOf(entry)))
  }

  /** The paths that have changed. What is there no more is forgotten: should it come back, it is new. */
  async changedIn(entries: readonly Entry[]): Promise<string[]> {
    const before = this.#versions
    this.#versions = new Map()
    const changed: string[] = []
    await inSlices(entries, (entry) => {
      const { path } = entry
      const version = before.get(path)
      if (version !== undefined) this.#versions.set(path, version)
      if (version !== versionOf(entry)) changed.push(path)
    })
    return changed
  }
}

function versionOf({ type, size, mtime, mode, target, code }: Entry): string {
  if (type === 'directory') return `${type} ${mode}`
  return [type, size, mtime, mode, target ?? code ?? ''].join(' ')
}
