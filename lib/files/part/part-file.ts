import { basename, dirname } from 'node:path'
import { checkChoice, checkLocalPath, checkMode, checkObject, checkWhole } from '../../options.js'
import { diskError, SystemError } from '../disk/disk-error.js'
import { checkName, localTarget, nameOf, partCandidate } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { DURABILITIES } from '../publish/publish.js'
import { Tree } from '../tree/tree.js'
import { BarePart } from './bare-part.js'
import type { CompleteOptions, Folders, PartFileOptions } from './part-options.js'

export type { CompleteOptions, PartFileOptions }

/**
 * A file while it arrives: `name.part` beside `name` until it is complete; {@link publish} gives it the name. Its
 * handle belongs to the budget of its tree: it is closed if it was not used for a while, and opened again when it is
 * needed.
 *
 * ```ts
 * const part = await PartFile.open('inbox/report.pdf', { mtime })
 * await part.write(0, bytes)
 * if (expected.equals(await part.digest())) await part.complete({ conflict: 'rename' })
 * await part.close()
 * ```
 *
 * Fails with `ERR_USAGE` for wrong options, and with `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`,
 * `ERR_UNSAFE_LINK` and `ERR_WRITE` for failures of the disk.
 */
export class PartFile extends BarePart {
  readonly #options: PartFileOptions
  /** A tree that was opened only for this part, and is closed with it. */
  #own: Tree | undefined

  /** Used by {@link PartFile.open}. The part does not exist yet. */
  constructor(folders: Folders, path: string, options: PartFileOptions = {}) {
    super(folders, path, options)
    this.#options = options
  }

  /**
   * Opens the part of a file: a new one, or with `offset` an existing one.
   * @param where the path of the finished file, or its path below a tree; `ERR_PATH` if it does not end in a name
   */
  static async open(
    where: string | { tree: Folders; path: string },
    options: PartFileOptions = {},
  ): Promise<PartFile> {
    checkObject('the options of a part', options)
    checkWhole('offset', options.offset, 0)
    checkMode('mode', options.mode)
    checkWhole('mtime', options.mtime, Number.MIN_SAFE_INTEGER)
    checkChoice('durability', options.durability, DURABILITIES)
    if (typeof where === 'object' && where?.tree) {
      checkLocalPath('path', where.path)
      checkName(nameOf(where.path), where.tree.fs.platform, where.path)
      return PartFile.#begin(new PartFile(where.tree, where.path, options))
    }
    checkLocalPath('the path of a part', where)
    const file = localTarget('the path of a part', where)
    // a path that ends in a slash means a folder
    checkName(where.endsWith('/') ? '' : basename(where), (options.fs ?? nodeFileSystem).platform, where)
    const tree = await Tree.open(dirname(file), { fs: options.fs })
    const part = new PartFile(tree, basename(file), options)
    part.#own = tree
    return PartFile.#begin(part)
  }

  static async #begin(part: PartFile): Promise<PartFile> {
    const { offset, partName } = part.#options
    try {
      if (offset !== undefined) await part.#resume(offset)
      else
        for (let n = 1; !(await part.create()); n++) {
          if (partName !== undefined) throw new SystemError('EEXIST', 'open', partName)
          part.rename(partCandidate(nameOf(part.path), n))
        }
      return part
    } catch (error) {
      await part.close().catch(() => {})
      throw diskError(error, 'open the part of', part.path)
    }
  }

  /** Closes the handle; the part file stays. May be called twice. */
  override async close(): Promise<void> {
    await super.close()
    await this.#own?.close()
  }

  async #resume(offset: number): Promise<void> {
    const { fs } = this.folders
    await this.handle.use(async (fd) => {
      const { size } = await fs.fstat(fd)
      if (size < offset) throw new SystemError('EIO', 'open', `${size} bytes of ${offset} are there`)
      if (size > offset) await fs.ftruncate(fd, offset)
    })
    this.ranges.add(0, offset)
  }
}
