import { Limiter, overSlices } from '../../async.js'
import type { SluiceError } from '../../errors.js'
import { diskError } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { parentOf } from '../disk/names.js'
import { ifThere } from '../disk/stats.js'
import { isReleasedName } from '../own/names.js'
import { findOwnFolder, ownNames, possibleFolders, removeOwnFolder } from '../own/own-folder.js'
import { isGone } from '../own/owner.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import {
  type Candidate,
  type ClaimedJournal,
  type ClaimOptions,
  checkClaimed,
  claimJournal,
  journalNames,
  leaveJournal,
  lookAtJournal,
  watchOf,
} from './claim-journal.js'
import { collectPart, findPart, partPathOf } from './collect-part.js'
import { idOf, type JournalFile } from './journal-records.js'
import { PartCopies } from './part-copy.js'
import { readJournal, type UnfinishedFile } from './read-journal.js'

/** A part that was left unfinished, and that this process may go on with. */
export interface LeftPart {
  /** What its journal says of it. */
  file: UnfinishedFile
  /** What it is. */
  stats: FileStats
  /** The process that had it cannot be looked at. It counts as dead, but may only be suspended, and wake up. */
  mayWake: boolean
  /** The journal that knows it. */
  held: Held
}

/** A journal that is held, with the numbers of its files of which nothing is left. */
interface Held {
  candidate: Candidate
  claimed: ClaimedJournal
  settled: number[]
}

/** How another journal knows it. */
export function recordOf({ file, stats }: Pick<LeftPart, 'file' | 'stats'>): JournalFile {
  const { path, target, size, mtime, part, at } = file
  return { path, size, mtime, ...(target !== path && { target }), part, at, made: idOf(stats) }
}

/** What {@link takeOver} takes. */
export interface TakeOverOptions extends ClaimOptions {
  /**
   * Told of what stands in the way of taking something over, which is then left. Left out: what is not about a single
   * part is thrown.
   */
  warn?: (warning: SluiceError) => void
  /** Which journals may know such files, by their names: the others are not even opened. Left out: all. */
  isJournal?: (name: string) => boolean
}

/** Whether something is to be done with a file. */
type IsWanted = (file: UnfinishedFile) => boolean | Promise<boolean>

/** What {@link takeOver} gives to whoever goes on with parts. */
export interface Taker {
  /**
   * To be called for each part that is to be gone on with, before a journal knows it: nobody else writes to it then.
   * Its stats may have changed. False if that cannot be done: the part stays as it is.
   */
  own(part: LeftPart): Promise<boolean>
  /**
   * To be called when a journal knows it: a copy that {@link own} made takes its place. If it fails, the part is what
   * it was, and is not this process's: with `ERR_LOCK_LOST` if another one has taken over the journal that knew it
   * before.
   */
  place(part: LeftPart): Promise<void>
  /** The part is gone on with: the journal that knew it before forgets it. */
  taken(part: LeftPart): void
}

/** Parts that are looked at at once. */
const MOST_LOOKS = 8

/** How often the journals are listed anew, because one went while they were read. */
const MOST_LISTINGS = 100

/**
 * Takes over parts that were left of files: by processes that are dead, or that have let go of them. Other parts in the
 * same journals stay. A part belongs to one process at a time: one that another journal knows too, which cannot be had,
 * is left.
 * @param isWanted whether something is to be done with a file; not asked where nothing was left
 * @param begin called once, with all parts of such files, one that several journals know several times: makes those its
 * own that it goes on with, makes another journal know them, and only then calls `taken` for each of them. If it fails,
 *   all is as it was
 */
export async function takeOver<T>(
  tree: Tree,
  isWanted: IsWanted,
  options: TakeOverOptions,
  begin: (left: readonly LeftPart[], taker: Taker) => Promise<T>,
): Promise<T> {
  const taking = new Taking(tree, isWanted, options)
  const copies = new PartCopies(tree, options)
  const taken = new Set<string>()
  const taker: Taker = {
    own: async (part) => !part.mayWake || copies.make(part),
    place: async (part) => {
      await taking.check(part)
      await copies.place(part)
    },
    taken: ({ file }) => taken.add(partPathOf(file)),
  }
  try {
    return await begin(await taking.claim(), taker)
  } finally {
    await copies.drop()
    // a power cut may bring back what a copy has replaced: until it lasts, the journals do not forget that
    if (!(await copies.sync())) taken.clear()
    await taking.leave(taken)
  }
}

class Taking {
  readonly #tree: Tree
  readonly #isWanted: IsWanted
  readonly #options: TakeOverOptions
  readonly #folders: OpenFolder[] = []
  readonly #held: Held[] = []

  constructor(tree: Tree, isWanted: IsWanted, options: TakeOverOptions) {
    this.#tree = tree
    this.#isWanted = isWanted
    this.#options = options
  }

