import { createDigest } from '../../digest/digests.js'
import type { SluiceError } from '../../errors.js'
import { digestFile } from '../../files/disk/digest-file.js'
import { diskError } from '../../files/disk/disk-error.js'
import type { FileSystem } from '../../files/disk/fs.js'
import { nameOf, parentOf } from '../../files/disk/names.js'
import { closing, openRegular } from '../../files/disk/open-regular.js'
import type { PartFile } from '../../files/part/part-file.js'
import type { Entry } from '../../wire/entry.js'
import type { Part, Placement, PublishPolicy } from '../parts.js'
import { isThereByTime } from '../publish-by-policy.js'
import type { JournaledParts } from './journaled-parts.js'

/** A file on its way in, that the journal knows. */
export class DiskPart implements Part {
  readonly entry: Entry
  readonly file: PartFile
  /** How many part names were tried. */
  tries = 0
  readonly #fs: FileSystem
  readonly #parts: JournaledParts

  constructor(entry: Entry, file: PartFile, fs: FileSystem, parts: JournaledParts) {
    this.entry = entry
    this.file = file
    this.#fs = fs
    this.#parts = parts
  }

  async write(offset: number, buffers: readonly Buffer[], ends: boolean): Promise<void> {
    const write = () => this.file.write(offset, buffers, { seal: ends })
    try {
      await (this.file.exists ? write() : this.#parts.begin(this, write))
    } catch (error) {
      throw await this.#parts.explain(diskError(error, 'write', this.entry.path), this.entry)
    }
  }

  digest(algorithm: string): Promise<Buffer> {
    return this.file.digest(createDigest(algorithm))
  }

  async publish(policy: PublishPolicy): Promise<Placement> {
    const { conflict, durability, unless } = policy
    const { entry, file } = this
    const { path } = entry
    const size = entry.size ?? (await file.size())
    const asked = nameOf(file.path)
    await this.#parts.check()
    const { how, name, warning } = await file.complete({
      conflict,
      durability,
      identical: async (there, ours) => {
        if (unless === 'nothing') return false
        if (unless === 'identical') return haveSameContent(this.#fs, there, ours, size, policy.algorithm)
        if (!there.endsWith(`/${asked}`)) return false
        const { size: standing, mtimeMs } = await this.#fs.lstat(there)
        const file = { size, mtime: entry.mtime }
        return isThereByTime({ size: standing, mtime: Math.floor(mtimeMs) }, file, unless)
      },
    })
    const folder = parentOf(file.path)
    const full = folder === '' ? name : `${folder}/${name}`
    const end = { state: 'completed', part: this.#left, ...(full !== path && { name: full }) } as const
    await this.#parts.ended(entry, end)
    const placement: Placement = { name: full, warning }
    if (how === 'identical' && unless !== 'nothing') placement.skipped = unless
    if (how === 'skipped') placement.skipped = 'conflict'
    return placement
  }

  /** Where that fails, a later run does it. */
  async discard(failure: SluiceError): Promise<void> {
    await this.file.discard().catch(() => {})
    await this.#parts.ended(this.entry, { state: 'failed', code: failure.code, part: this.#left })
  }

  async keep(failure: SluiceError): Promise<void> {
    await this.file.close()
    await this.#parts.ended(this.entry, { state: 'failed', code: failure.code, part: this.#left })
  }

  get #left(): 'kept' | 'gone' {
    return this.file.exists ? 'kept' : 'gone'
  }
}

/**
 * Whether what stands there has the content of our part, which is read for it: a file stage may have made something
 * else of what was sent.
 */
async function haveSameContent(
  fs: FileSystem,
  there: string,
  ours: string,
  size: number,
  algorithm: string,
): Promise<boolean> {
  const found = await digestAt(fs, there, size, algorithm)
  const wanted = found && (await digestAt(fs, ours, size, algorithm))
  return wanted?.equals(found!) ?? false
}

/** The digest of a regular file, if it has this size. */
async function digestAt(
  fs: FileSystem,
  path: string,
  size: number,
  algorithm: string,
): Promise<Buffer | undefined> {
  const { fd, stats } = await openRegular(fs, path)
  return closing(fs, fd, async () =>
    stats.size === size ? digestFile(fs, fd, createDigest(algorithm)) : undefined,
  )
}
