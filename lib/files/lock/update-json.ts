import { SluiceError } from '../../errors.js'
import { checkChoice, checkPath } from '../check-options.js'
import { decodeText } from '../content/encodings.js'
import { encodeValue, parseText } from '../content/formats.js'
import { checkSchema, type Schema } from '../content/schema.js'
import { diskError, errorCode } from '../disk-error.js'
import { durableReplace } from '../durable-replace.js'
import { type FileSystem, nodeFileSystem, openRegular, readFully } from '../fs.js'
import type { Durability } from '../publish.js'
import { DirectoryLock, type LockOptions } from './directory-lock.js'
import { fileLockName } from './lock-names.js'
import { realFile } from './real-file.js'

/** Options of {@link updateJson}. */
export interface UpdateJsonOptions
  extends Pick<LockOptions, 'timeout' | 'signal' | 'system' | 'clock' | 'random'> {
  /** What the function gets where the file is missing. Default undefined. */
  initial?: unknown
  /** JSON Schema of the new value. */
  schema?: Schema
  /** Spaces per level, from 0 to 10. Default 2. */
  indent?: number
  /** Default 'power'. */
  durability?: Durability
  fs?: FileSystem
}

/** What became of an update. */
export interface Updated<T> {
  /** 'unchanged': the function gave undefined, and the file is what it was. */
  how: 'written' | 'unchanged'
  /** What the file holds now; undefined if it is missing. */
  value: T | undefined
  /** The lock could not be given back, although the update is done; see {@link DirectoryLock.release}. */
  warning?: SluiceError
}

/**
 * Changes a JSON file so that no change of another process, or of this one, gets lost: under a lock it reads the file,
 * gives the value to `change`, and writes what comes back; undefined leaves the file as it is. All paths to one file,
 * through links too, share the lock; it stands beside the file while it is held.
 *
 * `change` must not update the same file itself: it would wait for itself. What it throws comes out as it is. Fails
 * with `ERR_LOCKED`, `ERR_CANCELLED`, `ERR_PARSE` (the file holds no JSON), `ERR_SCHEMA`, `ERR_LOCK_LOST` (somebody
 * removed the lock by hand), `ERR_USAGE`, and as the disk fails; the file is what it was then, unless only the last
 * sync failed.
 */
export async function updateJson<T = unknown>(
  path: string,
  change: (value: T | undefined) => T | undefined | Promise<T | undefined>,
  options: UpdateJsonOptions = {},
): Promise<Updated<T>> {
  checkPath('path', path)
  checkChoice('durability', options.durability, ['crash', 'power'])
  if (typeof change !== 'function') {
    throw new SluiceError('ERR_USAGE', 'the change must be a function', { found: change })
  }
  const { fs = nodeFileSystem, timeout, signal, system, clock, random } = options
  const file = await realFile(fs, path).catch((error: unknown) => {
    throw diskError(error, 'update', path)
  })
  const given = { name: fileLockName(file.name), fs, timeout, signal, system, clock, random }
  const lock = await DirectoryLock.acquire(file.folder, given)
  let result: Updated<T>
  try {
    result = await update(fs, file.path, path, change, lock, options)
  } catch (error) {
    // the first error is the one to know of
    await lock.release().catch(() => {})
    throw error
  }
  try {
    await lock.release()
  } catch (error) {
    // the update is done: whoever was told otherwise would do it again
    result.warning = diskError(error, 'release the lock on', path)
  }
  return result
}

async function update<T>(
  fs: FileSystem,
  file: string,
  shown: string,
  change: (value: T | undefined) => T | undefined | Promise<T | undefined>,
  lock: DirectoryLock,
  { initial, schema, indent, durability, signal }: UpdateJsonOptions,
): Promise<Updated<T>> {
  const there = await readJson(fs, file, shown)
  const value = await change((there ? there.value : initial) as T | undefined)
  if (value === undefined) return { how: 'unchanged', value: there?.value as T | undefined }
  if (signal?.aborted) {
    const message = 'the update was cancelled; the file is what it was'
    throw new SluiceError('ERR_CANCELLED', message, { path: shown, cause: signal.reason })
  }
  if (schema !== undefined) await checkSchema(value, schema, shown)
  const text = await encodeValue('json', value, { indent })
  await lock.check()
  await durableReplace(fs, file, text, { mode: there?.mode, durability })
  return { how: 'written', value }
}

/** The value in the file; undefined where there is none. */
async function readJson(
  fs: FileSystem,
  path: string,
  shown: string,
): Promise<{ value: unknown; mode: number } | undefined> {
  let opened: Awaited<ReturnType<typeof openRegular>>
  try {
    opened = await openRegular(fs, path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw diskError(error, 'read', shown)
  }
  const { fd, stats } = opened
  try {
    const bytes = Buffer.alloc(stats.size)
    const length = await readFully(fs, fd, bytes, 0)
    const value = await parseText('json', decodeText(bytes.subarray(0, length), 'utf8', shown), shown)
    return { value, mode: stats.mode & 0o777 }
  } catch (error) {
    throw diskError(error, 'read', shown)
  } finally {
    await fs.close(fd).catch(() => {})
  }
}
