import { dirname } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { errorCode, systemCode } from '../../files/disk/disk-error.js'
import type { FileSystem } from '../../files/disk/fs.js'
import type { Entry } from '../../wire/entry.js'

/** How much fits into the folder that a transfer arrives in. */
export class FreeSpace {
  readonly #fs: FileSystem
  readonly #dir: string

  constructor(fs: FileSystem, dir: string) {
    this.#fs = fs
    this.#dir = dir
  }

  /** Fails with `ERR_DISK_FULL`, both numbers in the message, if there is none for `bytes`. */
  async check(bytes: number): Promise<void> {
    const free = await this.free()
    if (free === undefined || free >= bytes) return
    const message = `${bytes} bytes do not fit into ${printable(this.#dir)}: ${free} bytes are free; make room`
    throw new SluiceError('ERR_DISK_FULL', message, { path: this.#dir, expected: bytes, found: free })
  }

  /**
   * Adds the numbers to an error of a full disk; gives any other as it is, also where they say nothing: of a quota, or
   * of inodes.
   */
  async explain(error: SluiceError, { path, size }: Entry): Promise<SluiceError> {
    if (error.code !== 'ERR_DISK_FULL' || systemCode(error) !== 'ENOSPC') return error
    const found = await this.free()
    if (found !== undefined && size !== null && found >= size) return error
    const needed = size === null ? 'it has a size that is not known' : `it has ${size} bytes`
    const message = `no room for ${printable(path)}: ${needed}, ${found} bytes are free; make room and run it again`
    return new SluiceError('ERR_DISK_FULL', message, {
      path,
      saysPath: true,
      expected: size,
      found,
      cause: error,
    })
  }

  /** Free bytes; undefined if the system does not say. */
  async free(): Promise<number | undefined> {
    // what is not there yet will be made on the disk of what is above it
    for (let path = this.#dir; ; path = dirname(path)) {
      try {
        return await this.#fs.free(path)
      } catch (error) {
        if (errorCode(error) !== 'ENOENT' || path === dirname(path)) return undefined
      }
    }
  }
}
