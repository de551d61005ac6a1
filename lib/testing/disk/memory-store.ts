import { constants } from 'node:fs'
import { checkKeys } from '../../options.js'
import { FIRST_INO, Inode, type InodeKind, systemError } from './memory-inode.js'
import { type Edit, type Found, MemoryNames } from './memory-names.js'
import { type Attributes, Unsynced } from './unsynced.js'

/** The bits of the flags of `open` that say how. */
export const ACCESS = constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR

/** Options of {@link MemoryDisk}. */
export interface MemoryDiskOptions {
  /** Which platform's rules the library is to follow. Default 'linux'; only there `at` gives paths. */
  platform?: NodeJS.Platform
  /** Bytes of content that it holds; more is ENOSPC. Default: no limit. Holes count as content. */
  capacity?: number
  /** Default 0o022. */
  umask?: number
  /** Whether there are hard links; without, `link` is EPERM, as on FAT. Default true. */
  links?: boolean
  /** Whether `sync` can rename without replacing (`renameNoReplace`), as some systems can. Default false. */
  renameNoReplace?: boolean
  /** Whether the calls that a `FileSystem` can make at once are there (`sync`), too. Default true. */
  sync?: boolean
  /** What two names have in common that are one, for a disk that ignores case or forms of characters. */
  fold?: (name: string) => string
  /**
   * Whether it remembers what was not synced, so that {@link MemoryDisk.crash} can lose it. Costs time.
   *
   * What `fsync` of a file makes last is its content, size and attributes; names last by `fsync` of their folder. All
   * else may be found in any version that it had since then, each sector (512 bytes), the size, each attribute and each
   * name for itself: a name without content, zeros, a size that ends at a sector, a folder lost with all that is in it,
   * the second of two renames without the first, neither name after a link and an unlink. A rename is found whole or
   * not at all. What a failed `fsync` was to write stays in doubt, until it is changed and synced again.
   */
  crashes?: boolean
  /** Milliseconds; default `Date.now`. */
  now?: () => number
}

export interface OpenMemoryFile {
  inode: Inode
  flags: number
  /** The path that it was opened by, without `/proc`. */
  path: string
}

/** What a {@link MemoryDisk} holds, without the calls: names, content, open files, and what a test does to them. */
export class MemoryStore {
  /** Bytes of content that it can hold; may be changed. */
  capacity: number
  protected readonly options: MemoryDiskOptions
  protected readonly files = new Map<number, OpenMemoryFile>()
  protected readonly names: MemoryNames
  protected taken = 0
  /** With `crashes`. */
  protected readonly unsynced: Unsynced | undefined
  #nextIno = FIRST_INO + 1n

