import type { SluiceError } from '../../errors.js'
import { checkFunction, checkKeys, checkWhole, type Keys } from '../../options.js'
import type { Written } from '../atomic/atomic-file.js'
import { FILE_LOCK_OPTIONS, type FileLockOptions, underTargetLock } from '../atomic/locked-target.js'
import { writeSettings } from '../atomic/options.js'
import { checkSignal, unlessAborted } from '../atomic/pieces.js'
import { openWith, WRITE_VALUE_OPTIONS, type WriteValueOptions } from '../atomic/write-file.js'
import { audited } from '../audit/recorder.js'
import { decodeText, encodeText } from '../content/encodings.js'
import { type Format, parseToRewrite } from '../content/formats.js'
import { readWholeFile } from '../content/read-file.js'
import { encodeChecked } from '../content/schema.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import type { PathLike } from '../disk/names.js'
import { ifThere } from '../disk/stats.js'
import type { FolderLock } from '../lock/folder-lock.js'
import { handlesOf } from '../tree/handle-budget.js'

/**
 * Options of {@link updateJson} and {@link updateYaml}: how long it waits, and how it writes. The signal cancels the
 * wait for the lock, the wait for `change`, and the write.
 */
export interface UpdateOptions
  extends FileLockOptions,
    Omit<WriteValueOptions, 'conflict' | 'makeParents' | 'progress' | 'symlink'> {
  /** The value for `change` if the file is missing, or a YAML file is empty. Default undefined. */
  initial?: unknown
}

const { conflict, makeParents, progress, symlink, ...OF_WRITE } = WRITE_VALUE_OPTIONS

const UPDATE_OPTIONS: Keys<UpdateOptions> = { ...FILE_LOCK_OPTIONS, ...OF_WRITE, initial: true }

/** What became of an update. */
export interface Updated<T> {
  /** 'unchanged': `change` returned undefined, and the file is as it was. */
  how: 'written' | 'unchanged'
  /** The value in the file now; undefined if the file is missing. */
  value: T | undefined
  /** The path of the backup of the earlier content, if one was made. */
  backup?: string
  /** What failed, although the update is done; also a lock that could not be released. */
  warning?: SluiceError
}

/** Returns the new value of a file, or undefined to leave it as it is. */
export type Change<T> = (value: T | undefined) => T | undefined | Promise<T | undefined>

/**
 * Changes a JSON file so that no change of another process, or of this one, gets lost: under a lock it reads the
 * file, calls `change` with the value, and writes the returned value as `writeJson` does; if it returns undefined,
 * the file stays. All paths to one file, also through links, share the lock, which exists beside the file while it is
 * held; links stay links.
 *
 * `change` must not update the same file itself: it would wait for itself. What it throws is passed on unchanged. If
 * the signal is aborted while it runs, its result is ignored.
 *
 * Numbers are those of JavaScript: a whole number beyond 2^53 (an id of 64 bits, for instance) loses digits, even if
 * `change` does not touch it. Store such numbers as text.
 *
 * Fails with `ERR_LOCKED`, `ERR_CANCELLED`, `ERR_PARSE` (the file is not JSON), `ERR_SOURCE_CHANGED` (somebody
 * without the lock wrote to it each time that it was read), `ERR_SCHEMA`, `ERR_LOCK_LOST` (somebody removed the lock
 * by hand), `ERR_USAGE`, and with the codes of disk failures; the file is as it was then, unless only the last sync
 * failed.
 */
export function updateJson<T = unknown>(
  file: PathLike,
  change: Change<T>,
  options: UpdateOptions = {},
): Promise<Updated<T>> {
  return audited('updateJson', file, options, () => update('json', file, change, options))
}

/**
 * {@link updateJson} for a YAML file: version 1.2, and of an existing file whatever `parseText` takes, but for keys of
 * maps that are numbers, true or false: they would be written as texts. Its comments are lost. An empty file has no value,
 * as a missing one.
 */
export function updateYaml<T = unknown>(
  file: PathLike,
  change: Change<T>,
  options: UpdateOptions = {},
): Promise<Updated<T>> {
  return audited('updateYaml', file, options, () => update('yaml', file, change, options))
}

async function update<T>(
  format: Format,
  file: PathLike,
  change: Change<T>,
  options: UpdateOptions,
): Promise<Updated<T>> {
  checkKeys('options', options, UPDATE_OPTIONS)
  const settings = writeSettings(file, { ...options, conflict: 'overwrite', symlink: 'follow' })
  checkWhole('indent', options.indent, 0, 10)
  checkFunction('change', change)
  const { path: shown, fs, signal } = settings
  return underTargetLock(settings, options, 'update', async ({ path }, lock): Promise<Updated<T>> => {
    const found = await read(format, fs, path, shown)
    const given = (isEmpty(format, found) ? options.initial : found?.value) as T | undefined
    const value = await unlessAborted(async () => change(given), signal, shown)
    if (value === undefined) return { how: 'unchanged', value: found?.value as T | undefined }
    checkSignal(signal, shown)
    const bytes = encodeText(await encodeChecked(format, value, options, shown))
    const { backup, warning } = await write(path, bytes, lock, settings)
    return { how: 'written', value, ...(backup && { backup }), ...(warning && { warning }) }
  })
}

/** Checks the lock as late as possible: after all that takes long, the backup, too. */
function write(path: string, bytes: Uint8Array, lock: FolderLock, options: UpdateOptions): Promise<Written> {
  // a link that was made since then is replaced: the file that it leads to has another lock
  const settings = writeSettings(path, { ...options, conflict: 'overwrite', symlink: 'replace' })
  const handles = handlesOf(settings.fs)
  return handles.brief(async () => {
    const file = await handles.retry(() => openWith(settings))
    try {
      await file.write([bytes])
      await file.stage()
      return await file.commit(() => lock.check())
    } finally {
      await file.discard()
    }
  })
}

/** Whether there is no value: no file, or a YAML file with nothing in it. */
function isEmpty(format: Format, found: { value: unknown } | undefined): boolean {
  return found === undefined || (format === 'yaml' && found.value === null)
}

/** The value in the file; undefined if there is no file. */
async function read(
  format: Format,
  fs: FileSystem,
  path: string,
  shown: string,
): Promise<{ value: unknown } | undefined> {
  try {
    const bytes = await ifThere(readWholeFile(fs, path, shown))
    return bytes && { value: await parseToRewrite(format, decodeText(bytes, 'utf8', shown), shown) }
  } catch (error) {
    throw diskError(error, 'read', shown)
  }
}
