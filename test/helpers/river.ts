import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { digestOf } from '../../lib/digest/digests.js'
import { type FinalizerOptions, finalizer } from '../../lib/stages/finalizer.js'
import type { Cut, Item, SentDigest } from '../../lib/stages/items.js'
import type { Outcome } from '../../lib/stages/outcomes.js'
import { type PartSinkOptions, partSink } from '../../lib/stages/part-sink.js'
import { makeOffer, type Offer } from '../../lib/wire/manifest.js'

/** Text or bytes are files, null is a folder, `{ target }` a symbolic link. */
export type Content = string | Buffer | null | { target: string }

export interface RiverOptions {
  /** Transfer id: 32 hexadecimal digits. */
  id?: string
  algorithm?: string
  /** Bytes of a cut, and of a run, at most. */
  cut?: number
  run?: number
  /** Whether the digest of a file is on its last cut, as `hashTap` puts it there. */
  tapped?: boolean
  mode?: number
  modes?: Record<string, number>
}

export const MTIME = 1_600_000_000_123

export function offerOf(files: Record<string, Content>, options: RiverOptions = {}): Offer {
  const { id = 'ab'.repeat(16), algorithm = 'sha256', mode = 0o644, modes = {} } = options
  const entries = Object.entries(files).map(([path, content]) => {
    const common = { path, mtime: MTIME, mode: modes[path] ?? (content === null ? 0o755 : mode) }
    if (content === null) return { ...common, type: 'directory' as const, size: 0 }
    if (typeof content === 'object' && 'target' in content) {
      return { ...common, type: 'symlink' as const, size: 0, target: content.target }
    }
    return { ...common, type: 'file' as const, size: Buffer.byteLength(content) }
  })
  return makeOffer({ id, name: 'test', algorithm }, entries)
}

/** The items that bring these files, in runs, with their digests after each run that ends some. */
export function itemsOf(files: Record<string, Content>, options: RiverOptions = {}): Item[] {
  const { algorithm = 'sha256', cut: most = 1 << 20, run: runBytes = 1 << 20, tapped = true } = options
  const offer = offerOf(files, options)
  const items: Item[] = [{ kind: 'offer', offer }]
  let cuts: Cut[] = []
  let position = 0
  let length = 0
  let digests: SentDigest[] = []
  const flush = () => {
    if (cuts.length > 0) items.push({ kind: 'run', position, length, cuts })
    if (digests.length > 0) items.push({ kind: 'digests', digests })
    position += length
    length = 0
    cuts = []
    digests = []
  }
  for (const entry of offer.entries) {
    const content = files[entry.path]!
    const bytes = bytesOf(content)
    let offset = 0
    do {
      const piece = bytes.subarray(offset, offset + Math.min(most, runBytes - length))
      const last = offset + piece.length === bytes.length
      const cut: Cut = { entry, offset, bytes: piece, last }
      if (last && entry.type === 'file') {
        const digest = digestOf(algorithm, bytes)
        if (tapped) cut.digest = digest
        digests.push({ entry, digest })
      }
      cuts.push(cut)
      offset += piece.length
      length += piece.length
      if (length >= runBytes || cuts.length >= 256) flush()
    } while (offset < bytes.length)
  }
  flush()
  return items
}

export function bytesOf(content: Content): Buffer {
  if (Buffer.isBuffer(content)) return content
  return Buffer.from(typeof content === 'string' ? content : '')
}

export interface Received {
  outcomes: Outcome[]
  error?: Error & { code?: string; outcomes?: Outcome[] }
}

/** Lets items flow through partSink and finalizer; gives what came of it, and the error if it failed. */
export async function receiveItems(
  items: Iterable<Item> | AsyncIterable<Item>,
  options: PartSinkOptions & FinalizerOptions,
  between: Transform[] = [],
): Promise<Received> {
  const last = finalizer(options)
  const sink = partSink(options)
  // pipeline() does not wait for streams that it destroys
  const closed = Promise.all(
    [sink, last].map((stream) => new Promise((resolve) => stream.once('close', resolve))),
  )
  try {
    await pipeline([Readable.from(items), ...between, sink, last])
    await closed
    return { outcomes: await last.outcomes }
  } catch (error) {
    await closed
    const outcomes = await last.outcomes.catch(() => [])
    return { outcomes, error: error as Received['error'] }
  }
}

export function statuses(outcomes: readonly Outcome[]): Record<string, string> {
  return Object.fromEntries(
    outcomes.map(({ path, status, name, reason, error }) => [
      path,
      [status, name && `as ${name}`, reason, error?.code].filter(Boolean).join(' '),
    ]),
  )
}
