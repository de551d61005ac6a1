import { Limiter } from '../../async.js'
import { SluiceError } from '../../errors.js'
import { checkWhole } from '../../options.js'
import type { FileSystem } from '../disk/fs.js'
import { isOutOfHandles, retryWhileOut } from '../disk/retry.js'

/** A handle that nobody uses, kept open because it may be used again. */
export interface IdleHandle {
  /** Called when another one needs its room. Resolves when it is closed; never fails. */
  evict(): Promise<void>
}

/** A file whose handle the budget opens and closes. */
export interface BudgetFile {
  open(): Promise<number>
  /** Closes the handle. An error reaches the caller; where the budget closes it to make room, there is none. */
  shut(fd: number): Promise<void>
  /**
   * The budget's own. It stands here and not in a map, because a map that very many files pass through leaves old
   * tables behind that hold on to all of them until the next full garbage collection.
   */
  slot?: FileSlot | undefined
}

/** The open handle of a {@link BudgetFile}. */
export interface FileSlot extends IdleHandle {
  fd: Promise<number>
  users: number
  /** The system had no handle for it, and it waits for one. */
  isStuck: boolean
  /** Set once it is being closed. */
  closed?: Promise<void>
}

/** How many handles {@link HandleBudget.brief} work has open at most, more or less, unless it says so. */
const HANDLES_OF_BRIEF = 4

const ofProcess = new WeakMap<FileSystem, HandleBudget>()

/** The one budget of this process for all operations that are given none. */
export function handlesOf(fs: FileSystem): HandleBudget {
  const known = ofProcess.get(fs) ?? new HandleBudget()
  ofProcess.set(fs, known)
  return known
}

/**
 * How many files and folders are open at once. Those that nobody uses are kept open, and closed to make room, the one
 * used longest ago first. A file waits while all handles are in use. A folder never waits, because its opener may hold
 * the folder above it: two of them could wait for each other.
 */
export class HandleBudget {
  /** Handles open at once. */
  readonly most: number
  /** Handles of folders and files that are open, or on their way to be open or closed. */
  #open = 0
  /** Those of files among them. */
  #files = 0
  /** Those of files that wait for the system to have a handle. */
  #stuck = 0
  /** Those that nobody uses; used longest ago first. */
  readonly #idle: IdleHandle[] = []
  /** Calls of {@link HandleBudget.retry} that run: they may hold handles, and will give them back. */
  #running = 0
  /** How often a handle was given back. */
  #returns = 0
  #waiting: (() => void)[] = []
  /** Those for which the system had no handle try again one after the other: together they would hold all of them. */
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false
  /** Those of {@link brief} that run. */
  readonly #brief: Limiter
  #briefRuns = 0
  /** Those of {@link retry} that wait for a handle. */
  #queued = 0

  /** @param most handles open at once. Default 64. */
  constructor(most = 64) {
    checkWhole('handles', most, 1)
    this.most = most
    this.#brief = new Limiter(most)
  }

