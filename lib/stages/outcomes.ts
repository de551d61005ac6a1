import { inSlices } from '../async.js'
import { type Code, printable, SluiceError } from '../errors.js'
import type { Entry, Offer } from '../wire/manifest.js'
import { type Bitmap, isWanted } from '../wire/positions.js'

/** What became of one entry. */
export interface Outcome {
  entry: Entry
  /** The path in the offer. */
  path: string
  status: 'published' | 'skipped' | 'failed'
  /** The path under which it is in the destination, where it is another one. */
  name?: string
  /** The digest of the content, by the algorithm of the offer. */
  digest?: Buffer
  /** Why it failed, or what did not go as asked although it was published. */
  error?: SluiceError
  /**
   * Why it was skipped: the same content stands there ('identical'), or what `unless` says ('unchanged', 'newer');
   * other content has the name ('conflict'); the plan left it out ('unwanted'); it is a symbolic link ('symlink'); a
   * file stage took it away ('filtered').
   */
  reason?: 'identical' | 'unchanged' | 'newer' | 'conflict' | 'unwanted' | 'symlink' | 'filtered'
}

/** Why an entry failed, by a code. Without a stack: a peer can make a million of them, and is where they come from. */
export function failureOf({ path }: Entry, code: Code, why: string): SluiceError {
  const error = new SluiceError(code, `${printable(path)}: ${why}`, { path })
  error.stack = `${error.name}: ${error.message}`
  return error
}

/** A symbolic link that is not made. */
export function skippedLink(entry: Entry, why = 'symbolic links were not asked for'): Outcome {
  const error = failureOf(entry, 'ERR_SKIPPED', why)
  return { entry, path: entry.path, status: 'skipped', reason: 'symlink', error }
}

/** An entry of which a stage between demuxer and partSink let nothing pass. */
export function filtered(entry: Entry): Outcome {
  const error = failureOf(entry, 'ERR_SKIPPED', 'a file stage took it away')
  return { entry, path: entry.path, status: 'skipped', reason: 'filtered', error }
}

/** The entries of an offer that will not come: skipped, unless `say` knows better. */
export async function leftOut(
  offer: Offer,
  want: Bitmap,
  say: (entry: Entry) => Omit<Outcome, 'entry' | 'path'> = () => ({ status: 'skipped', reason: 'unwanted' }),
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  await inSlices(offer.entries, (entry) => {
    if (!isWanted(want, entry.index - offer.first)) outcomes.push({ entry, path: entry.path, ...say(entry) })
  })
  return outcomes
}

/** The error of a transfer of `count` entries of which files failed: the first of them says what it was. */
export function filesFailed(outcomes: readonly Outcome[], count: number): SluiceError | undefined {
  const failed = outcomes.filter(({ status }) => status === 'failed')
  const [first] = failed
  if (!first) return undefined
  const message = `${failed.length} of ${count} entries failed; the first: ${first.error?.message}`
  return new SluiceError('ERR_FILES_FAILED', message, { outcomes, cause: first.error })
}
