import type { Readable } from 'node:stream'
import { isError, isSluiceError, printable, SluiceError } from '../errors.js'
import { errorCode } from '../files/disk/disk-error.js'
import type { Entry } from '../wire/entry.js'

/** What a source of a user's says of one of its entries. */
export interface SourceEntry {
  /** Default: 'file'. */
  type?: Exclude<Entry['type'], 'unreadable'> | undefined
  /** POSIX, relative, without `.` and `..`; valid UTF-8. */
  path: string
  /** Bytes of a file; `null` where it is not known beforehand, which only the last entry may be. */
  size?: number | null | undefined
  /** Milliseconds since 1970. Default: now. */
  mtime?: number | undefined
  /** Permission bits. Default: `null`, which is what the umask of the receiver leaves. */
  mode?: number | null | undefined
  /** Where a symbolic link points to. */
  target?: string | undefined
}

/** One file that is open for reading. */
export interface OpenSource {
  /**
   * Fills `buffer` from `offset` of the file. Called by `fileSource` before the bytes are sent; never again before it
   * has resolved. The buffer may be used again afterwards: it is not to be kept.
   * @throws SluiceError `ERR_SOURCE_CHANGED` if the file has fewer bytes, `ERR_SOURCE_READ`
   */
  read(offset: number, buffer: Buffer): Promise<void>
  /**
   * Resolves if the file is still what the entry says. Called by `fileSource` after the last byte of a range was read
   * and before it is sent.
   * @throws SluiceError `ERR_SOURCE_CHANGED`, `ERR_SOURCE_READ`
   */
  verify(): Promise<void>
  /** Called by `fileSource` once, on every path, after the call that is under way. */
  close(): Promise<void>
}

/**
 * Where the bytes of a manifest come from: a disk, memory, a database, a bucket, a tar. An entry is read by `open` if
 * it is rereadable, by `stream` otherwise; a store that has entries of one kind only leaves the other method out.
 *
 * What a method throws fails the file of which it was asked, and the others go on: a `SluiceError` as it is, anything
 * else as `ERR_SOURCE_READ` with it as the cause (see {@link sourceError}).
 */
export interface SourceStore {
  /** Whether the bytes of a file can be read more than once and from any offset. Called often; does not change. */
  rereadable(entry: Entry): boolean
  /**
   * Opens a file that is rereadable. Called by `fileSource` when it is the file's turn, and again for each range that
   * is asked for later. The store knows the version that each file had when it was listed (a time, a generation, an
   * etag), and refuses any other.
   * @param signal aborted when nobody waits for the file any more
   * @throws SluiceError `ERR_SOURCE_CHANGED` if it is not the one that was listed, `ERR_SOURCE_READ`
   */
  open?(entry: Entry, signal: AbortSignal): Promise<OpenSource>
  /**
   * The bytes of a file that is not rereadable. Called by `fileSource` once, when it is the file's turn. It is read to
   * its end, which must be at the size of the entry, and destroyed if it is left before.
   */
  stream?(entry: Entry): Readable | Promise<Readable>
  /**
   * Reads small whole files, all of them rereadable, one behind the other into `buffer`, which has the sum of their
   * sizes; checks each as `open` and `verify` do. Called by `fileSource` instead of those where the store has it: a
   * loop over many files costs less than a promise for each step of each.
   * @returns the files that failed, by the index of their entry; their bytes in the buffer may be anything
   */
  readRun?(
    entries: readonly Entry[],
    buffer: Buffer,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, Error>>
  /**
   * Lets everything go, also streams that nobody read. Called by `fileSource` when it is destroyed before its end, and
   * by `send` for a transfer that failed before; may be called more than once.
   */
  close?(): Promise<void> | void
}

/** Whether it has what a store of sources must have. */
export function isSourceStore(value: unknown): value is SourceStore {
  const { rereadable, open, stream } = (value ?? {}) as Partial<SourceStore>
  return typeof rereadable === 'function' && (typeof open === 'function' || typeof stream === 'function')
}

/** The same store for somebody who must not close it. */
export function lent(store: SourceStore): SourceStore {
  return {
    rereadable: (entry) => store.rereadable(entry),
    open: store.open && ((entry, signal) => store.open!(entry, signal)),
    stream: store.stream && ((entry) => store.stream!(entry)),
    readRun: store.readRun && ((entries, buffer, signal) => store.readRun!(entries, buffer, signal)),
  }
}

/** System codes that mean: what stood here is no longer there, or something else is. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENXIO', 'ESTALE'])

/**
 * What a failure to read means: a `SluiceError` stays what it is, a system code for "no longer there" becomes
 * `ERR_SOURCE_CHANGED`, everything else `ERR_SOURCE_READ`.
 */
export function sourceError(path: string, cause: unknown): SluiceError {
  if (isSluiceError(cause)) return cause
  const system = errorCode(cause)
  const why = system ?? (isError(cause) ? cause.message : String(cause))
  if (system !== undefined && GONE.has(system)) {
    const message = `${printable(path)} vanished, or something else took its place (${system})`
    return new SluiceError('ERR_SOURCE_CHANGED', message, { path, saysPath: true, cause })
  }
  const message = `cannot read ${printable(path)} (${printable(why, 200)})`
  return new SluiceError('ERR_SOURCE_READ', message, { path, saysPath: true, cause })
}

/** A file is not what it was when it was listed; `sizes` say what was expected and found. */
export function sourceChanged(path: string, sizes: { expected: unknown; found: unknown }): SluiceError {
  const message = `${printable(path)} changed after it was listed; send it again`
  return new SluiceError('ERR_SOURCE_CHANGED', message, { path, saysPath: true, ...sizes })
}
