import { isDeepStrictEqual } from 'node:util'
import { printable, SluiceError } from '../../errors.js'
import { checkFunction, checkKeys, checkWhole, type Keys } from '../../options.js'
import type { Written } from '../atomic/atomic-file.js'
import { FILE_LOCK_OPTIONS, type FileLockOptions, underTargetLock } from '../atomic/locked-target.js'
import { writeSettings } from '../atomic/options.js'
import { checkSignal, unlessAborted } from '../atomic/pieces.js'
import { openWith, WRITE_VALUE_OPTIONS, type WriteValueOptions } from '../atomic/write-file.js'
import { audited } from '../audit/recorder.js'
import { decodeText, encodeText } from '../content/encodings.js'
import { type Format, parseToRewrite } from '../content/formats.js'
import { plainValue } from '../content/plain-value.js'
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
  /**
   * The value for `change` if the file is missing, or a YAML file is empty. Default undefined. `change` gets a copy
   * that is as if it had stood in the file, so that the first update is given the same as each later one: a Date is its
   * text there, and what the file could not hold (an instance of a class, for one) is `ERR_USAGE`, whether the file is
   * there or not.
   */
  initial?: unknown
}

const { conflict, makeParents, progress, symlink, ...OF_WRITE } = WRITE_VALUE_OPTIONS

const UPDATE_OPTIONS: Keys<UpdateOptions> = { ...FILE_LOCK_OPTIONS, ...OF_WRITE, initial: true }

/** What became of an update. */
export interface Updated<T> {
  /** 'unchanged': `change` returned undefined, and the file is as it was. */
  how: 'written' | 'unchanged'
  /**
   * The value in the file now, as the next one reads it: undefined if the file is missing, null if a YAML file is
   * empty, and of a Date that `change` returned its text. What `change` was given instead (`initial`) does not count.
   */
  value: T | undefined
  /** The path of the backup of the earlier content, if one was made. */
  backup?: string
  /** What failed, although the update is done; also a lock that could not be released. */
  warning?: SluiceError
}

/**
 * Returns the new value of a file, also where it changes the one that it is given; or undefined to leave the file as it
 * is.
 */
export type Change<T> = (value: T | undefined) => T | undefined | Promise<T | undefined>

/**
 * Changes a JSON file so that no change of another process, or of this one, gets lost: under a lock it reads the
 * file, calls `change` with the value, and writes the returned value as `writeJson` does; if it returns undefined,
 * the file stays, and a value that was changed in place is `ERR_USAGE`. All paths to one file, also through links,
 * share the lock, which exists beside the file while it is held; links stay links.
 *
 * `change` must not update the same file itself: it would wait for itself. What it throws is passed on unchanged. If
 * the signal is aborted while it runs, its result is ignored.
 *
 * Numbers are those of JavaScript. Where the file holds one that would be written as another (an id of 64 bits, for
 * instance), it is refused with `ERR_PARSE`, even if `change` would not touch it: store such numbers as text.
 *
 * Fails with `ERR_LOCKED`, `ERR_CANCELLED`, `ERR_PARSE` (the file is not JSON, or could not be written as it is),
 * `ERR_SOURCE_CHANGED` (somebody without the lock wrote to it each time that it was read), `ERR_SCHEMA`,
 * `ERR_LOCK_LOST` (somebody removed the lock by hand), `ERR_USAGE`, and with the codes of disk failures; the file is as
 * it was then, unless only the last sync failed.
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
 * maps that are numbers, true or false: they would be written as texts; and for merge keys (`<<`), which would be
 * written as ordinary ones. Its comments are lost. `change` is given for an empty file what it is given for a missing
 * one.
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
  const initial = options.initial === undefined ? undefined : plainValue(options.initial, format, 'initial')
  const { path: shown, fs, signal } = settings
  return underTargetLock(settings, options, 'update', async ({ path }, lock): Promise<Updated<T>> => {
    const text = await read(fs, path, shown)
    // both are made anew each time, so that nobody else holds them
    const inFile = async () => (text === undefined ? undefined : parseToRewrite(format, text, shown))
    const forChange = (found: unknown) =>
      isNone(format, found) ? initial && plainValue(initial, format) : found
    const given = forChange(await inFile()) as T | undefined
    const value = await unlessAborted(async () => change(given), signal, shown)
    if (value === undefined) {
      const found = await inFile()
      checkSame(given, forChange(found), shown)
      return { how: 'unchanged', value: found as T | undefined }
    }
    checkSignal(signal, shown)
    // a copy, as it will be read: what the caller changes from now on is not in the file
    const plain = plainValue(value, format)
    const bytes = encodeText(await encodeChecked(format, plain, options, shown))
    const { backup, warning } = await write(path, bytes, lock, settings)
    return { how: 'written', value: plain as T, ...(backup && { backup }), ...(warning && { warning }) }
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

/** Whether there is no value in a file: no file, or a YAML file with nothing in it. */
function isNone(format: Format, found: unknown): boolean {
  return found === undefined || (format === 'yaml' && found === null)
}

/** Fails if `change` has changed the value that it was given, and returned nothing: that would be lost. */
function checkSame(value: unknown, before: unknown, shown: string): void {
  if (isSame(value, before)) return
  const message = `change returned nothing for ${printable(shown)}, but changed the value that it was given: return the new value`
  throw new SluiceError('ERR_USAGE', message, { path: shown, expected: before, found: value })
}

/** What is deeper than the stack allows is taken for the same: none of it could be written. */
function isSame(one: unknown, other: unknown): boolean {
  try {
    return isDeepStrictEqual(one, other)
  } catch {
    return true
  }
}

/** The text of the file; undefined if there is no file. */
async function read(fs: FileSystem, path: string, shown: string): Promise<string | undefined> {
  try {
    const bytes = await ifThere(readWholeFile(fs, path, shown))
    return bytes && decodeText(bytes, 'utf8', shown)
  } catch (error) {
    throw diskError(error, 'read', shown)
  }
}
