import type { OpenSource, SourceStore } from '../../stores/sources.js'
import type { Entry } from '../../wire/entry.js'
import type { Manifest } from '../manifest/builder.js'
import { openSource, readEach } from '../river/read-files.js'

/** The manifests of all offers of a transfer, in their order, as one: what is offered over another connection. */
export function joinedManifest(manifests: readonly Manifest[]): Manifest {
  const [first] = manifests
  if (manifests.length === 1) return first!
  const store = new JoinedSources()
  for (const manifest of manifests) store.add(manifest)
  const offers = manifests.map(({ offer }) => offer)
  const offer = {
    ...first!.offer,
    bytes: offers.reduce((sum, { bytes }) => sum + bytes, 0),
    entries: offers.flatMap(({ entries }) => entries),
  }
  return { offer, store, skipped: manifests.flatMap(({ skipped }) => skipped) }
}

/** The stores of all offers of a transfer as one: each is asked for the entries of its own offer. */
export class JoinedSources implements SourceStore {
  /** By the index of their first entry, ascending. */
  readonly #stores: { first: number; store: SourceStore }[] = []

  add({ offer: { first }, store }: Manifest): void {
    this.#stores.push({ first, store })
  }

  rereadable(entry: Entry): boolean {
    return this.#of(entry).rereadable(entry)
  }

  open(entry: Entry, signal: AbortSignal): Promise<OpenSource> {
    return openSource(this.#of(entry), entry, signal)
  }

  stream(entry: Entry) {
    const store = this.#of(entry)
    if (!store.stream) throw new TypeError('its store has no stream() for a file that is not rereadable')
    return store.stream(entry)
  }

  async readRun(
    entries: readonly Entry[],
    buffer: Buffer,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, Error>> {
    const failures = new Map<number, Error>()
    let used = 0
    for (let from = 0; from < entries.length && !signal.aborted; ) {
      const store = this.#of(entries[from]!)
      let end = from
      const start = used
      for (; end < entries.length && this.#of(entries[end]!) === store; end++) used += entries[end]!.size!
      const some = entries.slice(from, end)
      const bytes = buffer.subarray(start, used)
      from = end
      try {
        const failed = await (store.readRun?.(some, bytes, signal) ?? readEach(store, some, bytes, signal))
        for (const [index, why] of failed) failures.set(index, why as Error)
      } catch (error) {
        for (const { index } of some) failures.set(index, error as Error)
      }
    }
    return failures
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled(this.#stores.map(async ({ store }) => store.close?.()))
    const failed = closed.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
  }

  #of({ index }: Entry): SourceStore {
    let [low, high] = [0, this.#stores.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (this.#stores[middle]!.first <= index) low = middle
      else high = middle - 1
    }
    return this.#stores[low]!.store
  }
}
