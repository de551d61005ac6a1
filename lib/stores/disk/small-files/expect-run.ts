import type { SluiceError } from '../../../errors.js'
import { diskError } from '../../../files/disk/disk-error.js'
import { parentOf } from '../../../files/disk/names.js'
import type { Entry } from '../../../wire/entry.js'
import type { Run } from '../../../wire/run.js'
import { isIn } from './held-folder.js'

/** What is used of a store. */
interface Place {
  readonly folders: { make(path: string): Promise<string> }
  readonly parts: {
    hasPlainPart(path: string): boolean
    expectRun(entries: readonly Entry[]): Promise<boolean>
  }
}

/**
 * Makes the folders of a run of small files, and records the files in the journal.
 * @param failures gets those whose folder cannot be made, by the index of their entry
 * @returns those that cannot be written together with others
 */
export async function expectRun(
  { folders, parts }: Place,
  { first, last, entries }: Run,
  failures: Map<number, SluiceError>,
): Promise<Set<number>> {
  const plain: Entry[] = []
  const odd = new Set<number>()
  let folder: string | undefined
  for (let index = first; index <= last; index++) {
    const entry = entries[index]!
    const { type, path } = entry
    if (type !== 'file') continue
    if (folder === undefined || !isIn(folder, path)) {
      folder = undefined
      try {
        await folders.make(parentOf(path))
        folder = parentOf(path)
      } catch (error) {
        failures.set(index, diskError(error, 'write', path))
        continue
      }
    }
    if (parts.hasPlainPart(path)) plain.push(entry)
    else odd.add(index)
  }
  if (plain.length > 0 && !(await parts.expectRun(plain))) for (const { index } of plain) odd.add(index)
  return odd
}
