import { constants } from 'node:fs'
import type { FileSystem } from '../../files/disk/fs.js'
import type { DiskCall, DiskFault, PlainCall } from './disk-faults.js'
import { systemError } from './memory-inode.js'
import { ACCESS, MemoryStore } from './memory-store.js'
import type { Attributes } from './unsynced.js'

/** Larger than any test needs; a mistaken position fails instead of filling the memory. */
const MOST_BYTES = 2 ** 30

/** What `rmdir` says of a path that ends like this. */
const DOTS: Record<string, string> = { '.': 'EINVAL', '..': 'ENOTEMPTY' }

/** A call with all that it was given, before it is made. */
export interface PreparedCall<T> {
  /** The path, or the handle, that it is about. */
  on: string | number
  /** The second path of `link` and `rename`. */
  to?: string
  act(fault?: DiskFault): T
  /** What happens although the call fails. */
  nevertheless?(): void
}

/** For each call: takes what it is given, and does nothing yet. */
export type PreparedCalls = {
  [Call in PlainCall]: (
    ...given: Parameters<FileSystem[Call]>
  ) => PreparedCall<Awaited<ReturnType<FileSystem[Call]>>>
} & { renameNoReplace: (from: string, to: string) => PreparedCall<void> }

/** What the calls of a disk in memory do, whether they are made at once or as promises. */
export class MemoryCalls extends MemoryStore {
  protected readonly prepared: PreparedCalls = {
    open: (path, flags, mode = 0o666) => ({ on: path, act: () => this.#open(path, flags, mode) }),
    close: (fd) => {
      // a failing close closes nevertheless, as on Linux
      const act = () => this.drop(fd)
      return { on: fd, act, nevertheless: act }
    },
    read: (fd, buffer, offset, length, position) => ({
      on: fd,
      act: (fault) => {
        // Node does not even ask
        if (length === 0) return 0
        const { inode } = this.file('read', fd, constants.O_WRONLY)
        if (inode.kind === 'directory') throw systemError('EISDIR', 'read')
        const end = Math.min(inode.size, position + Math.min(length, fault?.short ?? length))
        if (position >= end) return 0
        buffer.set(inode.data.subarray(position, end), offset)
        return end - position
      },
    }),
    write: (fd, buffers, position) => ({
      on: fd,
      act: (fault) => this.#write(fd, buffers, position, fault?.short),
    }),
    fstat: (fd) => ({ on: fd, act: () => this.file('fstat', fd).inode.stats() }),
    fsync: (fd) => ({
      on: fd,
      act: () => {
        const { inode } = this.file('fsync', fd)
        if (inode.kind === 'pipe') throw systemError('EINVAL', 'fsync')
        this.unsynced?.synced(inode)
      },
      nevertheless: () => this.unsynced?.failed(this.file('fsync', fd).inode),
    }),
    ftruncate: (fd, length) => ({
      on: fd,
      act: () => {
        const { inode, flags } = this.file('ftruncate', fd)
        if ((flags & ACCESS) === constants.O_RDONLY || inode.kind !== 'file')
          throw systemError('EINVAL', 'ftruncate')
        if (length > MOST_BYTES) throw systemError('EFBIG', 'ftruncate')
        if (length - inode.size > this.capacity - this.taken) throw systemError('ENOSPC', 'ftruncate')
        this.resize(inode, length)
      },
    }),
    fchmod: (fd, mode) => this.#attributes('fchmod', fd, { mode: mode & 0o7777 }),
    fchown: (fd, uid, gid) => this.#attributes('fchown', fd, { uid, gid }),
    futimes: (fd, _atime, mtime) => this.#attributes('futimes', fd, { mtimeMs: mtime * 1000 }),
    stat: (path) => ({ on: path, act: () => this.names.get('stat', path, true).stats() }),
    lstat: (path) => ({ on: path, act: () => this.names.get('lstat', path, false).stats() }),
    mkdir: (path, mode = 0o777) => ({
      on: path,
      act: () => {
        const free = this.names.free('mkdir', path)
        const made = this.make(free, 'directory', mode & ~this.umask & 0o1777)
        // as on Linux: setgid and its group are inherited
        if ((free.folder.mode & 0o2000) === 0) return
        made.mode |= 0o2000
        made.gid = free.folder.gid
      },
    }),
    rmdir: (path) => ({
      on: path,
      act: () => {
        const found = this.names.find('rmdir', path, false)
        if (found.key === '') throw systemError(DOTS[found.name] ?? 'EBUSY', 'rmdir', path)
        if (!found.inode) throw systemError('ENOENT', 'rmdir', path)
        if (found.inode.kind !== 'directory') throw systemError('ENOTDIR', 'rmdir', path)
        if (found.inode.entries.size > 0) throw systemError('ENOTEMPTY', 'rmdir', path)
        this.detach(found)
      },
    }),
    readdir: (path) => ({
      on: path,
      act: () => {
        const inode = this.names.get('scandir', path, true)
        if (inode.kind !== 'directory') throw systemError('ENOTDIR', 'scandir', path)
        return [...inode.entries.values()].map(({ name }) => Buffer.from(name))
      },
    }),
    link: (from, to) => ({
      on: from,
      to,
      act: () => {
        const inode = this.names.get('link', from, false)
        const free = this.names.free('link', to)
        if (inode.kind === 'directory' || this.options.links === false)
          throw systemError('EPERM', 'link', from)
        this.attach(free, inode)
      },
    }),
    symlink: (target, path) => ({
      on: path,
      act: () => {
        if (target === '') throw systemError('ENOENT', 'symlink', path)
        this.make(this.names.free('symlink', path), 'symlink', 0o777).target = target
      },
    }),
    readlink: (path) => ({
      on: path,
      act: () => {
        const inode = this.names.get('readlink', path, false)
        if (inode.kind !== 'symlink') throw systemError('EINVAL', 'readlink', path)
        return inode.target
      },
    }),
    rename: (from, to) => ({ on: from, to, act: () => this.#rename(from, to) }),
    renameNoReplace: (from, to) => ({
      on: from,
      to,
      act: () => {
        this.names.get('rename', from, false)
        this.names.free('rename', to)
        this.#rename(from, to)
      },
    }),
    unlink: (path) => ({
      on: path,
      act: () => {
        const found = this.names.find('unlink', path, false)
        if (!found.inode) throw systemError('ENOENT', 'unlink', path)
        if (found.inode.kind === 'directory') throw systemError('EISDIR', 'unlink', path)
        this.detach(found)
      },
    }),
    realpath: (path) => ({ on: path, act: () => this.names.real(path) }),
    free: (path) => ({
      on: path,
      act: () => {
        this.names.get('statfs', path, true)
        return Math.max(0, Math.min(this.capacity - this.taken, Number.MAX_SAFE_INTEGER))
      },
    }),
  }
  #nextFd = 1000

  #open(path: string, flags: number, mode: number): number {
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
  }

  #write(fd: number, buffers: readonly Uint8Array[], where: number | null, short?: number): number {
    const { inode, flags } = this.file('write', fd, constants.O_RDONLY)
    const position = this.position(inode, flags, where)
    const total = buffers.reduce((sum, { length }) => sum + length, 0)
    if (total === 0) return 0
    const room = inode.size + (this.capacity - this.taken) - position
    if (room <= 0) throw systemError('ENOSPC', 'write')
    if (position + total > MOST_BYTES) throw systemError('EFBIG', 'write')
    const limit = Math.min(total, room, short ?? total)
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
  }

  #attributes(call: DiskCall, fd: number, change: Attributes): PreparedCall<void> {
    return { on: fd, act: () => this.change(this.file(call, fd).inode, change) }
  }

  #rename(from: string, to: string): void {
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
  }
}
