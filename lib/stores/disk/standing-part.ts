import { createDigest } from '../../digest/digests.js'
import type { SluiceError } from '../../errors.js'
import { digestFile } from '../../files/disk/digest-file.js'
import { diskError, SystemError } from '../../files/disk/disk-error.js'
import { nameOf, parentOf } from '../../files/disk/names.js'
import { withRegular } from '../../files/disk/open-regular.js'
import { readFully } from '../../files/disk/read-write.js'
import { syncFile } from '../../files/disk/sync.js'
import type { OpenFolder } from '../../files/tree/tree.js'
import type { Entry } from '../../wire/entry.js'
import type { SkipReason } from '../../wire/outcome.js'
import type { Part } from '../parts.js'
import type { Placement, PublishPolicy, Unless } from '../policy.js'
import type { DiskStore } from './disk-store.js'
import { isStill, isWriteRefusal, type Standing, standingFiles, standsByTime } from './standing-files.js'

/**
 * What stands there already in the place of an entry whose folder was made: by its time, if that counts.
 * @param refusal why nothing can be written: then also what has its size, to be compared with what comes
 */
export async function standingPart(
  store: DiskStore,
  { unless, conflict }: PublishPolicy,
  entry: Entry,
  refusal?: SluiceError,
): Promise<StandingPart | undefined> {
  const { size, mtime } = entry
  const isLookedFor = refusal === undefined ? store.isByTime : isWriteRefusal(refusal)
  if (!isLookedFor || size === null || unless === 'nothing') return undefined
  const path = store.folders.pathOf(entry.path)
  const found: Standing[] = []
  await store.brought?.recall()
  await store.within(parentOf(path), async (folder) => {
    const suffixes = store.suffixesFor(entry, size)
    for await (const file of standingFiles(store.fs, folder, path, conflict, suffixes)) {
      // by its time it is taken at once: another one of the transfer that finds it looks further then
      const mayBe =
        unless === 'identical'
          ? file.stats.size === size
          : standsByTime(file, { size, mtime }, unless) && store.take(file)
      if (mayBe) found.push(file)
      // what has the size is still to be compared with what comes
      if (unless !== 'identical' && found.length > 0) break
    }
  })
  return found.length === 0 ? undefined : new StandingPart(store, found, unless, refusal)
}

/**
 * A file that stands there already in the place of a part: nothing is written. It is there by its time; or, where
 * nothing can be written, what comes is compared with it.
 */
export class StandingPart implements Part {
  readonly #store: DiskStore
  readonly #unless: Unless
  /** Those that are there by all that came until now. */
  #files: readonly Standing[]
  /** Why nothing can be written. */
  readonly #refusal: SluiceError | undefined

  constructor(store: DiskStore, files: readonly Standing[], unless: Unless, refusal?: SluiceError) {
    this.#store = store
    this.#files = files
    this.#unless = unless
    this.#refusal = refusal
  }

  async write(offset: number, buffers: readonly Buffer[]): Promise<void> {
    if (this.#unless !== 'identical') return
    const same: Standing[] = []
    for (const file of this.#files) if (await this.#holds(file, offset, buffers)) same.push(file)
    this.#files = same
    if (same.length === 0) throw this.#refusal
  }

  async read(position: number, into: Buffer): Promise<void> {
    const { fs } = this.#store
    const file = this.#files[0]!
    const found = await this.#within(file, (path) =>
      withRegular(fs, path, (fd) => readFully(fs, fd, into, position)),
    )
    if (found < into.length) throw this.#changed(file)
  }

  digest(algorithm: string, signal?: AbortSignal): Promise<Buffer> {
    const { fs } = this.#store
    return this.#within(this.#files[0]!, (path) =>
      withRegular(fs, path, (fd) => digestFile(fs, fd, createDigest(algorithm), signal)),
    )
  }

  async publish(): Promise<Placement> {
    const { fs, durability } = this.#store
    for (const file of this.#files) {
      const isThere = await this.#within(file, async (path, folder) => {
        if (this.#unless === 'identical' && !this.#store.take(file)) return false
        if (!(await isStill(fs, file, path))) return false
        if (durability === 'power') {
          await syncFile(fs, path)
          await folder.sync()
        }
        return true
      })
      if (isThere) return { name: file.path, skipped: this.#unless as SkipReason }
    }
    throw this.#refusal ?? this.#changed(this.#files[0]!)
  }

  #changed({ path }: Standing): SluiceError {
    return diskError(new SystemError('EBUSY', 'lstat', 'another program changed it meanwhile'), 'find', path)
  }

  /** Nothing was written. */
  discard(): void {}

  keep(): void {}

  #within<T>({ path }: Standing, work: (path: string, folder: OpenFolder) => Promise<T>): Promise<T> {
    return this.#store.within(parentOf(path), (folder) => work(folder.at(nameOf(path)), folder))
  }

  #holds(file: Standing, offset: number, buffers: readonly Buffer[]): Promise<boolean> {
    const { fs } = this.#store
    return this.#within(file, (path) =>
      withRegular(fs, path, async (fd) => {
        let at = offset
        for (const bytes of buffers) {
          const there = Buffer.allocUnsafe(bytes.length)
          if ((await readFully(fs, fd, there, at)) < bytes.length || !there.equals(bytes)) return false
          at += bytes.length
        }
        return true
      }),
    )
  }
}
