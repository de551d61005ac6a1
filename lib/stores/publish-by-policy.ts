import { printable, SluiceError } from '../errors.js'
import { nameOf, parentOf } from '../files/disk/names.js'
import { firstFree } from '../files/publish/first-free.js'
import { ownSuffixes } from './own-suffixes.js'
import type { Placement, PublishPolicy } from './policy.js'

/** What stands under a path. */
export interface StandingVersion {
  /** Bytes. */
  size: number
  /** Milliseconds since 1970. */
  mtime: number
  /** Whether its content is that of the file that is to be published. Asked if the sizes are equal. */
  isSame(): boolean | Promise<boolean>
}

/** How a store gives names. Its methods are called one after the other. */
export interface Naming {
  /**
   * Gives the file the path in one step; it must not look first and act then. `how` says what may stand there: 'create'
   * nothing, 'overwrite' nothing or a file, 'replace' whatever it is.
   * @returns whether it has the path now; if not, nothing has changed
   */
  take(path: string, how: 'create' | 'overwrite' | 'replace'): boolean | Promise<boolean>
  /** What stands under a path that was taken, if it is a file. Left out: nothing is ever found to be there already. */
  look?(path: string): StandingVersion | null | undefined | Promise<StandingVersion | null | undefined>
}

/**
 * What `Part.publish` has to do in a store that has paths: obeys `conflict` and `unless`, as a folder of the disk does.
 * @param file where it is to go, its size in bytes and its time in milliseconds
 * @throws SluiceError `ERR_CONFLICT` under the policy 'fail'; and what the methods of `naming` throw
 */
export async function publishByPolicy(
  file: { path: string; size: number; mtime: number },
  policy: PublishPolicy,
  naming: Naming,
): Promise<Placement> {
  const { path } = file
  const { conflict, unless, brought } = policy
  const above = parentOf(path)
  let warning: SluiceError | undefined
  const acknowledged = (placement: Placement & { name: string }) => {
    bring(placement.name, brought)
    return placement
  }
  const take = async (name: string, n: number): Promise<Placement | undefined> => {
    if (await naming.take(name, 'create')) return acknowledged({ name, warning })
    if (unless !== 'nothing') {
      const standing = await naming.look?.(name)
      const isThere =
        standing &&
        (unless === 'identical'
          ? standing.size === file.size && (await standing.isSame())
          : !brought?.has(name) && isThereByTime(standing, file, unless, n === 0))
      if (isThere) return acknowledged({ name, skipped: unless, warning })
    }
    if (n > 0 || conflict === 'rename') return undefined
    if (conflict === 'skip') return { name, skipped: 'conflict' }
    if (conflict === 'fail') {
      const message = `${printable(path)} is taken by other content; move it away or choose another conflict policy`
      throw new SluiceError('ERR_CONFLICT', message, { path, saysPath: true })
    }
    const isBrought = brought?.has(name)
    // before it has it: from then on another file of this transfer may find it there
    if (!isBrought) brought?.add(name)
    if (!isBrought && (await naming.take(name, conflict))) return acknowledged({ name })
    const why = isBrought ? 'the same transfer brought it' : 'it is not a file'
    const message = `${printable(path)} stays as it was, because ${why}: the new one gets a suffix`
    warning = new SluiceError('ERR_CONFLICT', message, { path })
    return undefined
  }
  const takeInTurn = (candidate: string, n: number) => {
    const name = above === '' ? candidate : `${above}/${candidate}`
    return inTurn(name, brought, () => take(name, n))
  }
  return firstFree(nameOf(path), path, takeInTurn, () => ownSuffixes(path, policy))
}

/** The last try at each name, by what the transfer has brought. */
const tries = new WeakMap<Set<string>, Map<string, Promise<unknown>>>()

/**
 * Tries a name when nobody else of the transfer does: a store may show a file before it has said that it is there, and
 * until then nobody knows that the transfer brought it.
 */
async function inTurn<T>(name: string, brought: Set<string> | undefined, act: () => Promise<T>): Promise<T> {
  if (!brought) return act()
  const running = tries.get(brought) ?? new Map<string, Promise<unknown>>()
  tries.set(brought, running)
  const ours = (running.get(name) ?? Promise.resolve()).then(act, act)
  running.set(name, ours)
  try {
    return await ours
  } finally {
    if (running.get(name) === ours) running.delete(name)
  }
}

/** Counts what has a path as brought by a transfer, with the folders that it is in. */
export function bring(path: string, brought: Set<string> | undefined): void {
  for (let at = path; brought && at !== '' && !brought.has(at); at = parentOf(at)) brought.add(at)
}

/** With a suffix it is there for this file's sake only if it has its very time: an earlier run put it there. */
export function isThereByTime(
  there: Pick<StandingVersion, 'size' | 'mtime'>,
  { size, mtime }: { size: number; mtime: number },
  unless: 'unchanged' | 'newer',
  isFirst: boolean,
): boolean {
  if (unless === 'newer' && isFirst) return there.mtime >= mtime
  return there.mtime === mtime && there.size === size
}
