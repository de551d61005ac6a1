import { isBytes } from '../../options.js'
import { type OpenSource, type SourceStore, sourceChanged } from '../../stores/sources.js'
import type { Entry } from '../../wire/entry.js'

/** Files that are read at the same time. */
const AT_ONCE = 16

/** Opens a file that is rereadable. */
export async function openSource(
  store: Pick<SourceStore, 'open'>,
  entry: Entry,
  signal: AbortSignal,
): Promise<OpenSource> {
  if (!store.open) throw new TypeError('its store has no open() for a file that is rereadable')
  return store.open(entry, signal)
}

/**
 * Reads small whole files one behind the other into `buffer`, for a store that does not do so itself.
 * @returns the files that failed, by the index of their entry
 */
export async function readEach(
  store: Pick<SourceStore, 'open'>,
  files: readonly Entry[],
  buffer: Buffer,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, unknown>> {
  const failures = new Map<number, unknown>()
  let next = 0
  let used = 0
  const readOn = async () => {
    while (next < files.length && !signal.aborted) {
      const entry = files[next++]!
      const from = used
      used += entry.size!
      try {
        await readWhole(await openSource(store, entry, signal), buffer.subarray(from, from + entry.size!))
      } catch (error) {
        failures.set(entry.index, error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, files.length) }, readOn))
  return failures
}

async function readWhole(source: OpenSource, into: Buffer): Promise<void> {
  try {
    await source.read(0, into)
    await source.verify()
  } finally {
    await closeSource(source)
  }
}

/** What was read is not worth less when it cannot be closed. */
export async function closeSource(source: OpenSource | undefined): Promise<void> {
  await source?.close().catch(() => {})
}

/**
 * The bytes of a file that is a stream, at most as many at once as `most` gives each time. Those that reach its size
 * are held back until the stream has ended there. Destroys the stream when it is left before, and when `signal` aborts,
 * since it may be silent for as long as it likes.
 */
export async function* readToEnd(
  store: SourceStore,
  entry: Entry,
  most: () => number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { size, path } = entry
  if (!store.stream) throw new TypeError('its store has no stream() for a file that is not rereadable')
  const given = store.stream(entry)
  // one that fails before it is read must not end the process; the failure is met below
  if (given && 'on' in given) given.on('error', () => {})
  const stream = await given
  if (stream === null || typeof stream !== 'object') throw new TypeError('its store gave no stream')
  // the loop below would take an end that others saw for an empty file
  if (stream.readableEnded || stream.destroyed) throw stream.errored ?? new Error('it was read before')
  if (stream.readableEncoding)
    throw new TypeError(`it has an encoding (${stream.readableEncoding}): ${AS_TEXT}`)
  let found = 0
  let held: Buffer | undefined
  const leave = () => void stream.destroy?.()
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave)
  try {
    for await (const chunk of stream) {
      const bytes = bytesOf(chunk)
      for (let from = 0; from < bytes.length; ) {
        const some = bytes.subarray(from, from + most())
        from += some.length
        found += some.length
        if (size !== null && found > size) throw sourceChanged(path, { expected: size, found })
        if (found === size) held = some
        else yield some
      }
    }
  } finally {
    signal.removeEventListener('abort', leave)
  }
  if (size !== null && found < size) throw sourceChanged(path, { expected: size, found })
  if (held) yield held
}

const AS_TEXT = 'setEncoding() makes text of bytes, and what is no text is lost'

function bytesOf(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  if (isBytes(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  throw new TypeError('the stream gives objects, not bytes')
}
