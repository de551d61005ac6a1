import type { TransactionResult } from './commit.js'

/** Characters of paths in one record: a line of the trail has an end. */
const MOST_SHOWN = 128 * 1024

export type Changes = readonly TransactionResult['files'][number][]

/** What was changed, as far as it fits into a record, and how many more there are. */
export function shownPaths(files: Changes): { paths?: Changes; more?: number } {
  let length = 0
  const fits = (one: Changes[number]) => {
    length += JSON.stringify(one).length
    return length <= MOST_SHOWN
  }
  const paths = files.filter(fits)
  const more = files.length - paths.length
  return { ...(paths.length > 0 && { paths }), ...(more > 0 && { more }) }
}
