import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pickKnown } from '../../lib/options.js'
import { FINALIZER_OPTIONS } from '../../lib/stages/finalizer/options.js'
import { type FinalizerOptions, finalizer } from '../../lib/stages/finalizer.js'
import { PART_SINK_OPTIONS } from '../../lib/stages/part-sink/options.js'
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
  const last = finalizer(pickKnown(options, FINALIZER_OPTIONS))
  const sink = partSink(pickKnown(options, PART_SINK_OPTIONS))
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
