import type { Readable } from 'node:stream'
import type { ExecutionContext } from 'ava'
import type { Code } from '../../lib/errors.js'
import { type FileSourceOptions, fileSource } from '../../lib/stages/file-source.js'
import type { Manifest } from '../../lib/stages/manifest/builder.js'
import { manifestOf } from '../../lib/stages/manifest/manifest-of.js'
import type { Item } from '../../lib/stages/river/items.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import type { MemoryDiskOptions } from '../../lib/testing/disk/memory-store.js'
import { randomContent } from '../../lib/testing/splits.js'
import { cutsOf, type Run } from '../../lib/wire/run.js'
import { failureIn } from './items.js'

export const KIB = 1024

export async function collect(stream: Readable): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of stream) items.push(item)
  return items
}

/** Reads a manifest of the disk to its end, and makes sure that no file was left open. */
export async function read(
  fs: MemoryDisk,
  manifest: Manifest,
  options: FileSourceOptions = {},
): Promise<Item[]> {
  const items = await collect(fileSource(manifest, options))
  allClosed(fs)
  return items
}

export function allClosed(fs: MemoryDisk): void {
  const open = fs.openHandles()
  if (open.length > 0) throw new Error(`left open: ${open.join(', ')}`)
}

export const runsOf = (items: Item[]): Run[] => items.filter((item) => item.kind === 'run')

/** The bytes of the runs, joined. */
export const bytesOf = (items: Item[]): Buffer =>
  Buffer.concat(runsOf(items).flatMap(({ buffers }) => buffers))

/** The content per path, whether it ended, and the failure. Checks what every run must be. */
export function filesOf(t: ExecutionContext, items: Item[]) {
  const files: Record<string, { text: string; ended: boolean; failure?: Code }> = {}
  const of = (path: string) => {
    files[path] ??= { text: '', ended: false }
    return files[path]
  }
  const [head] = items
  if (head?.kind !== 'offer') throw new Error('the offer is missing')
  const { entries } = head.plan
  for (const item of items) {
    if (item.kind === 'digests') {
      t.true(item.bytes.length === item.count * 32 && item.bytes.every((byte) => byte === 0))
      for (const index of item.failures!.keys()) {
        const file = of(entries[index]!.path)
        t.false(file.ended)
        file.failure = failureIn(item, index)
      }
    }
    if (item.kind !== 'run') continue
    t.is(item.entries, entries)
    let at = item.position
    for (const { entry, offset, bytes, last } of cutsOf(item)) {
      t.is(entry.start + offset, at, 'a run is contiguous')
      at += bytes.length
      const file = of(entry.path)
      t.is(file.failure, undefined, 'nothing follows a failure')
      t.false(file.ended)
      file.text += bytes.toString('latin1')
      file.ended = last
    }
    t.is(at - item.position, item.length)
  }
  t.deepEqual(items.at(-1), { kind: 'end' })
  return files
}

export const ended = (text: string) => ({ text, ended: true })
export const failed = (failure: Code, text = '') => ({ text, ended: false, failure })

/** `a` and `z` are small, `m` is small or large. */
export async function between(
  m: Buffer,
  options: MemoryDiskOptions = {},
): Promise<{ fs: MemoryDisk; manifest: Manifest; around: object }> {
  const fs = new MemoryDisk({ now: () => 1000, ...options })
  fs.put('/p/a', 'aaa')
  fs.put('/p/m', m)
  fs.put('/p/z', 'zzz')
  const around = { p: ended(''), 'p/a': ended('aaa'), 'p/z': ended('zzz') }
  return { fs, manifest: await manifestOf(['/p'], { fs }), around }
}

export const SMALL = randomContent(1000)
export const LARGE = randomContent(700 * KIB)
