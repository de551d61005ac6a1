import { type Code, printable, SluiceError } from '../errors.js'
import { digestFile } from '../files/disk/digest-file.js'
import { diskError } from '../files/disk/disk-error.js'
import { closing, type FileSystem, openRegular } from '../files/disk/fs.js'
import { nameOf, parentOf } from '../files/disk/names.js'
import type { JournalEnd } from '../files/journal/journal.js'
import type { Conflict, Durability } from '../files/publish/publish.js'
import type { Entry } from '../wire/manifest.js'
import { createDigest } from './digests.js'
import type { SentDigest, StoredFile } from './items.js'
import { failureOf, type Outcome } from './outcomes.js'

/** What counts as already there, where the name is taken. */
export type Unless = 'identical' | 'unchanged' | 'newer' | 'nothing'

/** What {@link settleFile} takes: the options of `finalizer`, checked, with what the offer and the destination say. */
export interface SettleOptions {
  fs: FileSystem
  algorithm: string
  conflict: Conflict
  durability: Durability
  unless: Unless
}

/** What became of a file, and of its part. */
export interface Settled {
  outcome: Outcome
  /** Whether a later run may go on with the part. */
  part: 'kept' | 'gone'
}

/** Errors that every other file would have, too. */
export const FATAL: ReadonlySet<Code> = new Set([
  'ERR_DISK_FULL',
  'ERR_READ_ONLY',
  'ERR_UNSAFE_LINK',
  'ERR_STATE',
])

/**
 * Ends one file: compares its digest with the sender's, and only if they are the same gives it its name. What can
 * be of no use any more is removed. Throws only what concerns the whole transfer.
 */
export async function settleFile(
  { entry, part, digest, failure }: StoredFile,
  sent: SentDigest,
  options: SettleOptions,
): Promise<Settled> {
  const { path } = entry
  const failed = (error: SluiceError, left: Settled['part']): Settled => {
    return { outcome: { entry, path, status: 'failed', error }, part: left }
  }
  // its part, if there is one, was taken down where it failed
  if (failure) return failed(failure, 'kept')
  try {
    if (sent.failure !== undefined) {
      return failed(
        failureOf(entry, sent.failure, 'the sender could not send it to its end'),
        await drop(part),
      )
    }
    if (!part || !sent.digest) {
      await part?.close()
      return failed(failureOf(entry, 'ERR_DIGEST', 'nothing to compare it with; it is not published'), 'kept')
    }
    // where bytes came with gaps, what stands on disk is what counts
    const found = digest ?? (await part.digest(createDigest(options.algorithm)))
    if (!found.equals(sent.digest)) {
      const details = { path, expected: sent.digest, found }
      return failed(new SluiceError('ERR_DIGEST', mismatch(path), details), await drop(part))
    }
    const { size } = entry
    // the digest is taken before the file stages
    if (size !== null && !part.covers(0, size))
      return failed(failureOf(entry, 'ERR_DIGEST', CUT_SHORT), await drop(part))
    return { outcome: await publishPart(entry, part, sent.digest, options), part: stateOf(part) }
  } catch (reason) {
    const error = diskError(reason, 'publish', path)
    if (FATAL.has(error.code)) throw error
    // other content has the name: that would be so the next time, too
    if (error.code === 'ERR_CONFLICT') await drop(part)
    await part?.close()
    return failed(error, stateOf(part))
  }
}

async function publishPart(
  entry: Entry,
  part: NonNullable<StoredFile['part']>,
  digest: Buffer,
  { fs, algorithm, conflict, durability, unless }: SettleOptions,
): Promise<Outcome> {
  const { path } = entry
  const size = entry.size ?? (await part.size())
  const asked = nameOf(part.path)
  const { how, name, warning } = await part.complete({
    conflict,
    durability,
    identical: (there, ours) => {
      if (unless === 'nothing') return Promise.resolve(false)
      if (unless === 'identical') return haveSameContent(fs, there, ours, size, algorithm)
      return isSettledByTime(fs, there, asked, { ...entry, size }, unless)
    },
  })
  const folder = parentOf(part.path)
  const full = folder === '' ? name : `${folder}/${name}`
  const outcome: Outcome = { entry, path, status: 'published', digest }
  if (full !== path) outcome.name = full
  if (warning) outcome.error = warning
  if (how === 'identical') return { ...outcome, status: 'skipped', reason: unless as 'identical' }
  if (how === 'skipped') return { ...outcome, status: 'skipped', reason: 'conflict' }
  return outcome
}

function stateOf(part: StoredFile['part']): Settled['part'] {
  return part?.exists ? 'kept' : 'gone'
}

/** Removes a part that is of no use; where that fails, a later run does it. */
async function drop(part: StoredFile['part']): Promise<Settled['part']> {
  await part?.discard().catch(() => {})
  return stateOf(part)
}

/** What the journal is to say of it. */
export function journalEnd({ status, name, digest, error }: Outcome, part: Settled['part']): JournalEnd {
  if (status === 'failed') return { state: 'failed', code: error!.code, part }
  return { state: 'completed', name, digest, part }
}

/**
 * Whether what stands there has the content of our part, which is read for it: a file stage may have made something
 * else of what was sent.
 */
async function haveSameContent(
  fs: FileSystem,
  there: string,
  ours: string,
  size: number,
  algorithm: string,
): Promise<boolean> {
  const found = await digestAt(fs, there, size, algorithm)
  const wanted = found && (await digestAt(fs, ours, size, algorithm))
  return wanted?.equals(found!) ?? false
}

/** The digest of a regular file, if it has this size. */
async function digestAt(
  fs: FileSystem,
  path: string,
  size: number,
  algorithm: string,
): Promise<Buffer | undefined> {
  const { fd, stats } = await openRegular(fs, path)
  return closing(fs, fd, async () =>
    stats.size === size ? digestFile(fs, fd, createDigest(algorithm)) : undefined,
  )
}

/** Whether the file under the very name is as old and as large, or newer. */
async function isSettledByTime(
  fs: FileSystem,
  path: string,
  asked: string,
  { size, mtime }: Entry,
  unless: Unless,
): Promise<boolean> {
  if (!path.endsWith(`/${asked}`)) return false
  const stats = await fs.lstat(path)
  const there = Math.floor(stats.mtimeMs)
  return unless === 'newer' ? there >= mtime : there === mtime && stats.size === size
}

const CUT_SHORT =
  'a file stage left less of it than its entry says; one that changes content must say the new size in the entry'

function mismatch(path: string): string {
  return `the content of ${printable(path)} does not match its digest; it is not published`
}
