// What the interface of a store of parts promises to whoever writes one, watched in every case of the conformance
// suite.
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { type MemoryParts, memoryParts, type Part, type PartStore } from '../../../lib/index.js'
import { type PlacedContent, partStoreConformance } from '../../../lib/testing/index.js'
import type { Entry } from '../../../lib/wire/entry.js'
import { conforms } from '../../helpers/conforms.js'

const broken: string[] = []
/** Parts that were begun and not ended, and stores that were opened and not closed. */
let open = 0

/** A store in memory that takes its time, and takes down what it was not promised. */
class WatchedStore implements PartStore {
  readonly features = { order: 'ascending' } as const
  readonly #store: MemoryParts
  readonly #begun = new Set<string>()
  #running = 0
  #state: 'new' | 'expecting' | 'finished' | 'closed' = 'new'

  constructor(store: MemoryParts) {
    this.#store = store
    open++
  }

  expect(): Promise<void> {
    // once for each offer
    if (this.#state !== 'new' && this.#state !== 'expecting')
      broken.push(`expect() of a store that is ${this.#state}`)
    this.#state = 'expecting'
    return this.call('expect()', () => this.#store.expect?.(undefined!, 0))
  }

  begin(entry: Entry): Promise<Part> {
    const { path } = entry
    if (this.#begun.has(path)) broken.push(`begin() of ${path} once more`)
    this.#begun.add(path)
    open++
    return this.call('begin()', async () => new WatchedPart(this, entry, await this.#store.begin(entry)))
  }

  makeLink: PartStore['makeLink'] = (entry, policy) =>
    this.call('makeLink()', () => this.#store.makeLink!(entry, policy))

  async finish(): Promise<void> {
    await this.call('finish()', () => {})
    this.#state = 'finished'
  }

  async close(): Promise<void> {
    if (this.#running > 0) broken.push(`close() while ${this.#running} calls run`)
    if (this.#state === 'closed') broken.push('close() once more')
    this.#state = 'closed'
    open--
  }

  async call<T>(what: string, act: () => T): Promise<Awaited<T>> {
    if (this.#state !== 'expecting') broken.push(`${what} of a store that is ${this.#state}`)
    this.#running++
    try {
      await setImmediate()
      return await act()
    } finally {
      this.#running--
    }
  }
}

class WatchedPart implements Part {
  readonly #store: WatchedStore
  readonly #entry: Entry
  readonly #part: Part
  #isBusy = false
  #isEnded = false
  #writes = 0
  #length = 0

  constructor(store: WatchedStore, entry: Entry, part: Part) {
    this.#store = store
    this.#entry = entry
    this.#part = part
  }

  write(offset: number, buffers: readonly Buffer[], ends: boolean): Promise<void> {
    if (offset !== this.#length) this.#broke(`write() at ${offset} instead of ${this.#length}`)
    if (buffers.some(({ length }) => length === 0)) this.#broke('write() of an empty buffer')
    this.#writes++
    this.#length += buffers.reduce((sum, { length }) => sum + length, 0)
    return this.#call('write()', () => this.#part.write(offset, buffers, ends))
  }

  publish: Part['publish'] = async (policy) => {
    if (this.#length !== this.#entry.size) this.#broke(`publish() after ${this.#length} bytes`)
    if (this.#writes === 0) this.#broke('publish() without a write()')
    const placement = await this.#call('publish()', () => this.#part.publish(policy))
    this.#end()
    return placement
  }

  discard: Part['discard'] = async (failure) => {
    await this.#call('discard()', () => this.#part.discard(failure), 'closing')
    this.#end()
  }

  #end(): void {
    this.#isEnded = true
    open--
  }

  async #call<T>(what: string, act: () => T, when?: 'closing'): Promise<Awaited<T>> {
    if (this.#isBusy) this.#broke(`${what} while another call runs`)
    if (this.#isEnded) this.#broke(`${what} after its end`)
    this.#isBusy = true
    try {
      if (when !== 'closing') return await this.#store.call(what, act)
      await setImmediate()
      return await act()
    } finally {
      this.#isBusy = false
    }
  }

  #broke(what: string): void {
    broken.push(`${what} of ${this.#entry.path}`)
  }
}

function place() {
  const store = memoryParts()
  return {
    open: () => new WatchedStore(store),
    read: () =>
      new Map<string, PlacedContent>([
        ...[...store.files].map(([path, { bytes }]) => [path, bytes] as const),
        ...[...store.links].map(([path, target]) => [path, { target }] as const),
      ]),
  }
}

conforms(
  'a store that is called as it was promised',
  partStoreConformance(place, {
    open: () => open,
    after: () => assert.deepEqual(broken.splice(0), []),
  }),
)
