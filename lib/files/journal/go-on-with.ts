import { TimeSlice } from '../../async.js'
import { systemClock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import { diskError } from '../disk/disk-error.js'
import { partPathOf } from './collect-part.js'
import type { Journal } from './journal.js'
import type { JournalFile } from './journal-records.js'
import { type LeftPart, recordOf, type Taker } from './take-over.js'

/**
 * Goes on with parts: another journal knows each of them before the one that knew it forgets it. One that cannot be had
 * stays as it is, with a warning.
 * @returns the numbers in that journal of those that were had
 */
export async function goOnWith(
  parts: readonly LeftPart[],
  taker: Taker,
  journal: Journal,
  warn: (warning: SluiceError) => void,
): Promise<Map<LeftPart, number>> {
  const slice = new TimeSlice(systemClock)
  const owned: LeftPart[] = []
  const records: JournalFile[] = []
  for (const part of parts) {
    if (await taker.own(part)) {
      owned.push(part)
      records.push(recordOf(part))
    }
    await slice.yield()
  }
  const numbers = await journal.begin(records)
  const had = new Map<LeftPart, number>()
  for (const [i, part] of owned.entries()) {
    try {
      await taker.place(part)
      taker.taken(part)
      had.set(part, numbers[i]!)
    } catch (error) {
      const failure = diskError(error, 'go on with', partPathOf(part.file))
      warn(failure)
      // the journal before knows it, and this one does not any more
      journal.end(numbers[i]!, { state: 'failed', code: failure.code, part: 'gone' })
    }
    await slice.yield()
  }
  return had
}
