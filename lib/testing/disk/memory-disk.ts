import { constants } from 'node:fs'
import { SluiceError } from '../../errors.js'
import type { FileStats, FileSystem } from '../../files/disk/fs.js'
import { randomBySeed } from '../splits.js'
import { type DiskCall, type DiskEvent, type DiskFault, DiskFaults } from './disk-faults.js'
import { type Inode, systemError } from './memory-inode.js'
import { ACCESS, type MemoryDiskOptions, MemoryStore } from './memory-store.js'
import type { Attributes } from './unsynced.js'

/** Larger than any test needs; a mistaken position fails instead of filling the memory. */
const MOST_BYTES = 2 ** 30

/** What `rmdir` says of a path that ends like this. */
const DOTS: Record<string, string> = { '.': 'EINVAL', '..': 'ENOTEMPTY' }

/**
 * A disk in memory that answers as Linux does: files, folders, symbolic and hard links, pipes, the flags of `open`,
 * and the same error codes (a test compares it with the real one). Permissions are not checked: the user is root.
 * Every call can be failed, shortened, delayed or watched. Handles get a new number each time, so that one that is
 * used after its close is found.
 */
export class MemoryDisk extends MemoryStore implements FileSystem {
  readonly platform: NodeJS.Platform
  /** Called before each call; may throw to fail it, return a promise to delay it, or act on the disk. */
  hook: ((event: DiskEvent) => void | Promise<void>) | undefined
  /** How many calls there were. */
  calls = 0
  readonly #faults = new DiskFaults()
  #nextFd = 1000

