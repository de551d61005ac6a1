import { overSlices } from '../../async.js'
import { A_DAY, type Clock } from '../../clock.js'
import { SluiceError } from '../../errors.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { withRegular } from '../disk/open-regular.js'
import { writeFully } from '../disk/read-write.js'
import { idText, lstatIfThere, sameInode, unlinkIfThere } from '../disk/stats.js'
import { LOOK_EVERY, OwnerWatch, Renewal, stateOf, untilNextLook } from '../own/lease.js'
import { isJournalName, isReleasedName, nameOfOwner, ownerOfName, releasedName } from '../own/names.js'
import { fateOf, type Owner, type ProcessSystem, processSystem, thisOwner } from '../own/owner.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { encodeRecords, endRecord, type JournalRecord } from './journal-records.js'
import { isUnwritten, type JournalContent, readJournal } from './read-journal.js'

/** How it is found out whether the owner of a journal is dead. */
export interface ClaimOptions {
  /** Only looks. */
  dryRun?: boolean
  /**
   * Wait until it is known whether processes live that cannot be looked at, on another machine or in another container:
   * they count as dead if their journal does not change for 10 seconds. Default false: what was not watched for so long
   * by earlier calls stays.
   */
  wait?: boolean
  /** Take them for dead without watching: for people who have made sure that they are. */
  force?: boolean
  /** Ends the waiting, and the search between two files: `ERR_CANCELLED`. What was not decided stays. */
  signal?: AbortSignal | undefined
  /** For tests. */
  clock?: Clock
  /** For tests: when this process shows that it lives, which holds journals. */
  renewals?: Clock | undefined
  system?: ProcessSystem
  /** Milliseconds since 1970. */
  now?: () => number
}

/** What journals of processes that cannot be looked at were like when they were first seen by this process. */
const watching = new OwnerWatch()

/**
 * The names of the journals in one of our folders. A power cut may leave two names of one that was renamed twice: the
 * later one in the alphabet goes, whoever comes first, since nobody believes a file that has two.
 */
export async function journalNames(
  { fs }: Tree,
  folder: OpenFolder,
  names: readonly string[],
  dryRun = false,
): Promise<string[]> {
  const journals: string[] = []
  const seen = new Set<string>()
  for (const name of names.filter(isJournalName).sort()) {
    const there = await lstatIfThere(fs, folder.at(name))
    if (there && there.nlink > 1 && seen.has(idText(there)) && !dryRun)
      await unlinkIfThere(fs, folder.at(name))
    else journals.push(name)
    if (there) seen.add(idText(there))
  }
  return journals
}

/** What watches them, for one call. */
export function watchOf({ wait, force, clock }: ClaimOptions): OwnerWatch {
  return wait || force || clock ? new OwnerWatch(clock, force) : watching
}

/**
 * Looks at a journal: whether it changed since it was first watched. It is opened, so that no network disk remembers.
 */
export async function lookAtJournal(
  { fs, root }: Tree,
  folder: OpenFolder,
  name: string,
  watch: OwnerWatch,
): Promise<ReturnType<OwnerWatch['look']>> {
  const state = await withRegular(fs, folder.at(name), async (_fd, stats) => stateOf(stats))
  return watch.look(`${root}/${folder.path}/${name}`, state)
}

/** A journal that may be claimed. */
export interface Candidate {
  tree: Tree
  folder: OpenFolder
  name: string
  watch: OwnerWatch
}

/** Whether the process lives that has a journal. 'unknown' of one that cannot be looked at. */
export type JournalOwner = 'alive' | 'gone' | 'unknown'

/**
 * What can be said of the process that a journal, or the name of one, calls its owner: by a look at it or the journal.
 */
async function fateOfOwner(
  owner: Owner,
  { tree, folder, name, watch }: Candidate,
  { system, wait, signal }: ClaimOptions,
): Promise<JournalOwner> {
  const fate = fateOf(owner, system)
  if (fate !== 'unseen') return fate
  for (;;) {
    const known = await lookAtJournal(tree, folder, name, watch)
    if (known === 'dead') return 'gone'
    if (known !== 'unknown') return 'alive'
    if (!wait) return 'unknown'
    await untilNextLook(watch.clock, LOOK_EVERY, signal)
  }
}

/** Whether the process lives that has a journal; it has none that was released. */
export async function ownerOf(
  candidate: Candidate,
  { owner, isReleased }: JournalContent,
  options: ClaimOptions,
): Promise<JournalOwner> {
  const { name } = candidate
  const holder = ownerOfName(name)
  const fate = holder ? await fateOfOwner(holder, candidate, options) : 'gone'
  if (fate !== 'gone' || isReleased || isReleasedName(name)) return fate
  return fateOfOwner(owner, candidate, options)
}

/** A journal that is ours now. */
export interface ClaimedJournal {
  journal: JournalContent
  /** Its name, which says that it is ours. */
  current: string
  /** One that had it before cannot be looked at: it counts as dead, but may only be suspended, and wake up. */
  mayWake: boolean
  /**
   * Shows that this process lives: those elsewhere would take the journal from it while it is at work for long. Whoever
   * does not come to {@link leaveJournal} stops it. There is none in a dry run.
   */
  renewal?: Renewal
}

/**
 * A journal whose owner is dead or has released it, renamed so that its name says that it is ours now. One that was
 * never written is removed, and its stats are given to `unwritten`.
 */
