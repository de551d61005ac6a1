import type { Readable } from 'node:stream'
import { printable, SluiceError } from '../errors.js'
import { errorCode } from '../files/disk/disk-error.js'
import { type FileStats, type FileSystem, openRegular, readFully } from '../files/disk/fs.js'
import type { Entry } from '../wire/manifest.js'
import type { Clock } from './clock.js'
import { patiently } from './patience.js'

/** A file as it was when the manifest was made. */
export interface SourcePath {
  path: string
  dev: number
  ino: number
  mtimeMs: number
}

/** Where the bytes of a file come from. */
export type Source = SourcePath | { stream: Readable }

/** System codes that mean: what stood here is no longer there, or something else is. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENXIO', 'ESTALE'])

/**
 * A file of the manifest, open for reading. It must be the same as in the manifest when it is opened, and not change
 * until `verify`. All methods fail with `ERR_SOURCE_CHANGED` or `ERR_SOURCE_READ`.
 */
export class SourceFile {
  readonly #fs: FileSystem
  readonly #path: string
  readonly #fd: number
  readonly #opened: FileStats

  private constructor(fs: FileSystem, path: string, fd: number, opened: FileStats) {
    this.#fs = fs
    this.#path = path
    this.#fd = fd
    this.#opened = opened
  }

  static async open(
    { path, dev, ino, mtimeMs }: SourcePath,
    { size }: Entry,
    { fs, ...patience }: { fs: FileSystem; clock: Clock; signal: AbortSignal },
  ): Promise<SourceFile> {
    const { fd, stats } = await patiently(() => openRegular(fs, path), patience).catch(failing(path))
    const file = new SourceFile(fs, path, fd, stats)
    const same = stats.dev === dev && stats.ino === ino && stats.mtimeMs === mtimeMs
    if (same && stats.size === size) return file
    await file.close()
    throw changed(path, { expected: size, found: stats.size })
  }

  /** Fills `into` from `offset`: less than that means that the file was cut, and is never filled up. */
  async read(into: Uint8Array, offset: number): Promise<void> {
    const got = await readFully(this.#fs, this.#fd, into, offset).catch(failing(this.#path))
    if (got < into.length) {
      throw changed(this.#path, { expected: offset + into.length, found: offset + got })
    }
  }

  /** That it did not change since it was opened. The change time tells even where the other times were put back. */
  async verify(): Promise<void> {
    const { size, mtimeMs, ctimeMs } = await this.#fs.fstat(this.#fd).catch(failing(this.#path))
    const before = this.#opened
    if (size !== before.size || mtimeMs !== before.mtimeMs || ctimeMs !== before.ctimeMs) {
      throw changed(this.#path, { expected: before.size, found: size })
    }
  }

  /** What was read is not worth less when the handle cannot be closed. */
  async close(): Promise<void> {
    await this.#fs.close(this.#fd).catch(() => {})
  }
}

function changed(path: string, sizes: { expected: unknown; found: unknown }): SluiceError {
  const message = `${printable(path)} changed after it was listed; send it again`
  return new SluiceError('ERR_SOURCE_CHANGED', message, { path, ...sizes })
}

function failing(path: string): (cause: unknown) => never {
  return (cause) => {
    throw sourceError(path, cause)
  }
}

/** What a failed call on a source means: `ERR_SOURCE_CHANGED` if it is no longer there, `ERR_SOURCE_READ` otherwise. */
export function sourceError(path: string, cause: unknown): SluiceError {
  const system = errorCode(cause)
  const why = system ?? (cause instanceof Error ? cause.message : String(cause))
  if (system !== undefined && GONE.has(system)) {
    const message = `${printable(path)} vanished, or something else took its place (${system})`
    return new SluiceError('ERR_SOURCE_CHANGED', message, { path, cause })
  }
  return new SluiceError('ERR_SOURCE_READ', `cannot read ${printable(path)} (${printable(why, 200)})`, {
    path,
    cause,
  })
}
