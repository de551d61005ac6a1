import { Limiter, overSlices } from '../../async.js'
import type { SluiceError } from '../../errors.js'
import { checkCallback, checkKeys, checkObject, type Keys } from '../../options.js'
import type { Range } from '../../ranges.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import type { PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { ifThere } from '../disk/stats.js'
import { findOwnFolder, ownNames, possibleFolders } from '../own/own-folder.js'
import { Stoppable } from '../tree/stoppable.js'
import { Tree } from '../tree/tree.js'
import {
  type Candidate,
  type ClaimOptions,
  type JournalOwner,
  journalNames,
  lookAtJournal,
  ownerOf,
  unreadableJournal,
  watchOf,
} from './claim-journal.js'
import { findPart } from './collect-part.js'
import { isUnwritten, type JournalContent, readJournal, type UnfinishedFile } from './read-journal.js'

/** A file that is on its way, or was when its transfer ended. */
export interface LeftFile extends UnfinishedFile {
  /**
   * 'pending': nothing of it is there, or nothing that would be gone on with. 'in_progress': its part is there.
   * 'suspect': so it is, but a sync of it has failed, so that the file comes anew. 'completed': it has its name, only
   * the part's name is still there.
   */
  state: 'pending' | 'in_progress' | 'suspect' | 'completed'
  /** The bytes that stand in its part. They are proved before they count. */
  ranges: Range[]
}

/** A transfer that runs, or has left something that another one may go on with. */
export interface UnfinishedTransfer {
  /** The id of the transfer, as in its events. */
  id: string
  /** The path of its journal below the folder. */
  journal: string
  /**
   * Whether its process lives. 'unknown' of one that cannot be looked at, on another machine or in another container.
   */
  owner: JournalOwner
  /** When something of it changed last, in milliseconds since 1970. */
  changed: number
  files: LeftFile[]
}

/** Options of {@link unfinishedTransfers}. */
export interface UnfinishedOptions extends Omit<ClaimOptions, 'dryRun' | 'now' | 'renewals'> {
  fs?: FileSystem
  /** Told of what cannot be read, or is not believed: it is left out. */
  warn?: (warning: SluiceError) => void
}

const OPTIONS: Keys<UnfinishedOptions> = {
  fs: true,
  warn: true,
  wait: true,
  force: true,
  signal: true,
  clock: true,
  system: true,
}

/** Parts that are looked at at once. */
const MOST_LOOKS = 8

/**
 * What transfers into a folder have not finished: those that were interrupted, and those that run. Changes nothing, and
 * believes a journal only so far as a transfer would that goes on with it.
 *
 * Fails only if the folder itself cannot be opened: with `ERR_WRITE` (cause ENOENT, ENOTDIR, …), `ERR_PERMISSION`; and
 * with `ERR_USAGE` and `ERR_CANCELLED`.
 */
export async function unfinishedTransfers(
  dir: PathLike,
  options: UnfinishedOptions = {},
): Promise<UnfinishedTransfer[]> {
  checkObject('options', options)
  checkKeys('options', options, OPTIONS)
  const { fs = nodeFileSystem, warn = () => {} } = options
  checkCallback('warn', options.warn)
  const stop = new Stoppable('the search for unfinished transfers', options.signal)
  const tree = await Tree.open(dir, { fs })
  try {
    const found: UnfinishedTransfer[] = []
    for (const ours of await possibleFolders(tree)) {
      const inFolder = transfersIn(tree, ours, { ...options, warn, stop })
      found.push(...(await inFolder.catch((error: unknown) => failed(error, ours, { warn, stop }))))
    }
    return found
  } finally {
    await tree.close()
  }
}

/** Warns of what cannot be read, and goes on without it; not where nobody waits any more. */
function failed(error: unknown, path: string, { warn, stop }: Pick<Warned, 'warn' | 'stop'>): [] {
  stop.check()
  warn(diskError(error, 'read', path))
  return []
}

type Warned = UnfinishedOptions & Required<Pick<UnfinishedOptions, 'warn'>> & { stop: Stoppable }

async function transfersIn(tree: Tree, ours: string, options: Warned): Promise<UnfinishedTransfer[]> {
  const folder = await findOwnFolder(tree, ours, options.warn)
  if (!folder) return []
  const found: UnfinishedTransfer[] = []
  const watch = watchOf(options)
  try {
    const all = await ownNames(tree, folder, { passOver: options.warn })
    const names = await journalNames(tree, folder, all, true)
    // all at once, so that all together are waited for no longer than one
    for (const name of names) await lookAtJournal(tree, folder, name, watch).catch(() => {})
    for (const name of names) {
      // meanwhile its owner may have ended
      const transfer = ifThere(transferOf({ tree, folder, name, watch }, options))
      const one = await transfer.catch((error: unknown) => failed(error, `${ours}/${name}`, options))
      found.push(...(one ?? []))
    }
    return found
  } finally {
    folder.release()
  }
}

/** The transfer of one journal; none if nothing was written into it yet. */
async function transferOf(candidate: Candidate, options: Warned): Promise<UnfinishedTransfer[]> {
  const { tree, folder, name } = candidate
  const path = `${folder.path}/${name}`
  const journal = await readJournal(tree.fs, folder.at(name))
  if (!journal) {
    if (!(await isUnwritten(tree.fs, folder.at(name)))) throw unreadableJournal(path)
    return []
  }
  const { transfer: id, stats, until, unfinished } = journal
  const files: LeftFile[] = []
  const limiter = new Limiter(MOST_LOOKS)
  await overSlices(0, unfinished.length, (first, end) =>
    limiter.each(unfinished.slice(first, end).entries(), async ([i, file]) => {
      await options.stop.step()
      files[first + i] = await leftOf(tree, file, journal, options)
    }),
  )
  const owner = await ownerOf(candidate, journal, options)
  return [{ id, journal: path, owner, changed: Math.max(until, stats.mtimeMs), files }]
}

async function leftOf(
  tree: Tree,
  file: UnfinishedFile,
  journal: JournalContent,
  { warn }: Warned,
): Promise<LeftFile> {
  const { part, leftover } = await findPart(tree, file, journal, true)
  if (leftover?.error) warn(leftover.error)
  if (leftover?.state === 'published') return { ...file, state: 'completed', ranges: [] }
  if (!part) return { ...file, state: 'pending', ranges: [] }
  const ranges = part.size > 0 ? [{ start: 0, end: part.size }] : []
  return { ...file, state: file.isSuspect ? 'suspect' : 'in_progress', ranges }
}
