import { SluiceError } from '../../errors.js'
import type { FileStats, FileSystem, SyncCalls } from '../../files/disk/fs.js'
import { randomBySeed } from '../splits.js'
import { type DiskCall, type DiskEvent, type DiskFault, DiskFaults } from './disk-faults.js'
import { MemoryCalls, type PreparedCall } from './memory-calls.js'
import { type Inode, systemError } from './memory-inode.js'
import type { MemoryDiskOptions } from './memory-store.js'

/**
 * A disk in memory that answers as Linux does: files, folders, symbolic and hard links, pipes, the flags of `open`,
 * and the same error codes (a test compares it with the real one). Permissions are not checked: the user is root.
 * Every call can be failed, shortened, delayed or watched, whether it is made as a promise or at once (`sync`). Handles
 * get a new number each time, so that the use of a closed one is found.
 */
export class MemoryDisk extends MemoryCalls implements FileSystem {
  readonly platform: NodeJS.Platform
  /** Called before each call; may throw to fail it, or act on the disk. What it gives must be no promise. */
  hook: ((event: DiskEvent) => void) | undefined
  /**
   * Called before each call, behind `hook`; the call waits for it. Calls made at once cannot: `sync` is left out then.
   */
  delay: ((event: DiskEvent) => void | Promise<void>) | undefined
  /** How many calls there were. */
  calls = 0
  readonly #faults = new DiskFaults()
  readonly #sync: SyncCalls | undefined

  constructor(options: MemoryDiskOptions = {}, root?: Inode) {
    super(options, root)
    this.platform = options.platform ?? 'linux'
    // a class derived from this one may replace a call, which these would not know
    if (options.sync !== false && new.target === MemoryDisk) this.#sync = this.#makeSync()
  }

  // ——— for the test ———

  /** Makes one of the next calls fail, or take fewer bytes. `ERR_USAGE` for a rule that could never strike. */
  fail(fault: DiskFault): void {
    this.#faults.add(fault)
  }

  /** Forgets all that {@link fail} was told. */
  heal(): void {
    this.#faults.clear()
  }

  /**
   * The disk that is found after the power was cut now: all that was synced, and of the rest what the seed chooses.
   * This one stays as it is, so that many outcomes of one moment can be looked at. Needs the option `crashes`.
   */
  crash(seed: number): MemoryDisk {
    if (!this.unsynced)
      throw new SluiceError('ERR_USAGE', 'a disk that is to crash is made with { crashes: true }')
    return new MemoryDisk(this.options, this.unsynced.crash(this.names.root, randomBySeed(seed)))
  }

  // ——— the calls ———

  /**
   * The same disk by calls that are made at once; not with the option `sync: false`, and not while calls are delayed.
   */
  get sync(): SyncCalls | undefined {
    // nor of an object that has this one as its prototype
    return #sync in this && !this.delay ? this.#sync : undefined
  }

  /** All that is made through its calls belongs to the user 0. */
  user(): number {
    return 0
  }

  at(fd: number, name: string): string | null {
    return this.platform === 'linux' ? `/proc/self/fd/${fd}/${name}` : null
  }

  open(path: string, flags: number, mode?: number): Promise<number> {
    return this.#later('open', this.prepared.open(path, flags, mode))
  }

  close(fd: number): Promise<void> {
    return this.#later('close', this.prepared.close(fd))
  }

