import { printable, SluiceError } from '../../errors.js'
import { suffixed } from '../disk/names.js'

/** After so many suffixes something else must be wrong. */
const HIGHEST_SUFFIX = 100_000

/**
 * The rule for a name that is taken: calls `take` with the name itself, then with the suffixes `_1`, `_2`, …, until
 * it returns something. `take` must be the very step that takes the name, not a look whether it is free.
 * `ERR_CONFLICT` if all are taken.
 * @param shown the path for the message
 * @param suffixes those to try, in order, if not all; asked for once the name itself was not taken
 */
export async function firstFree<T>(
  name: string,
  shown: string,
  take: (candidate: string, n: number) => Promise<T | undefined>,
  suffixes: () => Iterable<number> = fromOne,
): Promise<T> {
  const first = await take(name, 0)
  if (first !== undefined) return first
  for (const n of suffixes()) {
    if (n > HIGHEST_SUFFIX) break
    const taken = await take(suffixed(name, n), n)
    if (taken !== undefined) return taken
  }
  const message = `${printable(shown)} is taken with every suffix; tidy the folder`
  throw new SluiceError('ERR_CONFLICT', message, { path: shown, saysPath: true })
}

/** All suffixes. */
export function* fromOne(): Generator<number, void> {
  for (let n = 1; ; n++) yield n
}
