import { createDigest } from '../../digest/digests.js'
import { setMode, setTime } from '../../files/disk/attributes.js'
import { digestFile } from '../../files/disk/digest-file.js'
import { SystemError } from '../../files/disk/disk-error.js'
import { OPEN } from '../../files/disk/fs.js'
import { nameOf, parentOf } from '../../files/disk/names.js'
import { withRegular } from '../../files/disk/open-regular.js'
import { readFully, writeFully } from '../../files/disk/read-write.js'
import type { Tree } from '../../files/tree/tree.js'
import type { Entry } from '../../wire/entry.js'
import type { Part } from '../parts.js'
import type { Durability, Placement } from '../policy.js'

/**
 * A file that an earlier run has staged, whole and under its name: it is proved, and what differs is written over it.
 * Nobody sees it there, so that it may be wrong for a while.
 */
export class StagedFile implements Part {
  readonly #tree: Tree
  readonly #entry: Entry
  readonly #durability: Durability

  constructor(tree: Tree, entry: Entry, durability: Durability) {
    this.#tree = tree
    this.#entry = entry
    this.#durability = durability
  }

  async write(offset: number, buffers: readonly Buffer[]): Promise<void> {
    if (buffers.length === 0) return
    const { fs } = this.#tree
    await this.#with(async (fd) => void (await writeFully(fs, fd, buffers, offset)), OPEN.update)
  }

  async read(position: number, into: Buffer): Promise<void> {
    const found = await this.#with((fd) => readFully(this.#tree.fs, fd, into, position))
    if (found < into.length)
      throw new SystemError('EIO', 'read', `${found} of ${into.length} bytes stand at position ${position}`)
  }

  digest(algorithm: string, signal?: AbortSignal): Promise<Buffer> {
    return this.#with((fd) => digestFile(this.#tree.fs, fd, createDigest(algorithm), signal))
  }

  /** It has its name. */
  async publish(): Promise<Placement> {
    const { fs } = this.#tree
    const { mode, mtime } = this.#entry
    await this.#with(async (fd) => {
      await setTime(fs, fd, mtime)
      if (mode !== null) await setMode(fs, fd, mode)
      if (this.#durability === 'power') await fs.fsync(fd)
    }, OPEN.update)
    return {}
  }

  async discard(): Promise<void> {
    const { path } = this.#entry
    await this.#tree.within(parentOf(path), (folder) => this.#tree.fs.unlink(folder.at(nameOf(path))))
  }

  keep(): void {}

  #with<T>(act: (fd: number) => Promise<T>, flags: number = OPEN.read): Promise<T> {
    const { path } = this.#entry
    return this.#tree.within(parentOf(path), (folder) =>
      withRegular(this.#tree.fs, folder.at(nameOf(path)), act, flags),
    )
  }
}
