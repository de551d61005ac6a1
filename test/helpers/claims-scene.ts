import { digestOf } from '../../lib/digest/digests.js'
import type { FileSystem } from '../../lib/files/disk/fs.js'
import { collectLeftovers, Tree } from '../../lib/files/index.js'
import { DiskStore } from '../../lib/stores/disk/disk-store.js'
import type { DiskPartsOptions } from '../../lib/stores/disk/options.js'
import type { Claim, Part, PartStore } from '../../lib/stores/parts.js'
import type { PublishPolicy } from '../../lib/stores/policy.js'
import type { MemoryDisk } from '../../lib/testing/index.js'
import type { Entry } from '../../lib/wire/entry.js'
import { Machine } from './machine.js'

// Receivers that find what others left.

export const POLICY: PublishPolicy = {
  conflict: 'rename',
  unless: 'identical',
  durability: 'crash',
  algorithm: 'sha256',
}

/** Files in order, with what they are to contain. */
export function entriesOf(contents: Record<string, Buffer>, more: Partial<Entry> = {}): Entry[] {
  let start = 0
  return Object.entries(contents).map(([path, { length }], index) => {
    const entry: Entry = { index, type: 'file', path, size: length, start, mtime: 5000, mode: null, ...more }
    start += length
    return entry
  })
}

/** A machine whose processes receive into one folder. */
export class Receivers {
  readonly machine = new Machine()
  readonly warnings: Error[] = []
  readonly #dir: string
  #pid = 0

  constructor(dir = '/d') {
    this.#dir = dir
  }

  /** A store in a process of its own; what was begun in one before it, and is not closed, is what a live one holds. */
  start(fs: FileSystem, options: Partial<DiskPartsOptions> = {}): DiskStore {
    const system = this.machine.start(++this.#pid)
    return new DiskStore({
      dir: this.#dir,
      fs,
      durability: 'crash',
      handles: 16,
      warn: (warning) => this.warnings.push(warning),
      ownership: { system },
      ...options,
    })
  }

  /** All are dead, and a day later somebody collects what they left. */
  async collect(fs: FileSystem): Promise<void> {
    this.kill()
    const tree = await Tree.open(this.#dir, { fs })
    const now = () => Date.now() + 25 * 3_600_000
    await collectLeftovers(tree, { system: this.machine.start(++this.#pid), now })
    await tree.close()
    this.kill()
  }

  /** All processes that were started are dead. */
  kill(): void {
    for (const pid of this.machine.living.keys()) this.machine.end(pid)
  }
}

/** Begins files, and writes the first bytes of each. */
export async function beginSome(
  store: PartStore,
  entries: readonly Entry[],
  pieces: readonly Buffer[],
): Promise<Part[]> {
  const parts: Part[] = []
  for (const [i, entry] of entries.entries()) {
    const part = await store.begin(entry)
    await part.write(0, [pieces[i]!], false)
    parts.push(part)
  }
  return parts
}

/** What stands in a claim, read back. */
export async function claimed({ part, ranges }: Claim): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (const { start, end } of ranges) {
    const into = Buffer.alloc(end - start)
    await part.read!(start, into)
    pieces.push(into)
  }
  return Buffer.concat(pieces)
}

/**
 * Ends a file as a transfer does that goes on with what was claimed: proved, what is wrong or missing written, named.
 */
export async function complete(store: PartStore, entry: Entry, content: Buffer, claim?: Claim) {
  const { part, ranges } = claim ?? { part: await store.begin(entry), ranges: [] }
  let at = 0
  for (const { start, end } of [...ranges, { start: content.length, end: content.length }]) {
    if (start > at) await part.write(at, [content.subarray(at, start)], false)
    const there = Buffer.alloc(end - start)
    if (end > start) await part.read!(start, there)
    const right = content.subarray(start, end)
    if (!there.equals(right)) await part.write(start, [right], false)
    at = end
  }
  const digest = await part.digest!(POLICY.algorithm)
  if (!digest.equals(digestOf(POLICY.algorithm, content))) throw new Error(`${entry.path}: another digest`)
  return part.publish(POLICY)
}

/** A whole transfer, that goes on with what it finds; gives how many bytes were claimed. */
export async function receiveAll(
  store: PartStore,
  contents: Record<string, Buffer>,
  more: Partial<Entry> = {},
): Promise<number> {
  const entries = entriesOf(contents, more)
  let bytes = 0
  try {
    const claims = await store.claims!(entries)
    for (const entry of entries) {
      const claim = claims.get(entry.index)
      for (const { start, end } of claim?.ranges ?? []) bytes += end - start
      await complete(store, entry, contents[entry.path]!, claim)
    }
    await store.sync?.()
    await store.finish?.()
  } finally {
    await store.close?.()
  }
  return bytes
}

/** The files on a disk below a folder, with their content. */
export function filesIn(disk: MemoryDisk, dir = '/d'): Record<string, string> {
  const files = [...disk.snapshot()].filter(([path]) => path.startsWith(`${dir}/`))
  return Object.fromEntries(files.map(([path, bytes]) => [path.slice(dir.length + 1), bytes.toString()]))
}
