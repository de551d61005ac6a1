import { SluiceError } from '../errors.js'
import { type DiskCall, type DiskEvent, type DiskFault, DiskFaults } from './disk-faults.js'
import { systemError } from './memory-inode.js'
import { MemoryStore } from './memory-store.js'

/** How each call of a {@link MemoryDisk} is counted, watched, delayed and failed. */
export class MemoryCalls extends MemoryStore {
  /** Called before each call; may throw to fail it, return a promise to delay it, or act on the disk. */
  hook: ((event: DiskEvent) => void | Promise<void>) | undefined
  /** How many calls there were. */
  calls = 0
  readonly #faults = new DiskFaults()
  #isSync = false

  /** Makes one of the next calls fail, or take fewer bytes. `ERR_USAGE` for a rule that could never strike. */
  fail(fault: DiskFault): void {
    this.#faults.add(fault)
  }

  /** Forgets all that {@link fail} was told. */
  heal(): void {
    this.#faults.clear()
  }

  /** Makes one call, as a promise or, within {@link atOnce}, at once. */
  protected call<T>(
    call: DiskCall,
    where: string | number,
    to: string | undefined,
    act: (fault?: DiskFault) => T,
    /** What happens although the call fails. */
    nevertheless?: () => void,
  ): Promise<T> {
    const event: DiskEvent = { call, path: '', number: this.calls++ }
    const isSync = this.#isSync
    // a hook may make calls of its own
    this.#isSync = false
    this.unsynced?.next()
    if (!isSync) return this.#later(event, where, to, act, nevertheless)
    if (this.#noted(event, where, to)) throw new SluiceError('ERR_USAGE', 'a hook cannot delay a synchronous call')
    return this.#perform(event, act, nevertheless) as Promise<T>
  }

  async #later<T>(
    event: DiskEvent,
    where: string | number,
    to: string | undefined,
    act: (fault?: DiskFault) => T,
    nevertheless?: () => void,
  ): Promise<T> {
    if (this.hook || !this.#faults.none) await this.#noted(event, where, to)
    return this.#perform(event, act, nevertheless)
  }

  #noted(event: DiskEvent, where: string | number, to: string | undefined): void | Promise<void> {
    if (!this.hook && this.#faults.none) return
    event.path = typeof where === 'number' ? (this.files.get(where)?.path ?? '') : this.names.plain(where)
    if (to !== undefined) event.to = this.names.plain(to)
    return this.hook?.(event)
  }

  #perform<T>(event: DiskEvent, act: (fault?: DiskFault) => T, nevertheless?: () => void): T {
    if (!this.hook && this.#faults.none) return act()
    const fault = this.#faults.strike(event)
    this.unsynced?.next()
    if (fault?.error === undefined) return act(fault)
    if (!fault.after) nevertheless?.()
    else {
      // nobody learns the number of a handle whose open failed
      const done = act(fault)
      if (event.call === 'open' && typeof done === 'number') this.drop(done)
    }
    throw systemError(fault.error, event.call, event.path)
  }

  /** Makes one call that is done when it returns: it gives no promise then. */
  protected atOnce<T>(act: () => Promise<T>): T {
    this.#isSync = true
    try {
      return act() as T
    } finally {
      this.#isSync = false
    }
  }
}