  /** Calls `work` with the open handle of `file`, opened if it is not. Fails as `open` and `work` do. */
  async use<T>(file: BudgetFile, work: (fd: number) => Promise<T>): Promise<T> {
    const slot = await this.#enter(file)
    try {
      return await work(await slot.fd)
    } finally {
      slot.users--
      if (slot.users === 0 && file.slot === slot) {
        if (this.#closed) this.#shut(file, slot).catch(() => {})
        else this.#idle.push(slot)
      }
      this.#returned()
    }
  }

  /** Closes the handle of `file`, once nobody uses it. Fails as `shut` does. */
  async drop(file: BudgetFile): Promise<void> {
    for (let { slot } = file; slot; { slot } = file) {
      if (slot.closed) return slot.closed.catch(() => {})
      if (slot.users === 0) return this.#shut(file, slot)
      await this.#nextReturn()
    }
  }

  /** Counts a folder that was opened. */
  entered(): void {
    this.#open++
    this.#shrink()
  }

  /** Nobody uses an open folder any more: from now on it may be evicted. */
  keep(folder: IdleHandle): void {
    this.#idle.push(folder)
    this.#shrink()
  }

  /** A folder that was kept is used again, or is about to be closed. */
  take(folder: IdleHandle): void {
    const at = this.#idle.indexOf(folder)
    if (at !== -1) this.#idle.splice(at, 1)
  }

  /** A folder is being closed. */
  left(folder: IdleHandle): void {
    this.take(folder)
    this.#open--
  }

  /** Closes all that nobody uses: the system has no handle left. */
  async evictIdle(): Promise<void> {
    await Promise.all([...this.#idle].map((idle) => idle.evict()))
  }

  /**
   * Calls `work`, which opens something. Where the system has no handle for it, it is called again as soon as others
   * gave handles back, as long as there are such. It must hold nothing when it has failed, and not call {@link use}.
   */
  async retry<T>(work: () => Promise<T>): Promise<T> {
    this.#running++
    try {
      return await work()
    } catch (error) {
      if (!isOutOfHandles(error)) throw error
    } finally {
      this.#running--
      this.#returned()
    }
    return this.#retryInTurn(work)
  }

  /**
   * For who holds handles that are not this budget's, and closes them without waiting for another one: others to whom
   * the system gives none then wait. Returns what is to be called when they are closed.
   */
  holds(): () => void {
    this.#running++
    return () => {
      this.#running--
      this.#returned()
    }
  }

  /**
   * For `work` that opens a few files and closes them again, without waiting for anything but the disk: only as many at
   * once as there is room for, so that those that have one handle and want a second get it. Never one inside another:
   * it could wait for itself. {@link retry} may be inside.
   * @param handles how many it has open for more than a moment
   */
  brief<T>(work: () => Promise<T>, handles = HANDLES_OF_BRIEF): Promise<T> {
    return this.#brief.run(async () => {
      this.#briefRuns++
      try {
        return await work()
      } finally {
        this.#briefRuns--
        this.#returned()
      }
    }, handles)
  }

  /** Closes the handles of all files, those in use as soon as they are not. No file can be opened afterwards. */
  async close(): Promise<void> {
    this.#closed = true
    await this.evictIdle()
    this.#returned()
    while (this.#files > 0) await this.#nextReturn()
  }

  async #enter(file: BudgetFile): Promise<FileSlot> {
    for (;;) {
      if (this.#closed) throw new SluiceError('ERR_STATE', 'the files are closed')
      const { slot } = file
      if (slot?.closed) await slot.closed.catch(() => {})
      else if (slot) {
        if (slot.users++ === 0) this.take(slot)
        return slot
      } else if (this.#open < this.most || this.#files === 0) return this.#openSlot(file)
      else await (this.#idle[0]?.evict() ?? this.#nextReturn())
    }
  }

  #openSlot(file: BudgetFile): FileSlot {
    const evict = () => this.#shut(file, slot).catch(() => {})
    const slot: FileSlot = { fd: Promise.resolve(0), users: 1, isStuck: false, evict }
    file.slot = slot
    this.#open++
    this.#files++
    slot.fd = this.#openFile(file, slot)
    slot.fd.catch(() => this.#remove(file, slot))
    return slot
  }

  async #openFile(file: BudgetFile, slot: FileSlot): Promise<number> {
    try {
      return await file.open()
    } catch (error) {
      if (!isOutOfHandles(error)) throw error
    }
    slot.isStuck = true
    this.#stuck++
    this.#returned()
    try {
      return await this.#retryInTurn(() => file.open())
    } finally {
      slot.isStuck = false
      this.#stuck--
    }
  }

  #shut(file: BudgetFile, slot: FileSlot): Promise<void> {
    this.take(slot)
    slot.closed ??= slot.fd.then((fd) => file.shut(fd)).finally(() => this.#remove(file, slot))
    return slot.closed
  }

  #remove(file: BudgetFile, slot: FileSlot): void {
    // one that could not be opened went already
    if (file.slot !== slot) return
    file.slot = undefined
    this.#open--
    this.#files--
    this.#returned()
  }

  /** Folders may have gone beyond the budget: closes what nobody uses. */
  #shrink(): void {
    for (let n = this.#open - this.most; n > 0 && this.#idle.length > 0; n--) this.#idle[0]!.evict()
  }

  #returned(): void {
    this.#returns++
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  #nextReturn(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #retryInTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#queued++
    const done = this.#turn.then(() => this.#retry(work)).finally(() => this.#queued--)
    this.#turn = done.catch(() => {})
    return done
  }

  #retry<T>(work: () => Promise<T>): Promise<T> {
    let before = 0
    let wasAlone = false
    const attempt = async () => {
      await this.evictIdle()
      before = this.#returns
      return work()
    }
    return retryWhileOut(attempt, async () => {
      if (this.#returns > before) return true
      // brief work that waits for no handle has some, and gives them back soon
      const isBriefAlone = this.#briefRuns <= this.#queued
      const isAlone = this.#running === 0 && this.#files === this.#stuck && isBriefAlone
      // nobody will give one back: one more try, because the failed one may have left folders that can be evicted
      if (isAlone && wasAlone) return false
      wasAlone = isAlone
      if (!isAlone) await this.#nextReturn()
      return true
    })
  }
}