export async function claimJournal(
  candidate: Candidate,
  options: ClaimOptions,
  unwritten: (stats: FileStats) => void,
): Promise<ClaimedJournal | undefined> {
  const { tree, folder, name } = candidate
  const { fs } = tree
  const { dryRun = false, system = processSystem, now = Date.now } = options
  const holder = ownerOfName(name)
  if (holder && (await fateOfOwner(holder, candidate, options)) !== 'gone') return undefined
  const journal = await readJournal(fs, folder.at(name))
  if (!journal) {
    // its owner died before it wrote who it is; nothing is lost with it
    const stats = await fs.lstat(folder.at(name))
    if (now() - stats.mtimeMs <= A_DAY || !(await isUnwritten(fs, folder.at(name)))) {
      throw unreadableJournal(`${folder.path}/${name}`)
    }
    if (!dryRun) await fs.unlink(folder.at(name))
    unwritten(stats)
    return undefined
  }
  if ((await ownerOf(candidate, journal, options)) !== 'gone') return undefined
  const owners = [holder, journal.isReleased ? undefined : journal.owner]
  const mayWake = owners.some((owner) => owner && fateOf(owner, system) === 'unseen')
  if (dryRun) return { journal, current: name, mayWake }
  // one winner, whose name says who it is
  const current = nameOfOwner(name, thisOwner(system))
  await fs.rename(folder.at(name), folder.at(current))
  const claimed = await asClaimed(candidate, current, journal)
  if (!claimed) return undefined
  const renew = () => touch(fs, folder.at(current), claimed.stats)
  return { journal: claimed, current, mayWake, renewal: new Renewal(renew, options.renewals) }
}

/** Changes what others watch of a journal, but not its time: that says until when its owner lived. */
function touch(fs: FileSystem, path: string, { mtimeMs }: FileStats): Promise<void> {
  return withRegular(fs, path, (fd) => fs.futimes(fd, mtimeMs / 1000, mtimeMs / 1000), OPEN.update)
}

/**
 * Whether a journal that was claimed is still this process's: `ERR_LOCK_LOST` if another one has taken it over, because
 * this one did not show for 10 seconds that it lives.
 */
export async function checkClaimed(
  { tree: { fs }, folder }: Candidate,
  { journal, current }: ClaimedJournal,
): Promise<void> {
  const there = await lstatIfThere(fs, folder.at(current))
  if (there && sameInode(there, journal.stats)) return
  const path = `${folder.path}/${current}`
  const message = `the journal ${path} is gone, which was taken over: another process has it, since this one was suspended or blocked for long`
  throw new SluiceError('ERR_LOCK_LOST', message, { path })
}

/** The error for a journal that is none, or not to be trusted. */
export function unreadableJournal(path: string): SluiceError {
  const message = `${path} cannot be read as a journal; remove it if nothing runs`
  return new SluiceError('ERR_WRITE', message, { path })
}

/** What the journal says now that nobody else holds it: its owner may have written more before it died. */
async function asClaimed(
  { tree: { fs }, folder, name }: Candidate,
  current: string,
  journal: JournalContent,
): Promise<JournalContent | undefined> {
  const { stats } = journal
  const there = await fs.lstat(folder.at(current))
  if (sameInode(there, stats) && there.size === stats.size && there.mtimeMs === stats.mtimeMs) return journal
  const again = sameInode(there, stats) ? await readJournal(fs, folder.at(current)) : undefined
  // meanwhile another one got the name: it is given back to that
  if (!again) await fs.rename(folder.at(current), folder.at(name))
  return again
}

/**
 * Lets go of a journal that was claimed.
 * @param settled the numbers of the files of which nothing is left here: nothing else that gets the name of such a part
 *   later is ever taken for it
 * @param isDone nothing is left of all of them
 */
export async function leaveJournal(
  { tree: { fs }, folder, name }: Candidate,
  { journal, current, renewal }: ClaimedJournal,
  settled: readonly number[],
  isDone: boolean,
): Promise<void> {
  try {
    if (isDone) return await fs.unlink(folder.at(current))
    // where that cannot be said, it stays under our name: nobody has the parts that it knows while this process lives
    if (settled.length > 0) await settle(fs, folder.at(current), settled, journal)
    // by one call, and under a name that it never had: who had it before finds out that it lost it
    await fs.rename(folder.at(current), folder.at(releasedName(name)))
  } finally {
    await renewal?.stop()
  }
}

/** Says in a journal that stays which of its parts are gone. Its time stays: it says until when its owner lived. */
async function settle(
  fs: FileSystem,
  path: string,
  settled: readonly number[],
  { stats }: JournalContent,
): Promise<void> {
  await withRegular(
    fs,
    path,
    async (fd, { size }) => {
      let position = size
      await overSlices(0, settled.length, async (first, end) => {
        const records = settled.slice(first, end).map(gone)
        // its last line may be torn
        const bytes = Buffer.concat([Buffer.from('\n'), encodeRecords(records)])
        await writeFully(fs, fd, [bytes], position)
        position += bytes.length
      })
      await fs.futimes(fd, stats.mtimeMs / 1000, stats.mtimeMs / 1000)
    },
    OPEN.update,
  )
}

function gone(n: number): JournalRecord {
  return endRecord(n, { state: 'failed', code: 'ERR_STATE', part: 'gone' })
}
