import { isChunked } from '../../digest/chunks.js'
import type { SluiceError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import type { Basis } from '../../stores/claim.js'
import type { PartStore } from '../../stores/parts.js'
import type { Entry, Offer } from '../../wire/entry.js'
import { basisOf } from './answers.js'
import { BasisReader } from './basis-reader.js'

/** Older versions of files, which new ones are made of as far as they are the same. One is open at a time. */
export class Bases {
  readonly #store: PartStore
  readonly #warn: (warning: SluiceError) => void
  /** Those that were not opened yet. */
  readonly #found = new Map<number, Basis>()
  #open: { index: number; reader: BasisReader } | undefined

  constructor(store: PartStore, warn: (warning: SluiceError) => void) {
    this.#store = store
    this.#warn = warn
  }

  /** The entries of an offer of which there is one that was not opened yet. */
  of({ first, entries }: Offer): Entry[] {
    return [...this.#found.keys()].flatMap((index) => entries[index - first] ?? [])
  }

  /** Looks for those of files of an offer. */
  async find(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    if (!this.#store.basis || this.#store.features?.order === 'ascending') return
    for (const entry of entries) {
      signal.throwIfAborted()
      if (!isChunked(entry.size)) continue
      try {
        const basis = basisOf(await this.#store.basis(entry))
        if (basis && basis.size !== entry.size) this.#found.set(entry.index, basis)
      } catch (error) {
        // then all of the file comes
        this.#warn(diskError(error, 'look for an older version of', entry.path))
      }
    }
  }

  /** The basis of a file, read and cut; undefined if it cannot be read, or another one was asked for since. */
  async open(entry: Entry, signal: AbortSignal | undefined): Promise<BasisReader | undefined> {
    const { index } = entry
    if (this.#open?.index === index) return this.#open.reader
    const basis = this.#found.get(index)
    if (basis === undefined) return undefined
    this.#found.delete(index)
    await this.close()
    const reader = await BasisReader.open(entry, basis, signal)
    if (reader) this.#open = { index, reader }
    return reader
  }

  /** Closes the one that is open. */
  async close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.reader.close()
  }
}
