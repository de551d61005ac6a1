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
 * `transformConformance`. It is the same each time, with the same id, times and digests.
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
