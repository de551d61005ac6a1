import type { Entry } from '../../../wire/entry.js'

/** A path as it is shown and looked for: that of a folder ends with a slash. */
export function shownName({ path, type }: Pick<Entry, 'path' | 'type'>): string {
  return type === 'directory' ? `${path}/` : path
}
