import type { SluiceError } from '../../errors.js'
import { checkKeys, checkOption } from '../../options.js'
import { diskError } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { parentOf } from '../disk/names.js'
import { ifThere, lstatIfThere } from '../disk/stats.js'
import { OWN_FOLDERS } from '../own/names.js'
import { findOwnFolder, ownNames, possibleFolders, removeOwnFolder } from '../own/own-folder.js'
import { Stoppable } from '../tree/stoppable.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import {
  type Candidate,
  type ClaimedJournal,
  type ClaimOptions,
  claimJournal,
  journalNames,
  leaveJournal,
  lookAtJournal,
  watchOf,
} from './claim-journal.js'
import { collectPart } from './collect-part.js'
import type { UnfinishedFile } from './read-journal.js'

/** What a transfer that was interrupted has left. */
export interface Leftover {
  /** The part, below the root; or the journal itself, where that cannot be read or removed, or our folder. */
  path: string
  /** Bytes that stand in it. */
  bytes: number
  /**
   * Of a folder in which a transfer is staged: all that goes with it, files and links, by their paths below the root.
   */
  removed?: string[]
  /**
   * 'part': it can be removed, and was unless `dryRun`. 'published': the file has its name already, only the part's
   * name was left of it. 'kept': not removed, for the reason in `error` or because `keep` said so. 'foreign': it has
   * a name of ours, but belongs to another user, as `error` says. 'journal': the journal itself, once none of its parts
   * is kept.
   */
  state: 'part' | 'published' | 'kept' | 'foreign' | 'journal'
  /** The file that it is a part of, as the journal says. */
  file?: UnfinishedFile
  error?: SluiceError
}

/** Options of {@link collectLeftovers}. */
export interface CollectOptions extends ClaimOptions {
  /** Parts that are to stay, for a transfer that goes on with them; their journal stays, too. */
  keep?: (file: UnfinishedFile) => boolean
  /** Milliseconds: journals that were written to since stay, with all of their parts. Default 0. */
  olderThan?: number
  /** The name of the one journal that is meant. Default: all of them. */
  journal?: string | undefined
}

/**
 * Clears away what transfers into this folder have left: those whose process is dead, or has released its journal.
 * Removes their parts, and then their journals. A journal is believed only so far: what is removed is a regular file
 * with one name, called as the part of that file would be, not larger than it, of the journal's own user, changed
 * only while the owner lived, and the very file that was made, where the journal says which that is: of small files
 * that arrived in a run it does so when the next run begins, of others in the moment after they were made. A journal
 * that is not the very file that it says it was written into proves nothing: it is a copy, or came in an archive. The
 * rest stays: journals of living processes, of other machines, and what cannot be read. Stopped by `signal`, it fails
 * with `ERR_CANCELLED` once it has said which parts it removed.
 * @returns what was found
 */
export async function collectLeftovers(tree: Tree, options: CollectOptions = {}): Promise<Leftover[]> {
  checkOption('tree', tree, typeof tree?.folder === 'function', 'an open Tree: await Tree.open(path)')
  checkKeys('options', options, {
    dryRun: true,
    wait: true,
    force: true,
    signal: true,
    clock: true,
    system: true,
    renewals: true,
    now: true,
    keep: true,
    olderThan: true,
    journal: true,
  })
  const found: Leftover[] = []
  const stop = new Stoppable('the search for what transfers have left', options.signal)
  const failed = (error: unknown, what: string, path: string) => {
    stop.check()
    found.push({ path, bytes: 0, state: 'kept', error: diskError(error, what, path) })
  }
  const watch = watchOf(options)
  const passOver = (error: SluiceError) =>
    found.push({ path: error.path!, bytes: 0, state: 'foreign', error })
  const folders = await possibleFolders(tree).catch((error: unknown) => {
    failed(error, 'look for', OWN_FOLDERS[0])
    return OWN_FOLDERS
  })
  for (const ours of folders) {
    try {
      const folder = await findOwnFolder(tree, ours, passOver)
      if (!folder) continue
      try {
        const all = await ownNames(tree, folder, { passOver })
        const { journal, dryRun } = options
        const names = (await journalNames(tree, folder, all, dryRun)).filter(
          (name) => journal === undefined || name === journal,
        )
        // all at once, so that all together are waited for no longer than one
        for (const name of names) await lookAtJournal(tree, folder, name, watch).catch(() => {})
        for (const name of names) {
          await stop.step()
          const collecting = collectJournal({ tree, folder, name, watch }, options, found, stop)
          await collecting.catch((error: unknown) => failed(error, 'collect', `${ours}/${name}`))
        }
      } finally {
        if (options.dryRun) folder.release()
        else await removeOwnFolder(tree, folder)
      }
    } catch (error) {
      failed(error, 'read', ours)
    }
  }
  return found
}

async function collectJournal(
  candidate: Candidate,
  options: CollectOptions,
  found: Leftover[],
  stop: Stoppable,
): Promise<void> {
  const { tree, folder, name } = candidate
  const { olderThan = 0, now = Date.now } = options
  if (olderThan > 0) {
    const there = await lstatIfThere(tree.fs, folder.at(name))
    if (!there || now() - there.mtimeMs <= olderThan) return
  }
  const unwritten = (stats: FileStats) => void found.push(journalAt(folder, name, stats))
  // meanwhile its owner may have removed it, or another process claimed it
  const claimed = await ifThere(claimJournal(candidate, options, unwritten))
  if (!claimed) return
  try {
    await collectParts(candidate, claimed, options, found, stop)
  } finally {
    await claimed.renewal?.stop()
  }
}

/** Removes the parts that a journal knows which was claimed, and lets go of it, also where it is stopped in between. */
async function collectParts(
  candidate: Candidate,
  claimed: ClaimedJournal,
  options: CollectOptions,
  found: Leftover[],
  stop: Stoppable,
): Promise<void> {
  const { tree, folder, name } = candidate
  const { journal } = claimed
  let isDone = true
  const changed = new Set<string>()
  const settled: number[] = []
  for (const file of journal.unfinished) {
    await stop.turn()
    if (stop.isStopped) {
      isDone = false
      break
    }
    const leftover = await collectPart(tree, file, journal, options)
    if (leftover?.state === 'kept') isDone = false
    else settled.push(file.n)
    if (leftover === undefined) continue
    found.push(leftover)
    if (leftover.state !== 'kept') changed.add(parentOf(leftover.path))
  }
  if (isDone) found.push(journalAt(folder, name, journal.stats))
  if (options.dryRun) return stop.check()
  // were the journal gone and a part back after a power cut, nobody would know of it
  for (const path of changed) await tree.sync(path)
  await leaveJournal(candidate, claimed, settled, isDone)
  stop.check()
}

function journalAt(folder: OpenFolder, name: string, { size }: FileStats): Leftover {
  return { path: `${folder.path}/${name}`, bytes: size, state: 'journal' }
}
