import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { collectLeftovers, type FileSystem, type Leftover, Tree } from '../../lib/files/index.js'
import { processSystem } from '../../lib/files/own/owner.js'
import { type FinalizerOptions, finalizer } from '../../lib/stages/finalizer.js'
import { type PartSinkOptions, partSink } from '../../lib/stages/part-sink.js'
import type { Item } from '../../lib/stages/river/items.js'
import type { Outcome } from '../../lib/wire/outcome.js'

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
    outcomes.map(({ path, status, name, reason, code }) => [
      path,
      [status, name && `as ${name}`, reason, code].filter(Boolean).join(' '),
    ]),
  )
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
