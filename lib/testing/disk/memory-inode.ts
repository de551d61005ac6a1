import { constants } from 'node:os'
import type { FileStats } from '../../files/disk/fs.js'

/** What a {@link MemoryDisk} can hold. */
export type InodeKind = 'file' | 'directory' | 'symlink' | 'pipe'

const TYPE_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000, pipe: 0o010000 }

/**
 * The number of the root; the others follow. So large that one that is rounded to a `number` looks like its
 * neighbours, as on NTFS and on network disks.
 */
export const FIRST_INO = 1n << 62n

const EMPTY = Buffer.alloc(0)

/** What stands behind one name or several. Only the parts of its kind are used. */
export class Inode {
  /** Names that lead here; 0 after the last one is gone, while it may still be open. */
  nlink = 0
  /** Handles that are open on it. */
  opens = 0
  uid = 0
  gid = 0
  mtimeMs: number
  ctimeMs: number
  readonly birthtimeMs: number
  /** Content of a file, in the first `size` bytes; the rest is zeros. */
  data = EMPTY
  size = 0
  /** Names of a folder, by their folded form. */
  readonly entries = new Map<string, { name: string; inode: Inode }>()
  /** Of a folder: the one that it is in. */
  parent: Inode = this
  /** Of a folder: what it is called there. */
  name = ''
  /** Where a symbolic link leads. */
  target = ''

  constructor(
    readonly ino: bigint,
    readonly kind: InodeKind,
    public mode: number,
    now: number,
  ) {
    this.mtimeMs = now
    this.ctimeMs = now
    this.birthtimeMs = now
  }

  /** Makes `data` hold at least `size` bytes. */
  reserve(size: number): void {
    if (size <= this.data.length) return
    const grown = Buffer.alloc(Math.max(size, Math.min(this.data.length * 2, this.data.length + (1 << 26))))
    this.data.copy(grown, 0, 0, this.size)
    this.data = grown
  }

  write(bytes: Uint8Array, position: number): void {
    this.reserve(position + bytes.length)
    this.data.set(bytes, position)
    this.size = Math.max(this.size, position + bytes.length)
  }

  truncate(length: number): void {
    if (length < this.size) this.data.fill(0, length, this.size)
    else this.reserve(length)
    this.size = length
  }

  content(): Buffer {
    return Buffer.from(this.data.subarray(0, this.size))
  }

  stats(): FileStats {
    const { kind, ino, nlink, uid, gid, mtimeMs, ctimeMs, birthtimeMs } = this
    return {
      isFile: () => kind === 'file',
      isDirectory: () => kind === 'directory',
      isSymbolicLink: () => kind === 'symlink',
      size: kind === 'symlink' ? Buffer.byteLength(this.target) : this.size,
      mode: TYPE_BITS[kind] | this.mode,
      uid,
      gid,
      dev: 1n,
      ino,
      nlink: kind === 'directory' && nlink > 0 ? 2 + this.#folders() : nlink,
      mtimeMs,
      ctimeMs,
      birthtimeMs,
    }
  }

  #folders(): number {
    let count = 0
    for (const { inode } of this.entries.values()) if (inode.kind === 'directory') count++
    return count
  }
}

/** An error like those of Node's file system: `code`, `errno`, `syscall`, `path`. */
export function systemError(code: string, syscall: string, path?: string): NodeJS.ErrnoException {
  const numbers: Record<string, number> = constants.errno
  const error = new Error(`${code}: simulated, ${syscall}${path === undefined ? '' : ` '${path}'`}`)
  return Object.assign(error, { code, errno: -(numbers[code] ?? 1), syscall, path })
}
