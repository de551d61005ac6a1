import { type Code, printable, SluiceError } from '../errors.js'
import type { Entry } from '../wire/manifest.js'

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
   * other content has the name ('conflict'); the plan left it out ('unwanted'); it is a symbolic link ('symlink').
   */
  reason?: 'identical' | 'unchanged' | 'newer' | 'conflict' | 'unwanted' | 'symlink'
}

/** An entry that failed for a reason known by its code. */
export function failedWith(entry: Entry, code: Code, why: string): Outcome {
  const { path } = entry
  const error = new SluiceError(code, `${printable(path)}: ${why}`, { path })
  return { entry, path, status: 'failed', error }
}

/** The error of a transfer of which files failed: the first of them says what it was. */
export function filesFailed(outcomes: readonly Outcome[]): SluiceError | undefined {
  let first: Outcome | undefined
  let count = 0
  for (const outcome of outcomes) {
    if (outcome.status !== 'failed') continue
    first ??= outcome
    count++
  }
  if (!first) return undefined
  const message = `${count} of ${outcomes.length} entries failed; the first: ${first.error?.message}`
  return new SluiceError('ERR_FILES_FAILED', message, { outcomes, cause: first.error })
}
