import { A_DAY, type Clock } from '../../clock.js'
import { SluiceError } from '../../errors.js'
import { diskError } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { parentOf } from '../disk/names.js'
import { withRegular } from '../disk/open-regular.js'
import { writeFully } from '../disk/read-write.js'
import { ifThere } from '../disk/stats.js'
import { LOOK_EVERY, stateOf, untilNextLook, Watch } from '../own/lease.js'
import { isJournalName, isReleasedName, nameOfOwner, OWN_FOLDERS, ownerOfName } from '../own/names.js'
import { findOwnFolder, ownNames, possibleFolders, removeOwnFolder } from '../own/own-folder.js'
import { fateOf, type Owner, type ProcessSystem, processSystem, thisOwner } from '../own/owner.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { collectPart } from './collect-part.js'
import { encodeRecords, endRecord } from './journal-records.js'
import { isUnwritten, type JournalContent, readJournal, type UnfinishedFile } from './read-journal.js'

/** What a transfer that was interrupted has left. */
export interface Leftover {
  /** The part, below the root; or the journal itself, where that cannot be read or removed, or our folder. */
  path: string
  /** Bytes that stand in it. */
  bytes: number
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
export interface CollectOptions {
  /** Only looks. */
  dryRun?: boolean
  /** Parts that are to stay, for a transfer that goes on with them; their journal stays, too. */
  keep?: (file: UnfinishedFile) => boolean
  /**
   * Wait until it is known whether processes live that cannot be looked at, on another machine or in another container:
   * they count as dead if their journal does not change for 10 seconds. Default false: what was not watched for so long
   * by earlier calls stays.
   */
  wait?: boolean
  /** Take them for dead without watching: for people who have made sure that they are. */
  force?: boolean
  /** Ends the waiting: what was not decided stays. */
  signal?: AbortSignal | undefined
  /** For tests. */
  clock?: Clock
  system?: ProcessSystem
  /** Milliseconds since 1970. */
  now?: () => number
}

/**
 * Clears away what transfers into this folder have left: those whose process is dead, or has released its journal.
 * Removes their parts, and then their journals. A journal is believed only so far: what is removed is a regular file
 * with one name, called as the part of that file would be, not larger than it, of the journal's own user, changed
 * only while the owner lived, and the very file that was made, where the journal says which that is: of small files that
 * arrived in a run it does not, and of others in the moment after they were made. The rest stays: journals of living processes, of other machines, and what cannot be read.
 * @returns what was found
 */
export async function collectLeftovers(tree: Tree, options: CollectOptions = {}): Promise<Leftover[]> {
  const found: Leftover[] = []
  const failed = (error: unknown, what: string, path: string) =>
    found.push({ path, bytes: 0, state: 'kept', error: diskError(error, what, path) })
  const { wait, force, clock } = options
  const watch = wait || force || clock ? new Watch(clock, force) : watching
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
        const names = (await ownNames(tree, folder, passOver)).filter(isJournalName)
        // all at once, so that all together are waited for no longer than one
        for (const name of names) await look(tree, folder, name, watch).catch(() => {})
        for (const name of names) {
          const isDead = (owner: Owner) => hasEnded(owner, { ...options, tree, folder, name, watch })
          const collecting = collectJournal(tree, folder, name, { ...options, isDead }, found)
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

/** What journals of processes that cannot be looked at were like when they were first seen by this process. */
const watching = new Watch()

/** Looks at a journal: whether it changed since it was first watched. It is opened, so that no network disk remembers. */
async function look(
  { fs, root }: Tree,
  folder: OpenFolder,
  name: string,
  watch: Watch,
): Promise<ReturnType<Watch['look']>> {
  const state = await withRegular(fs, folder.at(name), async (_fd, stats) => stateOf(stats))
  return watch.look(`${root}/${folder.path}/${name}`, state)
}

interface Watched extends Pick<CollectOptions, 'system' | 'wait' | 'signal'> {
  tree: Tree
  folder: OpenFolder
  name: string
  watch: Watch
}

/** Whether the owner of a journal is dead, by the look at its process or else at the journal. */
async function hasEnded(
  owner: Owner,
  { system, wait, signal, tree, folder, name, watch }: Watched,
): Promise<boolean> {
  const fate = fateOf(owner, system)
  if (fate !== 'unseen') return fate === 'gone'
  for (;;) {
    const known = await look(tree, folder, name, watch)
    if (known !== 'unknown' || !wait) return known === 'dead'
    await untilNextLook(watch.clock, LOOK_EVERY, signal)
  }
}

/** The options with what says whether the owner of the journal is dead. */
type Collecting = CollectOptions & { isDead: (owner: Owner) => Promise<boolean> }

async function collectJournal(
  tree: Tree,
  folder: OpenFolder,
  name: string,
  options: Collecting,
  found: Leftover[],
): Promise<void> {
  const { fs } = tree
  // meanwhile its owner may have removed it, or another process claimed it
  const claimed = await ifThere(claimJournal(fs, folder, name, options, found))
  if (!claimed) return
  const { journal, current } = claimed
  let isDone = true
  const changed = new Set<string>()
  const settled: number[] = []
  for (const file of journal.unfinished) {
    const leftover = await collectPart(tree, file, journal, options)
    if (leftover?.state === 'kept') isDone = false
    else settled.push(file.n)
    if (leftover === undefined) continue
    found.push(leftover)
    if (leftover.state !== 'kept') changed.add(parentOf(leftover.path))
  }
  if (isDone) found.push(journalAt(folder, name, journal.stats))
  if (options.dryRun) return
  // were the journal gone and a part back after a power cut, nobody would know of it
  for (const path of changed) await tree.sync(path)
  // nothing else that gets the name of such a part later is ever taken for it
  try {
    if (!isDone && settled.length > 0) await settle(fs, folder.at(current), settled, journal)
  } finally {
    // back under its own name, so that a later call goes on with it; not over another journal that has that name by now
    if (!isDone) await fs.link(folder.at(current), folder.at(name))
    await fs.unlink(folder.at(current))
  }
}

/** A journal whose owner is dead or has released it, renamed so that its name says that it is ours now. */
async function claimJournal(
  fs: FileSystem,
  folder: OpenFolder,
  name: string,
  { dryRun = false, system = processSystem, now = Date.now, isDead }: Collecting,
  found: Leftover[],
): Promise<{ journal: JournalContent; current: string } | undefined> {
  const holder = ownerOfName(name)
  if (holder && !(await isDead(holder))) return undefined
  const journal = await readJournal(fs, folder.at(name))
  if (!journal) {
    // its owner died before it wrote who it is; nothing is lost with it
    const stats = await fs.lstat(folder.at(name))
    if (now() - stats.mtimeMs <= A_DAY || !(await isUnwritten(fs, folder.at(name)))) {
      const path = `${folder.path}/${name}`
      const message = `${path} cannot be read as a journal; remove it if nothing runs`
      throw new SluiceError('ERR_WRITE', message, { path })
    }
    if (!dryRun) await fs.unlink(folder.at(name))
    found.push(journalAt(folder, name, stats))
    return undefined
  }
  if (!journal.isReleased && !isReleasedName(name) && !(await isDead(journal.owner))) return undefined
  if (dryRun) return { journal, current: name }
  // one winner, whose name says who it is
  const current = nameOfOwner(name, thisOwner(system))
  await fs.rename(folder.at(name), folder.at(current))
  return { journal, current }
}

function journalAt(folder: OpenFolder, name: string, { size }: FileStats): Leftover {
  return { path: `${folder.path}/${name}`, bytes: size, state: 'journal' }
}

/** Says in a journal that stays which of its parts are gone. Its time stays: it says until when its owner lived. */
async function settle(
  fs: FileSystem,
  path: string,
  settled: readonly number[],
  { stats }: JournalContent,
): Promise<void> {
  const records = settled.map((n) => endRecord(n, { state: 'failed', code: 'ERR_STATE', part: 'gone' }))
  await withRegular(
    fs,
    path,
    async (fd, { size }) => {
      // its last line may be torn
      await writeFully(fs, fd, [Buffer.from('\n'), encodeRecords(records)], size)
      await fs.futimes(fd, stats.mtimeMs / 1000, stats.mtimeMs / 1000)
    },
    OPEN.update,
  )
}
