import { deepStrictEqual } from 'node:assert'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { deframer } from '../stages/deframer.js'
import { demuxer } from '../stages/demuxer.js'
import { fileSource } from '../stages/file-source.js'
import { framer } from '../stages/framer.js'
import { hashTap } from '../stages/hash-tap.js'
import { manifestOfEntries } from '../stages/manifest/manifest-from.js'
import type { Item } from '../stages/river/items.js'
import { type MemoryContents, memorySources } from '../stores/memory-sources.js'
import { cutsOf } from '../wire/run.js'

/** Some files, empty ones, and one in a folder. */
const SOME: MemoryContents = new Map([
  ['a.txt', Buffer.from('the first file')],
  ['empty', Buffer.alloc(0)],
  ['photos', null],
  ['photos/b.jpg', Buffer.alloc(5000, 'b')],
  ['photos/c.txt', Buffer.from('the last file')],
])

/**
 * What a file stage of a receiver is given of a transfer of these files, from the offer to the end: the input of
 * `transformConformance`. It is the same each time, with the same id, times and digests. What comes of it is compared
 * by {@link sameItems}.
 *
 * @param files the files by their paths; some small ones by default
 * @param bytes the most bytes of a run: 2000 by default
 */
export async function sampleItems(files: MemoryContents = SOME, bytes = 2000): Promise<Item[]> {
  const { entries, ...store } = memorySources(files)
  const fixed = Array.from(entries, (entry) => ({ ...entry, mtime: 0 }))
  const manifest = manifestOfEntries(fixed, store, { name: 'sample', id: '0'.repeat(32) })
  const items: Item[] = []
  await pipeline(
    fileSource(manifest, { maxRun: bytes }),
    hashTap(),
    framer({ maxFrame: bytes }),
    deframer(),
    demuxer(),
    hashTap(),
    new Writable({
      objectMode: true,
      write(item: Item, _encoding, callback) {
        items.push(item)
        callback()
      },
    }),
  )
  return items
}

/**
 * Throws an `AssertionError` unless these are the same items: the `same` of `transformConformance`. Of runs only their
 * cuts count: a stage may have made the run anew.
 */
export function sameItems(found: Item[], expected: Item[]): void {
  deepStrictEqual(found.map(shown), expected.map(shown))
}

function shown(item: Item): unknown {
  if (item.kind === 'offer') return { kind: item.kind, offer: item.offer }
  return item.kind === 'run' ? { kind: item.kind, cuts: [...cutsOf(item)] } : item
}
