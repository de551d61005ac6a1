import { createDigest } from '../../digest/digests.js'
import { isSluiceError, type SluiceError } from '../../errors.js'
import { diskError, systemCode } from '../../files/disk/disk-error.js'
import type { FileStats } from '../../files/disk/fs.js'
import { below, nameOf, parentOf } from '../../files/disk/names.js'
import { isFailedSync } from '../../files/disk/retry.js'
import { lstatIfThere } from '../../files/disk/stats.js'
import type { BarePart } from '../../files/part/bare-part.js'
import type { StandingFile } from '../../files/publish/publish.js'
import type { Entry } from '../../wire/entry.js'
import type { Claim, Part } from '../parts.js'
import type { Placement, PublishPolicy } from '../policy.js'
import { isSameVersion, type PublishedVersions } from '../published-versions.js'
import type { DiskStore } from './disk-store.js'
import { haveSameContent, isStill, standsByTime } from './standing-files.js'
import type { StandingPart } from './standing-part.js'

/** A file on its way in, that the journal knows. */
export class DiskPart implements Part {
  readonly entry: Entry
  readonly file: BarePart
  /** How many part names were tried. */
  tries = 0
  readonly #store: DiskStore
  /** Where nothing may be written, but it stands there already. */
  #standing: StandingPart | undefined

  constructor(entry: Entry, file: BarePart, store: DiskStore) {
    this.entry = entry
    this.file = file
    this.#store = store
  }

  /** As far as it was written before, by its size. */
  get claim(): Claim {
    const { end } = this.file.extent
    return { part: this, ranges: end > 0 ? [{ start: 0, end }] : [] }
  }

  async write(offset: number, buffers: readonly Buffer[], ends: boolean): Promise<void> {
    if (this.#standing) return this.#standing.write(offset, buffers)
    const { parts } = this.#store
    const write = () => this.file.write(offset, buffers, { seal: ends })
    try {
      await (this.file.exists ? write() : parts.begin(this, write))
    } catch (error) {
      const failure = await parts.explain(this.#failure(error), this.entry)
      this.#standing = this.file.exists ? undefined : await this.#store.standing(this.entry, failure)
      if (!this.#standing) throw failure
      await this.#standing.write(offset, buffers)
    }
  }

  /** Says of the file, which the user knows, what failed on the disk with its part. */
  #failure(error: unknown): SluiceError {
    const isOfPart =
      isSluiceError(error) && error.path === this.file.partPath && systemCode(error) !== undefined
    return diskError(isOfPart ? error.cause : error, 'write', this.entry.path)
  }

  read(position: number, into: Buffer): Promise<void> {
    return this.#standing ? this.#standing.read(position, into) : this.file.read(position, into)
  }

  async digest(algorithm: string, signal?: AbortSignal): Promise<Buffer> {
    return this.#standing?.digest(algorithm, signal) ?? this.file.digest(createDigest(algorithm), signal)
  }

  async publish(policy: PublishPolicy): Promise<Placement> {
    const { file } = this
    await this.#store.parts.check()
    await this.#store.brought?.recall()
    if (this.#standing) return this.#ended(await this.#standing.publish())
    await file.seal()
    const { brought } = this.#store
    // before it has its name: from then on another file of this transfer may find it there
    if (file.written) brought?.add(file.written)
    const folder = parentOf(file.path)
    const { versions } = this.#store
    const sealed = versions && (await this.#sealed())
    const { how, name, warning } = await file.complete({
      conflict: policy.conflict,
      durability: policy.durability,
      isThere: async (there) => {
        if (!(await this.#isThere(there, policy))) return false
        const standing = { ...there, path: below(folder, nameOf(there.path)) }
        return this.#store.take(standing) && isStill(this.#store.fs, standing, there.path)
      },
      suffixes: this.#store.suffixesFor(this.entry, file.written!.size),
      replacing: (there, replace) => this.#store.replacing(file.path, there, replace),
      isOlder: (there, name) => versions?.isUntouched(this.entry.path, below(folder, name), there) === true,
    })
    // what stood there before is nobody's version
    if (versions && sealed && how !== 'identical' && how !== 'skipped')
      await this.#noteVersion(versions, below(folder, name), sealed)
    const placement: Placement = { name: below(folder, name), warning }
    if (how === 'identical' && policy.unless !== 'nothing') placement.skipped = policy.unless
    if (how === 'skipped') placement.skipped = 'conflict'
    return this.#ended(placement)
  }

  /** The part as it will be under its name; undefined if it has that already. */
  #sealed(): Promise<FileStats | undefined> {
    return this.#look(this.file.partPath)
  }

  /** The file that was sealed has its name, and is what it was then. */
  async #noteVersion(versions: PublishedVersions, path: string, sealed: FileStats): Promise<void> {
    // where it cannot be seen, the next one is dealt with by the policy
    const named = await this.#look(path).catch(() => undefined)
    if (named && isSameVersion(sealed, named)) versions.note(this.entry.path, path, named)
  }

  #look(path: string): Promise<FileStats | undefined> {
    return this.#store.within(parentOf(path), (folder) =>
      lstatIfThere(this.#store.fs, folder.at(nameOf(path))),
    )
  }

  async #ended(placement: Placement): Promise<Placement> {
    const { name } = placement
    const end = {
      state: 'completed',
      part: this.#left,
      ...(name !== undefined && name !== this.entry.path && { name }),
    } as const
    await this.#store.parts.ended(this.entry, end)
    return placement
  }

  async #isThere(there: StandingFile, { unless, signal }: PublishPolicy): Promise<boolean> {
    const { fs } = this.#store
    const { size } = this.file.written!
    if (unless === 'nothing') return false
    if (unless !== 'identical') return standsByTime(there, { size, mtime: this.entry.mtime }, unless)
    const { path, temporary, stats } = there
    return stats.size === size && haveSameContent(fs, [path, temporary], size, signal)
  }

  /** Where that fails, a later run does it. */
  async discard(failure: SluiceError): Promise<void> {
    await this.file.discard().catch(() => {})
    await this.#store.parts.ended(this.entry, { state: 'failed', code: failure.code, part: this.#left })
  }

  async keep(failure: SluiceError): Promise<void> {
    await this.file.close()
    const { parts } = this.#store
    const isSuspect = this.file.exists && isFailedSync(failure)
    const part = isSuspect ? 'suspect' : this.#left
    await parts.ended(this.entry, { state: 'failed', code: failure.code, part })
    // whoever reads it after this process finds it as it should be, whatever is on the disk
    if (isSuspect) await parts.sync()
  }

  get #left(): 'kept' | 'gone' {
    return this.file.exists ? 'kept' : 'gone'
  }
}