  /** Takes the journals that know such files; gives the parts that are there. */
  async claim(): Promise<LeftPart[]> {
    const { warn, signal } = this.#options
    try {
      const others = await this.#claimJournals()
      return await this.#findParts(others)
    } catch (error) {
      if (!warn || signal?.aborted) throw error
      warn(diskError(error, 'take over what is left in', this.#tree.root))
      return []
    }
  }

  /** `ERR_LOCK_LOST` if another process has taken over the journal that knows the part: then it has the part, too. */
  async check({ mayWake, held: { candidate, claimed } }: LeftPart): Promise<void> {
    // a copy must not replace one that the other process has made by now
    if (!mayWake && !claimed.renewal?.isDoubtful) return
    await checkClaimed(candidate, claimed)
    claimed.renewal?.confirm()
  }

  /** Lets go of all journals; those of which nothing is left go. */
  async leave(taken: ReadonlySet<string>): Promise<void> {
    for (const { candidate, claimed, settled } of this.#held) {
      const { unfinished } = claimed.journal
      const gone = new Set(settled)
      await overSlices(0, taken.size > 0 ? unfinished.length : 0, (first, end) => {
        for (const file of unfinished.slice(first, end)) if (taken.has(partPathOf(file))) gone.add(file.n)
      })
      const isDone = gone.size === unfinished.length
      // if this fails it stays with this process: nobody takes what two journals know
      await leaveJournal(candidate, claimed, [...gone], isDone).catch(() => {})
    }
    for (const folder of this.#folders) {
      if (this.#held.some(({ candidate }) => candidate.folder === folder))
        await removeOwnFolder(this.#tree, folder).catch(() => {})
      else folder.release()
    }
  }

  /** Gives what others know, by the paths of the parts. */
  async #claimJournals(): Promise<Map<string, UnfinishedFile[]>> {
    const known = await this.#readAll()
    // all at once, so that all together are waited for no longer than one
    for (const { tree, folder, name, watch } of known.keys())
      await lookAtJournal(tree, folder, name, watch).catch(() => {})
    const others = new Map<string, UnfinishedFile[]>()
    for (const [candidate, files] of known) {
      this.#options.signal?.throwIfAborted()
      // meanwhile its owner may have removed it, or another process claimed it
      const claimed = await ifThere(claimJournal(candidate, this.#options, () => {}))
      if (claimed) this.#held.push({ candidate, claimed, settled: [] })
      else {
        for (const file of files) {
          const known = others.get(partPathOf(file))
          if (known) known.push(file)
          else others.set(partPathOf(file), [file])
        }
      }
    }
    return others
  }

  /**
   * The journals that know such files, and these. One that goes while the others are read may have become another one,
   * or have another name: then they are listed anew, since none may be missed.
   */
  async #readAll(): Promise<Map<Candidate, UnfinishedFile[]>> {
    const watch = watchOf(this.#options)
    for (const name of await possibleFolders(this.#tree)) {
      const folder = await findOwnFolder(this.#tree, name)
      if (folder) this.#folders.push(folder)
    }
    const known = new Map<Candidate, UnfinishedFile[]>()
    const seen = new Set<string>()
    for (let listings = 0, isComplete = false; !isComplete && listings < MOST_LISTINGS; listings++) {
      isComplete = true
      for (const folder of this.#folders) {
        const names = await ownNames(this.#tree, folder, { isWanted: this.#options.isJournal })
        for (const name of await journalNames(this.#tree, folder, names)) {
          const path = `${folder.path}/${name}`
          if (seen.has(path)) continue
          const files = await ifThere(this.#wantedIn(folder, name))
          if (!files) isComplete = false
          else {
            seen.add(path)
            if (files !== 'none') known.set({ tree: this.#tree, folder, name, watch }, files)
          }
        }
      }
    }
    return known
  }

  /** What a journal knows of such files; nothing also where its owner left it with no file unfinished: it goes. */
  async #wantedIn(folder: OpenFolder, name: string): Promise<UnfinishedFile[] | 'none'> {
    const journal = await readJournal(this.#tree.fs, folder.at(name))
    const files: UnfinishedFile[] = []
    for (const file of journal?.unfinished ?? []) if (await this.#isWanted(file)) files.push(file)
    const hasLetGo = journal?.isReleased || isReleasedName(name)
    const isLeft = journal && (hasLetGo || isGone(journal.owner, this.#options.system))
    const isOver = isLeft && journal.unfinished.length === 0
    return files.length > 0 || isOver ? files : 'none'
  }

  /** @param others what is not to be touched, by the paths of the parts */
  async #findParts(others: ReadonlyMap<string, readonly UnfinishedFile[]>): Promise<LeftPart[]> {
    const { warn, signal } = this.#options
    const left: LeftPart[] = []
    const limiter = new Limiter(MOST_LOOKS)
    for (const held of this.#held) {
      const { settled } = held
      const { journal, mayWake } = held.claimed
      const { unfinished } = journal
      const lookInto = async (file: UnfinishedFile) => {
        if (!(await this.#isWanted(file))) return
        if (others.get(partPathOf(file))?.some((other) => mayBeOne(file, other))) return
        signal?.throwIfAborted()
        const found = file.isSuspect ? undefined : await findPart(this.#tree, file, journal)
        if (found?.part) return void left.push({ file, stats: found.part, mayWake, held })
        // what can be read of it need not be on the disk: nobody can go on with it
        const leftover = found ? found.leftover : await collectPart(this.#tree, file, journal, {})
        if (leftover?.error) warn?.(leftover.error)
        else settled.push(file.n)
        // were the journal gone and the part back after a power cut, nobody would know of it
        if (leftover?.state === 'part') await this.#tree.sync(parentOf(leftover.path))
      }
      await overSlices(0, unfinished.length, (first, end) =>
        limiter.each(unfinished.slice(first, end), lookInto, { failFast: true }),
      )
    }
    return left
  }
}

/**
 * Whether two records of one part name may be about one file: the name is free again once a part has ended. The disk of
 * both is the same, but may have had another number then: to take two for one is on the safe side.
 */
function mayBeOne({ made: one }: UnfinishedFile, { made: other }: UnfinishedFile): boolean {
  return !one || !other || one.ino === other.ino
}