  /** @param root what is on it already */
  constructor(options: MemoryDiskOptions = {}, root?: Inode) {
    checkKeys('options', options, {
      platform: true,
      capacity: true,
      umask: true,
      links: true,
      renameNoReplace: true,
      sync: true,
      fold: true,
      crashes: true,
      now: true,
    })
    this.options = options
    this.capacity = options.capacity ?? Number.POSITIVE_INFINITY
    const top = root ?? new Inode(FIRST_INO, 'directory', 0o755, this.now())
    top.nlink = 1
    this.names = new MemoryNames(top, options.fold ?? ((name) => name), (fd) => this.files.get(fd)?.inode)
    const inodes = new Set([...this.names.all()].map(([, inode]) => inode))
    for (const { ino, size } of inodes) {
      this.taken += size
      if (ino >= this.#nextIno) this.#nextIno = ino + 1n
    }
    this.unsynced = options.crashes ? new Unsynced() : undefined
    this.syncAll()
  }

  /** Makes everything that is there last, as the command `sync` does: for what was there before the test. */
  syncAll(): void {
    this.unsynced?.syncAll([this.names.root, ...[...this.names.all()].map(([, inode]) => inode)])
  }

  /** The paths of the handles that are open: of a leak, after everything was closed. */
  openHandles(): string[] {
    return [...this.files.values()].map(({ path }) => path)
  }

  /** The bytes of content on it. */
  get used(): number {
    return this.taken
  }

  /** Every file with its content, by path. */
  snapshot(): Map<string, Buffer> {
    const files = new Map<string, Buffer>()
    for (const [path, inode] of this.names.all()) if (inode.kind === 'file') files.set(path, inode.content())
    return files
  }

  /** Every path, sorted: folders with a slash at the end, links with their target, pipes with a bar. */
  list(): string[] {
    const marks = {
      file: () => '',
      directory: () => '/',
      pipe: () => '|',
      symlink: (i: Inode) => ` -> ${i.target}`,
    }
    return [...this.names.all()].map(([path, inode]) => path + marks[inode.kind](inode)).sort()
  }

  /** Puts a file there, with the folders above it: what the user had before, or does meanwhile. Counts as no call. */
  put(path: string, content: string | Uint8Array = '', mode = 0o644): void {
    const inode = this.place(path, 'file', mode)
    inode.write(Buffer.from(content), 0)
    this.unsynced?.wrote(inode, 0, inode.size)
    this.taken += inode.size
  }

  /** Puts a folder there, with those above it, unless it is there. */
  putFolder(path: string, mode = 0o755): void {
    if (path !== '' && !this.#stands(path)) this.place(path, 'directory', mode)
  }

  /** Puts a symbolic link there, in the place of whatever is. */
  putLink(path: string, target: string): void {
    this.place(path, 'symlink', 0o777).target = target
  }

  /** Puts a named pipe there. */
  putPipe(path: string): void {
    this.place(path, 'pipe', 0o644)
  }

  /** Takes away what is there, a folder with all in it. */
  remove(path: string): void {
    this.unsynced?.next()
    this.#clear(path)
  }

  /** Renames as another process would. */
  move(from: string, to: string): void {
    const { inode } = this.names.find('move', from, false)
    if (!inode) throw systemError('ENOENT', 'move', from)
    this.unsynced?.next()
    this.#clear(to)
    this.moveEntry(this.names.find('move', from, false), inode, this.names.find('move', to, false))
  }

  protected now(): number {
    return this.options.now?.() ?? Date.now()
  }

  protected get umask(): number {
    return this.options.umask ?? 0o022
  }

  /** The open file; for a call with a position also whether it can have one, and is not open in the way `unfit`. */
  protected file(call: string, fd: number, unfit?: number): OpenMemoryFile {
    const file = this.files.get(fd)
    if (!file) throw systemError('EBADF', call)
    if (unfit !== undefined && file.inode.kind === 'pipe') throw systemError('ESPIPE', call)
    if ((file.flags & ACCESS) === unfit) throw systemError('EBADF', call)
    return file
  }

  /** Where a write goes. Linux appends whatever the position; a handle has none of its own here. */
  protected position(inode: Inode, flags: number, asked: number | null): number {
    if ((flags & constants.O_APPEND) !== 0) return inode.size
    if (asked === null) throw systemError('EINVAL', 'write')
    return asked
  }

  protected drop(fd: number): void {
    const { inode } = this.file('close', fd)
    this.files.delete(fd)
    inode.opens--
    this.collect(inode)
  }

  /** What `open` says of something that stands there. */
  protected admit(inode: Inode, flags: number, path: string): void {
    const has = (flag: number) => (flags & flag) !== 0
    const fail = (code: string) => systemError(code, 'open', path)
    const writing = (flags & ACCESS) !== constants.O_RDONLY
    if (has(constants.O_CREAT) && has(constants.O_EXCL)) throw fail('EEXIST')
    if (inode.kind === 'symlink') throw fail(has(constants.O_DIRECTORY) ? 'ENOTDIR' : 'ELOOP')
    if (inode.kind === 'directory') {
      if (writing || has(constants.O_CREAT)) throw fail('EISDIR')
    } else if (has(constants.O_DIRECTORY)) throw fail('ENOTDIR')
    if (inode.kind !== 'pipe') return
    // a real disk would not answer at all
    if (!has(constants.O_NONBLOCK)) throw fail('EDEADLK')
    const isRead = [...this.files.values()].some(
      (file) => file.inode === inode && (file.flags & ACCESS) !== constants.O_WRONLY,
    )
    if ((flags & ACCESS) === constants.O_WRONLY && !isRead) throw fail('ENXIO')
  }

  protected resize(inode: Inode, length: number): void {
    this.taken += length - inode.size
    inode.truncate(length)
    this.unsynced?.truncated(inode, length)
    inode.mtimeMs = inode.ctimeMs = this.now()
  }

  protected change(inode: Inode, attributes: Attributes): void {
    Object.assign(inode, attributes)
    this.unsynced?.changed(inode, attributes)
    inode.ctimeMs = this.now()
  }

  protected make(found: Found, kind: InodeKind, mode: number): Inode {
    const inode = new Inode(this.#nextIno++, kind, mode, this.now())
    this.unsynced?.made(inode)
    this.attach(found, inode)
    return inode
  }

  protected attach(found: Found, inode: Inode): void {
    this.#noted(this.names.attach(found, inode, this.now()))
  }

  protected detach(found: Found): void {
    this.#noted(this.names.detach(found, this.now()))
    if (found.inode) this.collect(found.inode)
  }

  protected moveEntry(from: Found, inode: Inode, to: Found): void {
    if (to.folder.nlink === 0) throw systemError('ENOENT', 'rename', to.name)
    this.#noted(this.names.detach(from, this.now()))
    this.#noted(this.names.attach(to, inode, this.now()))
  }

  /** Gives back the room of what has neither a name nor a handle. */
  protected collect(inode: Inode): void {
    if (inode.kind === 'directory') {
      if (inode.nlink === 0)
        for (const [key, { name, inode: inner }] of inode.entries)
          this.detach({ folder: inode, key, name, inode: inner })
    } else if (inode.nlink === 0 && inode.opens === 0) this.taken -= inode.size
  }

  protected place(path: string, kind: InodeKind, mode: number): Inode {
    this.putFolder(path.slice(0, path.lastIndexOf('/')))
    this.unsynced?.next()
    this.#clear(path)
    return this.make(this.names.free('put', path), kind, mode)
  }

  #clear(path: string): void {
    const found = this.names.find('remove', path, false)
    if (found.inode) this.detach(found)
  }

  #noted(edit: Edit): void {
    this.unsynced?.edit(edit)
  }

  #stands(path: string): boolean {
    try {
      return this.names.find('put', path, true).inode !== undefined
    } catch {
      return false
    }
  }
}
