import type { OpenSource, SourceStore } from '../../stores/sources.js'
import type { Entry } from '../../wire/entry.js'
import type { PendingCalls } from '../river/pending-calls.js'
import { closeSource, openSource } from '../river/read-files.js'

/** The large file that is being read: it stays open between two pieces, until another one is read. */
export class LargeFile {
  readonly #store: SourceStore
  readonly #pending: PendingCalls
  readonly #signal: AbortSignal
  #file: { index: number; open: OpenSource } | undefined

  constructor(store: SourceStore, pending: PendingCalls, signal: AbortSignal) {
    this.#store = store
    this.#pending = pending
    this.#signal = signal
  }

  /**
   * Reads bytes of a file from `at` on, and closes it behind its last one.
   * @param isLast whether nothing of the file is read next: then it must be what it was when it was opened
   */
  read(entry: Entry, at: number, into: Buffer, isLast: boolean): Promise<void> {
    return this.#pending.of('read', entry.path, async () => {
      const open = await this.#open(entry)
      await open.read(at, into)
      if (isLast) await open.verify()
      if (at + into.length === entry.size) await this.close()
    })
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await closeSource(file?.open)
  }

  async #open(entry: Entry): Promise<OpenSource> {
    if (this.#file?.index === entry.index) return this.#file.open
    await this.close()
    const open = await openSource(this.#store, entry, this.#signal)
    this.#file = { index: entry.index, open }
    return open
  }
}
