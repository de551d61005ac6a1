import { isSluiceError, SluiceError } from '../../errors.js'
import { checkWhole } from '../../options.js'
import { errorCode } from '../disk/disk-error.js'

/** What a pool opens and closes. */
export interface Pooled {
  open(): Promise<number>
  /** Closes the handle. An error reaches whoever asked for the close, and nobody if the pool did it to make room. */
  shut(fd: number): Promise<void>
  /**
   * The pool's own. It stands here and not in a map, because a map that very many files pass through leaves old tables
   * behind that hold on to all of them until the next full garbage collection.
   */
  slot?: Slot | undefined
}

/** A handle of a pool. */
export interface Slot {
  readonly file: Pooled
  fd: Promise<number>
  users: number
  /** When it was used last, counted in uses. */
  used: number
  /** 'stuck': the system had no handle for it, and it waits for its turn. */
  state: 'opening' | 'stuck' | 'open' | 'closing'
  closed?: Promise<void>
}

/**
 * Keeps the handles of many files open, but never more than a fixed number at once: those used longest ago are closed
 * to make room, and whoever asks while all are in use waits.
 */
export class HandlePool {
  readonly #most: number
  /** Open handles, and those on their way to be open or closed. */
  readonly #slots: Slot[] = []
  readonly #queue = new HandleQueue()
  #uses = 0
  /** Calls of {@link HandlePool.patiently} that hold handles, and will give them back. */
  #running = 0
  #closed = false

  /** @param most handles open at once. Default 64. */
  constructor(most = 64) {
    checkWhole('handles', most, 1)
    this.#most = most
  }

  /** Calls `work` with the open handle of `file`, opened if it is not. Fails as `open` and `work` do. */
  async use<T>(file: Pooled, work: (fd: number) => Promise<T>): Promise<T> {
    const slot = await this.#enter(file)
    try {
      return await work(await slot.fd)
    } finally {
      slot.users--
      if (this.#closed && slot.users === 0) this.#shut(slot).catch(() => {})
      this.#queue.returned()
    }
  }

  /** Closes the handle of `file`, once nobody uses it. Fails as `shut` does. */
  async drop(file: Pooled): Promise<void> {
    for (let { slot } = file; slot; { slot } = file) {
      if (slot.state === 'closing') return slot.closed?.catch(() => {})
      if (slot.users === 0) return this.#shut(slot)
      await this.#queue.nextReturn()
    }
  }

  /** Closes every handle, those in use as soon as they are not. Nothing can be opened afterwards. */
  async close(): Promise<void> {
    this.#closed = true
    for (const slot of [...this.#slots]) if (isIdle(slot)) this.#shut(slot).catch(() => {})
    this.#queue.returned()
    while (this.#slots.length > 0) await this.#queue.nextReturn()
  }

  async #enter(file: Pooled): Promise<Slot> {
    for (;;) {
      if (this.#closed) throw new SluiceError('ERR_STATE', 'the files are closed')
      const { slot } = file
      if (slot?.state === 'closing') await slot.closed?.catch(() => {})
      else if (slot) {
        slot.users++
        slot.used = ++this.#uses
        return slot
      } else if (this.#slots.length < this.#most) return this.#open(file)
      else {
        if (!this.#slots.some(({ state }) => state === 'closing')) this.#evict()
        await this.#queue.nextReturn()
      }
    }
  }

  #open(file: Pooled): Slot {
    const fd = Promise.resolve(0)
    const slot: Slot = { file, fd, users: 1, used: ++this.#uses, state: 'opening' }
    file.slot = slot
    this.#slots.push(slot)
    slot.fd = this.#opened(slot)
    slot.fd.then(
      () => {
        slot.state = 'open'
      },
      () => this.#remove(slot),
    )
    return slot
  }

  /** The system may have fewer handles than the pool: then it waits like one that is full. */
  async #opened(slot: Slot): Promise<number> {
    const open = () => slot.file.open()
    try {
      return await open()
    } catch (error) {
      if (!isOutOfHandles(error)) throw error
      slot.state = 'stuck'
      this.#queue.returned()
      return this.#retry(open)
    }
  }

  /**
   * Calls `work`, which opens something besides the files of the pool. Where the system has no handle for it (EMFILE,
   * ENFILE, also as the cause), it is called again as soon as others gave handles back, as long as there are such;
   * what the pool keeps for later is given up. It must hold nothing when it has failed, and not use the pool.
   */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    this.#running++
    try {
      return await work()
    } catch (error) {
      if (!isOutOfHandles(error)) throw error
    } finally {
      this.#running--
      this.#queue.returned()
    }
    return this.#retry(work)
  }

  #retry<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.retry(work, {
      evict: () => this.#evict(),
      isHeld: () => this.#running > 0 || this.#slots.some(({ state }) => state !== 'stuck'),
    })
  }

  /** Closes the handle that was used longest ago and is not in use, if there is one. */
  #evict(): void {
    let oldest: Slot | undefined
    for (const slot of this.#slots) if (isIdle(slot) && !(oldest && oldest.used < slot.used)) oldest = slot
    if (oldest) this.#shut(oldest).catch(() => {})
  }

  #shut(slot: Slot): Promise<void> {
    slot.state = 'closing'
    slot.closed = slot.fd.then((fd) => slot.file.shut(fd)).finally(() => this.#remove(slot))
    return slot.closed
  }

  #remove(slot: Slot): void {
    // one that could not be opened went already
    if (slot.file.slot !== slot) return
    slot.file.slot = undefined
    const last = this.#slots.pop()!
    if (last !== slot) this.#slots[this.#slots.indexOf(slot)] = last
    this.#queue.returned()
  }
}

function isIdle({ users, state }: Slot): boolean {
  return users === 0 && state === 'open'
}

/** Where handles come from. */
interface Source {
  /** Gives up one that is only kept for later, if there is one. */
  evict(): void
  /** Whether somebody holds handles who will give them back. */
  isHeld(): boolean
}

/** Those who wait for a handle, each served when one is returned. */
export class HandleQueue {
  #count = 0
  #waiting: (() => void)[] = []
  /** Those for whom the system had no handle are served one after the other: together they would hold on to all. */
  #turn: Promise<unknown> = Promise.resolve()

  /** To be called whenever a handle was given back or closed. */
  returned(): void {
    this.#count++
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** Resolves when the next handle is returned. */
  nextReturn(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /**
   * Calls `work`, for which the system had no handle, when its turn has come: again after each return, as long as
   * there is somebody to return one.
   */
  retry<T>(work: () => Promise<T>, source: Source): Promise<T> {
    const done = this.#turn.then(() => this.#persist(work, source))
    this.#turn = done.catch(() => {})
    return done
  }

  async #persist<T>(work: () => Promise<T>, source: Source): Promise<T> {
    for (let isLast = false; ; ) {
      const before = this.#count
      source.evict()
      try {
        return await work()
      } catch (error) {
        if (!isOutOfHandles(error)) throw error
        if (this.#count > before) continue
        // where nobody will give one back, what failed may itself have given up some, once
        const isAlone = !source.isHeld()
        if (isAlone && isLast) throw error
        isLast = isAlone
        if (!isAlone) await this.nextReturn()
      }
    }
  }
}

/** Whether the process, or the system, has no handle left. */
export function isOutOfHandles(error: unknown): boolean {
  const code = errorCode(isSluiceError(error) ? error.cause : error)
  return code === 'EMFILE' || code === 'ENFILE'
}