  read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.#later('read', this.prepared.read(fd, buffer, offset, length, position))
  }

  write(fd: number, buffers: readonly Uint8Array[], position: number | null): Promise<number> {
    return this.#later('write', this.prepared.write(fd, buffers, position))
  }

  fstat(fd: number): Promise<FileStats> {
    return this.#later('fstat', this.prepared.fstat(fd))
  }

  fsync(fd: number): Promise<void> {
    return this.#later('fsync', this.prepared.fsync(fd))
  }

  ftruncate(fd: number, length: number): Promise<void> {
    return this.#later('ftruncate', this.prepared.ftruncate(fd, length))
  }

  fchmod(fd: number, mode: number): Promise<void> {
    return this.#later('fchmod', this.prepared.fchmod(fd, mode))
  }

  fchown(fd: number, uid: number, gid: number): Promise<void> {
    return this.#later('fchown', this.prepared.fchown(fd, uid, gid))
  }

  futimes(fd: number, atime: number, mtime: number): Promise<void> {
    return this.#later('futimes', this.prepared.futimes(fd, atime, mtime))
  }

  stat(path: string): Promise<FileStats> {
    return this.#later('stat', this.prepared.stat(path))
  }

  lstat(path: string): Promise<FileStats> {
    return this.#later('lstat', this.prepared.lstat(path))
  }

  mkdir(path: string, mode?: number): Promise<void> {
    return this.#later('mkdir', this.prepared.mkdir(path, mode))
  }

  rmdir(path: string): Promise<void> {
    return this.#later('rmdir', this.prepared.rmdir(path))
  }

  readdir(path: string): Promise<Buffer[]> {
    return this.#later('readdir', this.prepared.readdir(path))
  }

  link(from: string, to: string): Promise<void> {
    return this.#later('link', this.prepared.link(from, to))
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#later('symlink', this.prepared.symlink(target, path))
  }

  readlink(path: string): Promise<string> {
    return this.#later('readlink', this.prepared.readlink(path))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#later('rename', this.prepared.rename(from, to))
  }

  unlink(path: string): Promise<void> {
    return this.#later('unlink', this.prepared.unlink(path))
  }

  realpath(path: string): Promise<string> {
    return this.#later('realpath', this.prepared.realpath(path))
  }

  free(path: string): Promise<number> {
    return this.#later('free', this.prepared.free(path))
  }

  // ——— inside ———

  #makeSync(): SyncCalls {
    const { prepared } = this
    const now = <T>(call: DiskCall, made: PreparedCall<T>) => this.#now(call, made)
    return {
      open: (...given) => now('open', prepared.open(...given)),
      close: (...given) => now('close', prepared.close(...given)),
      read: (...given) => now('read', prepared.read(...given)),
      write: (...given) => now('write', prepared.write(...given)),
      fstat: (...given) => now('fstat', prepared.fstat(...given)),
      fsync: (...given) => now('fsync', prepared.fsync(...given)),
      ftruncate: (...given) => now('ftruncate', prepared.ftruncate(...given)),
      fchmod: (...given) => now('fchmod', prepared.fchmod(...given)),
      futimes: (...given) => now('futimes', prepared.futimes(...given)),
      lstat: (...given) => now('lstat', prepared.lstat(...given)),
      mkdir: (...given) => now('mkdir', prepared.mkdir(...given)),
      link: (...given) => now('link', prepared.link(...given)),
      rename: (...given) => now('rename', prepared.rename(...given)),
      unlink: (...given) => now('unlink', prepared.unlink(...given)),
      ...(this.options.renameNoReplace && {
        renameNoReplace: (...given) => now('renameNoReplace', prepared.renameNoReplace(...given)),
      }),
    }
  }

  async #later<T>(call: DiskCall, made: PreparedCall<T>): Promise<T> {
    const event = this.#announce(call, made, false)
    if (event) await this.delay?.(event)
    return event ? this.#carryOut(event, made) : made.act()
  }

  #now<T>(call: DiskCall, made: PreparedCall<T>): T {
    const event = this.#announce(call, made, true)
    if (this.delay) throw new SluiceError('ERR_USAGE', `${call} is made at once, and cannot wait for 'delay'`)
    return event ? this.#carryOut(event, made) : made.act()
  }

  /** Counts the call and tells of it; undefined where nobody wants to know. */
  #announce(call: DiskCall, { on, to }: PreparedCall<unknown>, sync: boolean): DiskEvent | undefined {
    const number = this.calls++
    this.unsynced?.next()
    if (!this.hook && !this.delay && this.#faults.none) return undefined
    const path = typeof on === 'number' ? (this.files.get(on)?.path ?? '') : this.names.plain(on)
    const event: DiskEvent = { call, path, number, sync }
    if (to !== undefined) event.to = this.names.plain(to)
    const given: unknown = this.hook?.(event)
    if (typeof (given as Promise<unknown> | undefined)?.then === 'function') {
      Promise.resolve(given).catch(() => {}) // this error comes first
      throw new SluiceError('ERR_USAGE', "hook gave a promise, which nothing waits for; give it as 'delay'")
    }
    return event
  }

  #carryOut<T>(event: DiskEvent, { act, nevertheless }: PreparedCall<T>): T {
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
}
