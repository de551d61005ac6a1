import { printable, SluiceError } from '../../errors.js'
import { diskError } from '../disk/disk-error.js'
import { copyFile, moveWritten } from '../disk/move-file.js'
import { nameOf, parentOf } from '../disk/names.js'
import { sameInode, unlinkIfThere } from '../disk/stats.js'
import { temporaryName } from '../own/temporary-name.js'
import type { Tree } from '../tree/tree.js'
import { partPathOf } from './collect-part.js'
import type { LeftPart, TakeOverOptions } from './take-over.js'

/**
 * Copies of parts that take their places. A process that cannot be looked at may have been suspended only: what it
 * still writes when it wakes up must go to a file that has no name any more.
 */
export class PartCopies {
  readonly #tree: Tree
  readonly #options: Pick<TakeOverOptions, 'signal' | 'warn'>
  /** The names of those that did not take their places yet. */
  readonly #names = new Map<LeftPart, string>()
  /** The folders in which copies took their places. */
  readonly #folders = new Set<string>()

  constructor(tree: Tree, options: Pick<TakeOverOptions, 'signal' | 'warn'>) {
    this.#tree = tree
    this.#options = options
  }

  /** Copies a part, which has the stats of the copy from now on; false if that cannot be done. */
  async make(part: LeftPart): Promise<boolean> {
    const { signal, warn } = this.#options
    const { fs } = this.#tree
    this.#names.set(part, temporaryName({ prefix: nameOf(part.file.target) }))
    try {
      part.stats = await this.#within(part, async (from, to) => {
        const { source, written } = await copyFile(fs, from, to, true, () => signal?.throwIfAborted())
        if (!sameInode(source, part.stats)) throw changed(part)
        return written
      })
      return true
    } catch (error) {
      if (!warn || signal?.aborted) throw error
      warn(diskError(error, 'copy', partPathOf(part.file)))
      return false
    }
  }

  /** Gives a copy the name of its part. */
  async place(part: LeftPart): Promise<void> {
    if (!this.#names.has(part)) return
    await this.#within(part, (to, from) => moveWritten(this.#tree.fs, from, to, part.stats))
    this.#names.delete(part)
    this.#folders.add(parentOf(part.file.target))
  }

  /** Makes the names last that copies got; false if that cannot be done. */
  async sync(): Promise<boolean> {
    try {
      for (const folder of this.#folders) await this.#tree.sync(folder)
      return true
    } catch (error) {
      this.#options.warn?.(diskError(error, 'sync copies of parts in', this.#tree.root))
      return false
    }
  }

  /** Removes those that did not take their places. */
  async drop(): Promise<void> {
    for (const part of this.#names.keys())
      await this.#within(part, (_part, copy) => unlinkIfThere(this.#tree.fs, copy)).catch(() => {})
  }

  #within<T>(part: LeftPart, act: (part: string, copy: string) => Promise<T>): Promise<T> {
    const { target, part: name } = part.file
    return this.#tree.within(parentOf(target), (folder) =>
      act(folder.at(name), folder.at(this.#names.get(part)!)),
    )
  }
}

function changed({ file }: LeftPart): SluiceError {
  const path = partPathOf(file)
  const message = `${printable(path)} became another file while it was copied`
  return new SluiceError('ERR_SOURCE_CHANGED', message, { path })
}
