import { ifThere } from '../disk/stats.js'
import { isJournalName, journalKey } from '../own/names.js'
import { ownFolders, ownNames } from '../own/own-folder.js'
import type { Tree } from '../tree/tree.js'
import {
  type Candidate,
  type Claimed,
  type ClaimOptions,
  claimJournal,
  leaveJournal,
  watchOf,
} from './claim-journal.js'
import { collectPart } from './collect-part.js'
import type { JournalFile, Prefix } from './journal-records.js'
import { readJournal, type UnfinishedFile } from './read-journal.js'

/** A part that was left unfinished, and that this process goes on with. */
export interface TakenOver {
  /** The name of the part file. */
  part: string
  /** What is said to stand in it, if it was begun for the same content. */
  prefix?: Prefix | undefined
}

/** The same file: of another size or time, or with another digest, it is other content. */
function isSame(a: UnfinishedFile, b: Omit<JournalFile, 'part'>): boolean {
  return a.size === b.size && a.mtime === b.mtime && a.expected === b.expected
}

/** What stands for the transfer in the journal that is kept for one part alone: later processes find it by the path. */
export function transferOfPart(path: string): string {
  return `part of ${path}`
}

function isOfPart(name: string, path: string): boolean {
  return isJournalName(name) && name.startsWith(journalKey(transferOfPart(path)))
}

/**
 * Takes over the part that was left of a file by a process that is dead, or that has let go of it, if it has a journal of
 * its own.
 * @param begin called with it, or with undefined if there is none: makes another journal that knows the part. If it
 *   fails, all is as it was
 */
export async function takeOver<T>(
  tree: Tree,
  file: Omit<JournalFile, 'part'>,
  options: ClaimOptions,
  begin: (left: TakenOver | undefined) => Promise<T>,
): Promise<T> {
  const watch = watchOf(options)
  for await (const folder of ownFolders(tree)) {
    // all others are not even opened: there may be one for each of very many files
    for (const name of await ownNames(tree, folder, { isWanted: (name) => isOfPart(name, file.path) })) {
      const candidate = { tree, folder, name, watch }
      const claimed = await claim(candidate, file.path, options)
      if (!claimed) continue
      const left = await partIn(tree, file.path, claimed)
      if (!left) {
        await leaveJournal(candidate, claimed, [], false)
        continue
      }
      let settled: number[] = []
      try {
        const begun = await begin({ part: left.part, prefix: isSame(left, file) ? left.prefix : undefined })
        settled = [left.n]
        return begun
      } finally {
        const isDone = settled.length === claimed.journal.unfinished.length
        // if this fails, the part is known to two journals, and whoever collects this one later finds nothing
        await leaveJournal(candidate, claimed, settled, isDone).catch(() => {})
      }
    }
  }
  return begin(undefined)
}

/** The journal, if it knows an unfinished file of this path and its owner is no more. */
async function claim(
  candidate: Candidate,
  path: string,
  options: ClaimOptions,
): Promise<Claimed | undefined> {
  const { tree, folder, name } = candidate
  const isOfFile = ({ target }: UnfinishedFile) => target === path
  // meanwhile its owner may have removed it, or another process claimed it
  const known = await ifThere(readJournal(tree.fs, folder.at(name)))
  if (!known?.unfinished.some(isOfFile)) return undefined
  return ifThere(claimJournal(candidate, options, () => {}))
}

/** What stands there of the file, as far as the journal is to be believed. */
async function partIn(tree: Tree, path: string, { journal }: Claimed): Promise<UnfinishedFile | undefined> {
  for (const file of journal.unfinished) {
    if (file.target !== path) continue
    const there = await collectPart(tree, file, journal, { dryRun: true })
    if (there?.state === 'part') return file
  }
  return undefined
}