  constructor(options: MemoryDiskOptions = {}, root?: Inode) {
    super(options, root)
    this.platform = options.platform ?? 'linux'
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

  at(fd: number, name: string): string | null {
    return this.platform === 'linux' ? `/proc/self/fd/${fd}/${name}` : null
  }

  open(path: string, flags: number, mode = 0o666): Promise<number> {
    return this.#call('open', path, undefined, () => {
      const exclusive = (flags & constants.O_CREAT) !== 0 && (flags & constants.O_EXCL) !== 0
      const follow = !exclusive && (flags & constants.O_NOFOLLOW) === 0
      const found = this.names.find('open', path, follow)
      if (found.inode) this.admit(found.inode, flags, path)
      else if ((flags & constants.O_CREAT) === 0) throw systemError('ENOENT', 'open', path)
      const inode = found.inode ?? this.make(found, 'file', mode & ~this.umask)
      if ((flags & constants.O_TRUNC) !== 0 && inode.kind === 'file') this.resize(inode, 0)
      const fd = this.#nextFd++
      inode.opens++
      this.files.set(fd, { inode, flags, path: this.names.plain(path) })
      return fd
    })
  }

  close(fd: number): Promise<void> {
    // a failing close closes nevertheless, as on Linux
    const close = () => this.drop(fd)
    return this.#call('close', fd, undefined, close, close)
  }

  read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.#call('read', fd, undefined, (fault) => {
      // Node does not even ask
      if (length === 0) return 0
      const { inode } = this.file('read', fd, constants.O_WRONLY)
      if (inode.kind === 'directory') throw systemError('EISDIR', 'read')
      const end = Math.min(inode.size, position + Math.min(length, fault?.short ?? length))
      if (position >= end) return 0
      buffer.set(inode.data.subarray(position, end), offset)
      return end - position
    })
  }

  write(fd: number, buffers: readonly Uint8Array[], where: number | null): Promise<number> {
    return this.#call('write', fd, undefined, (fault) => {
      const { inode, flags } = this.file('write', fd, constants.O_RDONLY)
      const position = this.position(inode, flags, where)
      const total = buffers.reduce((sum, { length }) => sum + length, 0)
      if (total === 0) return 0
      const room = inode.size + (this.capacity - this.taken) - position
      if (room <= 0) throw systemError('ENOSPC', 'write')
      if (position + total > MOST_BYTES) throw systemError('EFBIG', 'write')
      const limit = Math.min(total, room, fault?.short ?? total)
      const before = inode.size
      let done = 0
      for (const buffer of buffers) {
        if (done === limit) break
        const part = buffer.length > limit - done ? buffer.subarray(0, limit - done) : buffer
        inode.write(part, position + done)
        done += part.length
      }
      this.unsynced?.wrote(inode, position, done)
      this.taken += inode.size - before
      inode.mtimeMs = inode.ctimeMs = this.now()
      return done
    })
  }

  fstat(fd: number): Promise<FileStats> {
    return this.#call('fstat', fd, undefined, () => this.file('fstat', fd).inode.stats())
  }

  fsync(fd: number): Promise<void> {
    const sync = () => {
      const { inode } = this.file('fsync', fd)
      if (inode.kind === 'pipe') throw systemError('EINVAL', 'fsync')
      this.unsynced?.synced(inode)
    }
    return this.#call('fsync', fd, undefined, sync, () => this.unsynced?.failed(this.file('fsync', fd).inode))
  }

  ftruncate(fd: number, length: number): Promise<void> {
    return this.#call('ftruncate', fd, undefined, () => {
      const { inode, flags } = this.file('ftruncate', fd)
      if ((flags & ACCESS) === constants.O_RDONLY || inode.kind !== 'file')
        throw systemError('EINVAL', 'ftruncate')
      if (length > MOST_BYTES) throw systemError('EFBIG', 'ftruncate')
      if (length - inode.size > this.capacity - this.taken) throw systemError('ENOSPC', 'ftruncate')
      this.resize(inode, length)
    })
  }

  fchmod(fd: number, mode: number): Promise<void> {
    return this.#attributes('fchmod', fd, { mode: mode & 0o7777 })
  }

  fchown(fd: number, uid: number, gid: number): Promise<void> {
    return this.#attributes('fchown', fd, { uid, gid })
  }

  futimes(fd: number, _atime: number, mtime: number): Promise<void> {
    return this.#attributes('futimes', fd, { mtimeMs: mtime * 1000 })
  }

  stat(path: string): Promise<FileStats> {
    return this.#call('stat', path, undefined, () => this.names.get('stat', path, true).stats())
  }

  lstat(path: string): Promise<FileStats> {
    return this.#call('lstat', path, undefined, () => this.names.get('lstat', path, false).stats())
  }

  mkdir(path: string, mode = 0o777): Promise<void> {
    return this.#call('mkdir', path, undefined, () => {
      this.make(this.names.free('mkdir', path), 'directory', mode & ~this.umask & 0o1777)
    })
  }

  rmdir(path: string): Promise<void> {
    return this.#call('rmdir', path, undefined, () => {
      const found = this.names.find('rmdir', path, false)
      if (found.key === '') throw systemError(DOTS[found.name] ?? 'EBUSY', 'rmdir', path)
      if (!found.inode) throw systemError('ENOENT', 'rmdir', path)
      if (found.inode.kind !== 'directory') throw systemError('ENOTDIR', 'rmdir', path)
      if (found.inode.entries.size > 0) throw systemError('ENOTEMPTY', 'rmdir', path)
      this.detach(found)
    })
  }

  readdir(path: string): Promise<Buffer[]> {
    return this.#call('readdir', path, undefined, () => {
      const inode = this.names.get('scandir', path, true)
      if (inode.kind !== 'directory') throw systemError('ENOTDIR', 'scandir', path)
      return [...inode.entries.values()].map(({ name }) => Buffer.from(name))
    })
  }

  link(from: string, to: string): Promise<void> {
    return this.#call('link', from, to, () => {
      const inode = this.names.get('link', from, false)
      const free = this.names.free('link', to)
      if (inode.kind === 'directory' || this.options.links === false) throw systemError('EPERM', 'link', from)
      this.attach(free, inode)
    })
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#call('symlink', path, undefined, () => {
      if (target === '') throw systemError('ENOENT', 'symlink', path)
      this.make(this.names.free('symlink', path), 'symlink', 0o777).target = target
    })
  }

  readlink(path: string): Promise<string> {
    return this.#call('readlink', path, undefined, () => {
      const inode = this.names.get('readlink', path, false)
      if (inode.kind !== 'symlink') throw systemError('EINVAL', 'readlink', path)
      return inode.target
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call('rename', from, to, () => {
      const old = this.names.find('rename', from, false, true)
      const target = this.names.find('rename', to, false, true)
      if (old.key === '' || target.key === '') throw systemError('EBUSY', 'rename', from)
      this.names.measure('rename', old)
      if (!old.inode) throw systemError('ENOENT', 'rename', from)
      this.names.measure('rename', target)
      const { inode } = old
      const folder = inode.kind === 'directory'
      if (folder && this.names.isWithin(target.folder, inode)) throw systemError('EINVAL', 'rename', from)
      const there = target.inode
      if (there === inode) {
        // another spelling of the same name, or another name of the same file: then nothing happens
        if (old.key === target.key && old.folder === target.folder) this.moveEntry(old, inode, target)
        return
      }
      if (there) {
        if (this.names.isWithin(old.folder, there)) throw systemError('ENOTEMPTY', 'rename', from)
        if (folder && there.kind !== 'directory') throw systemError('ENOTDIR', 'rename', from)
        if (!folder && there.kind === 'directory') throw systemError('EISDIR', 'rename', from)
        if (there.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', from)
        this.detach(target)
      }
      this.moveEntry(old, inode, target)
    })
  }

  unlink(path: string): Promise<void> {
    return this.#call('unlink', path, undefined, () => {
      const found = this.names.find('unlink', path, false)
      if (!found.inode) throw systemError('ENOENT', 'unlink', path)
      if (found.inode.kind === 'directory') throw systemError('EISDIR', 'unlink', path)
      this.detach(found)
    })
  }

  realpath(path: string): Promise<string> {
    return this.#call('realpath', path, undefined, () => this.names.real(path))
  }

  free(path: string): Promise<number> {
    return this.#call('free', path, undefined, () => {
      this.names.get('statfs', path, true)
      return Math.max(0, Math.min(this.capacity - this.taken, Number.MAX_SAFE_INTEGER))
    })
  }

  // ——— inside ———

  async #call<T>(
    call: DiskCall,
    where: string | number,
    to: string | undefined,
    act: (fault?: DiskFault) => T,
    /** What happens although the call fails. */
    nevertheless?: () => void,
  ): Promise<T> {
    const number = this.calls++
    this.unsynced?.next()
    if (!this.hook && this.#faults.none) return act()
    const path = typeof where === 'number' ? (this.files.get(where)?.path ?? '') : this.names.plain(where)
    const event: DiskEvent = { call, path, number }
    if (to !== undefined) event.to = this.names.plain(to)
    await this.hook?.(event)
    const fault = this.#faults.strike(event)
    this.unsynced?.next()
    if (fault?.error === undefined) return act(fault)
    if (!fault.after) nevertheless?.()
    else {
      // nobody learns the number of a handle whose open failed
      const done = act(fault)
      if (call === 'open' && typeof done === 'number') this.drop(done)
    }
    throw systemError(fault.error, call, path)
  }

  #attributes(call: DiskCall, fd: number, change: Attributes): Promise<void> {
    return this.#call(call, fd, undefined, () => this.change(this.file(call, fd).inode, change))
  }
}
