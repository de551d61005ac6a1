import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { digestLength, digestOf } from '../../lib/digest/digests.js'
import { collectLeftovers, type FileSystem, type Leftover, Tree } from '../../lib/files/index.js'
import { processSystem } from '../../lib/files/own/owner.js'
import { type FinalizerOptions, finalizer } from '../../lib/stages/finalizer.js'
import { type PartSinkOptions, partSink } from '../../lib/stages/part-sink.js'
import type { Item } from '../../lib/stages/river/items.js'
import { type Piece, Plan } from '../../lib/transfer/plan.js'
import { makeOffer } from '../../lib/wire/manifest.js'
import type { Outcome } from '../../lib/wire/outcome.js'
import { RunReader } from '../../lib/wire/run.js'

// A receive whose runs are columns, as a demuxer with a tap behind it makes them: what many small files come in.

/** Text or bytes are files, null is a folder. */
export type Files = Record<string, string | Buffer | null>

export interface ColumnOptions {
  /** Bytes of a run; sockets cut where they please. */
  run?: number
  modes?: Record<string, number>
  /** Files of which the sender says another digest. */
  wrong?: readonly string[]
}

const ALGORITHM = 'sha256'
export const MTIME = 1_600_000_000_123

export const bytesOf = (content: string | Buffer | null) => Buffer.from(content ?? '')

/** The items of a whole transfer. Made for one receive: the plan goes along. */
export function columnsOf(
  files: Files,
  { run = 1 << 20, modes = {}, wrong = [] }: ColumnOptions = {},
): Item[] {
  const offer = makeOffer(
    { id: 'ab'.repeat(16), name: 'columns', algorithm: ALGORITHM },
    Object.entries(files).map(([path, content]) => ({
      type: content === null ? ('directory' as const) : ('file' as const),
      path,
      size: bytesOf(content).length,
      mtime: MTIME,
      mode: modes[path] ?? (content === null ? 0o755 : 0o644),
    })),
  )
  const plan = new Plan()
  plan.add(offer)
  plan.want(offer.entries.length)
  const { entries } = plan
  const items: Item[] = [{ kind: 'offer', offer, plan }]
  const reader = new RunReader([Buffer.concat(Object.values(files).map(bytesOf))])
  const length = digestLength(ALGORITHM)
  const add = ({ position, first, last, offset, ends, length: bytes }: Piece) => {
    const count = last - first + 1
    // what does not end here nobody says anything of
    const ended = ends ? count : count - 1
    const seen = Buffer.alloc(count * length)
    const said = Buffer.alloc(ended * length)
    for (let at = 0; at < ended; at++) {
      const { type, path } = entries[first + at]!
      if (type !== 'file') continue
      const digest = digestOf(ALGORITHM, bytesOf(files[path]!))
      digest.copy(seen, at * length)
      if (wrong.includes(path)) said.fill(1, at * length, (at + 1) * length)
      else digest.copy(said, at * length)
      plan.answer(first + at)
    }
    const digests = { first, count, bytes: seen }
    const buffers = reader.take(bytes)
    items.push({ kind: 'run', position, length: bytes, buffers, entries, first, last, offset, ends, digests })
    if (ended > 0) items.push({ kind: 'digests', first, count: ended, bytes: said })
  }
  for (let position = 0; position < offer.bytes; position += run)
    for (const piece of plan.take(position, Math.min(run, offer.bytes - position))) add(piece)
  for (const piece of plan.pass()) add(piece)
  plan.end()
  items.push({ kind: 'end' })
  return items
}

export interface Received {
  outcomes: Outcome[]
  /** What was told while it ran, in order. */
  told: Outcome[]
  error?: Error & { code?: string }
}

/** Lets items flow through partSink and finalizer; gives what came of it when both are closed. */
export async function receiveColumns(
  items: readonly Item[],
  options: PartSinkOptions & FinalizerOptions,
): Promise<Received> {
  const told: Outcome[] = []
  const last = finalizer({
    ...options,
    onOutcome: async (batch) => {
      told.push(...batch)
      await options.onOutcome?.(batch)
    },
  })
  const sink = partSink(options)
  // pipeline() does not wait for streams that it destroys
  const closed = Promise.all(
    [sink, last].map((stream) => new Promise((resolve) => stream.once('close', resolve))),
  )
  try {
    await pipeline([Readable.from(items), sink, last])
    await closed
    return { told, outcomes: await last.outcomes }
  } catch (error) {
    await closed
    const outcomes = await last.outcomes.catch(() => (error as { outcomes?: Outcome[] }).outcomes ?? [])
    return { told, outcomes, error: error as Received['error'] }
  }
}

let boots = 0

/** Collects leftovers as the first process after a reboot, a day later: of those before it none is left. */
export async function collectAll(fs: FileSystem, dir: string): Promise<Leftover[]> {
  const boot = `boot ${++boots}`
  const read = (path: string) => (path.endsWith('boot_id') ? boot : processSystem.read(path))
  const now = () => Date.now() + 25 * 3600_000
  const tree = await Tree.open(dir, { fs })
  try {
    return await collectLeftovers(tree, { system: { ...processSystem, read }, now })
  } finally {
    await tree.close()
  }
}
