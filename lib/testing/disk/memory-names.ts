import { type Inode, systemError } from './memory-inode.js'

/** Where a path ends: the folder, the name in it, and what stands there, if anything does. */
export interface Found {
  folder: Inode
  name: string
  /** The folded name; '' where the path ends with '.' or '..' or is the root. */
  key: string
  inode: Inode | undefined
}

/** One change of a folder: `name` leads to `inode` from now on, or to nothing. */
export interface Edit {
  folder: Inode
  key: string
  name: string
  inode: Inode | undefined
}

const MOST_LINKS = 40

/** The names of a disk in memory, and the way along them. */
export class MemoryNames {
  constructor(
    readonly root: Inode,
    readonly fold: (name: string) => string,
    /** The folder that is open under a number. */
    readonly opened: (fd: number) => Inode | undefined,
  ) {}

  /**
   * Goes along `path` as the kernel does. The last name is followed only if `follow`; how long it is is looked at by
   * {@link measure}, at once unless `later`.
   */
  find(call: string, path: string, follow: boolean, later = false): Found {
    const fail = (code: string) => systemError(code, call, path)
    if (path === '') throw fail('ENOENT')
    if (Buffer.byteLength(path) > 4095) throw fail('ENAMETOOLONG')
    let [here, todo] = this.#start(path)
    let links = 0
    let dots = ''
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (here.kind !== 'directory') throw fail('ENOTDIR')
      if (part === '..') here = here.parent
      dots = part
      if (part === '.' || part === '..') continue
      const last = todo.length === 0
      if (!(last && later)) this.measure(call, { folder: here, name: part })
      const key = this.fold(part)
      const inode = here.entries.get(key)?.inode
      if (inode?.kind === 'symlink' && (follow || !last)) {
        if (++links > MOST_LINKS) throw fail('ELOOP')
        const [from, more] = inode.target.startsWith('/')
          ? this.#start(inode.target)
          : [here, parts(inode.target)]
        here = from
        todo = [...todo, ...more]
        continue
      }
      if (last) return { folder: here, name: part, key, inode }
      if (!inode) throw fail('ENOENT')
      here = inode
    }
    return { folder: here.parent, name: dots, key: '', inode: here }
  }

  #start(path: string): [Inode, string[]] {
    const [, fd, rest] = PROC.exec(path) ?? []
    if (fd === undefined) return [this.root, parts(path)]
    const inode = this.opened(Number(fd))
    if (!inode) throw systemError('ENOENT', 'open', path)
    return [inode, parts(rest ?? '')]
  }

  /** ENAMETOOLONG for a name that no folder takes; one that was removed itself is not even asked. */
  measure(call: string, { folder, name }: Pick<Found, 'folder' | 'name'>): void {
    if (folder.nlink > 0 && Buffer.byteLength(name) > 255) throw systemError('ENAMETOOLONG', call, name)
  }

  /** What stands at `path`, or ENOENT. */
  get(call: string, path: string, follow: boolean): Inode {
    const { inode } = this.find(call, path, follow)
    if (!inode) throw systemError('ENOENT', call, path)
    return inode
  }

  /** A name that is free, or EEXIST. */
  free(call: string, path: string): Found {
    const found = this.find(call, path, false)
    if (found.inode) throw systemError('EEXIST', call, path)
    return found
  }

  /** Gives `inode` the name. ENOENT in a folder that was removed itself. */
  attach({ folder, key, name }: Found, inode: Inode, now: number): Edit {
    if (folder.nlink === 0) throw systemError('ENOENT', 'open', name)
    folder.entries.set(key, { name, inode })
    inode.nlink++
    if (inode.kind === 'directory') {
      inode.parent = folder
      inode.name = name
    }
    folder.mtimeMs = folder.ctimeMs = inode.ctimeMs = now
    return { folder, key, name, inode }
  }

  /** Takes the name away from what has it. */
  detach({ folder, key, name, inode }: Found, now: number): Edit {
    folder.entries.delete(key)
    if (inode) {
      inode.nlink--
      inode.ctimeMs = now
    }
    folder.mtimeMs = folder.ctimeMs = now
    return { folder, key, name, inode: undefined }
  }

  /** Whether `folder` is `ancestor` or below it. */
  isWithin(folder: Inode, ancestor: Inode): boolean {
    for (let here = folder; ; here = here.parent) {
      if (here === ancestor) return true
      if (here === here.parent) return false
    }
  }

  /** The path of a folder. */
  pathOf(folder: Inode): string {
    let path = ''
    for (let here = folder; here !== this.root; here = here.parent) {
      path = `/${here.name}${here.nlink === 0 ? ' (deleted)' : ''}${path}`
    }
    return path === '' ? '/' : path
  }

  /** A path without `/proc/self/fd/N`. */
  plain(path: string): string {
    const [, fd, rest] = PROC.exec(path) ?? []
    const folder = fd === undefined ? undefined : this.opened(Number(fd))
    return folder ? this.join(folder, rest === '.' || rest === undefined ? '' : rest) : path
  }

  join(folder: Inode, name: string): string {
    const path = this.pathOf(folder)
    if (name === '') return path
    return path === '/' ? `/${name}` : `${path}/${name}`
  }

  /** The path of what `path` leads to, all links followed. */
  real(path: string): string {
    const found = this.find('realpath', path, true)
    if (!found.inode) throw systemError('ENOENT', 'realpath', path)
    return found.key === '' ? this.pathOf(found.inode) : this.join(found.folder, this.#spelling(found))
  }

  #spelling({ folder, key, name }: Found): string {
    return folder.entries.get(key)?.name ?? name
  }

  /** Everything below the root, a folder before what is in it. */
  *all(folder = this.root, above = ''): Generator<[path: string, inode: Inode]> {
    for (const { name, inode } of folder.entries.values()) {
      const path = `${above}/${name}`
      yield [path, inode]
      if (inode.kind === 'directory') yield* this.all(inode, path)
    }
  }
}

const PROC = /^\/proc\/self\/fd\/(\d+)(?:\/(.*))?$/s

/** The names of a path, the first one last. */
function parts(path: string): string[] {
  return path
    .split('/')
    .filter((part) => part !== '')
    .reverse()
}
