import { systemClock } from '../../clock.js'
import { counted, printable, SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { type CollectOptions, collectLeftovers, type Leftover } from '../../files/journal/leftovers.js'
import { Tree } from '../../files/tree/tree.js'
import { collectStaged } from '../../stores/together/staged-folders.js'
import { size } from '../../terminal/text.js'
import type { Context } from '../terminal/context.js'

/** `sluice status`: shows what interrupted transfers left in a folder. Changes nothing. */
export async function statusCommand(dir: string, context: Context, force = false): Promise<void> {
  const { reporter } = context
  const found = await collectIn(dir, { dryRun: true, force }, context)
  const summary = leftoverSummary(found, 'would be removed by clean --yes')
  reporter.note(found.length === 0 ? 'nothing is left of interrupted transfers' : summary)
}

/** `sluice clean`: removes it with `--yes`; else shows what would be removed. */
export async function cleanCommand(
  dir: string,
  flags: { yes?: boolean; force?: boolean },
  context: Context,
): Promise<void> {
  if (!flags.yes) return statusCommand(dir, context, flags.force)
  const { reporter } = context
  const found = await collectIn(dir, { dryRun: false, force: flags.force }, context)
  reporter.note(found.length === 0 ? 'there was nothing to clean' : leftoverSummary(found, 'removed'))
  const kept = found.find(({ error }) => error !== undefined)
  if (kept === undefined) return
  const { path, error: cause } = kept
  const message = `${printable(path)} could not be removed: ${cause!.message}`
  throw new SluiceError('ERR_WRITE', message, { path, cause })
}

/** Tells what is there, with a warning for what belongs to another user; gives what is ours. */
async function collectIn(
  dir: string,
  options: Pick<CollectOptions, 'dryRun' | 'force'>,
  { reporter, signal }: Context,
): Promise<Leftover[]> {
  const tree = await openFolder(dir)
  const tellNoMore = tellOfWatching(reporter)
  try {
    const found = await collectAll(tree, { ...options, wait: true, signal })
    for (const leftover of found) tell(leftover, options.dryRun ? 'left' : 'removed', reporter)
    return found.filter(({ state }) => state !== 'foreign')
  } finally {
    tellNoMore()
    await tree.close()
  }
}

/** What transfers left: parts beside their names, and what was to be published together. */
export async function collectAll(tree: Tree, options: CollectOptions): Promise<Leftover[]> {
  return [...(await collectLeftovers(tree, options)), ...(await collectStaged(tree, options))]
}

/** Milliseconds after which a person wants to know what is waited for. */
const LONG = 3000

/** Tells, once it takes long, that processes elsewhere are watched; returns a function that ends this. */
export function tellOfWatching(reporter: Context['reporter']): () => void {
  const text =
    'watching for some seconds whether processes on another machine or in another container are alive; ' +
    '--force takes them for dead'
  return systemClock.after(LONG, () => reporter.note(text))
}

/** Opens a folder that the user named; `ERR_USAGE` if that fails. */
export async function openFolder(dir: string): Promise<Tree> {
  return Tree.open(dir, { fs: commandFileSystem }).catch((cause: SluiceError) => {
    // the usual text, that something is in the way, would be odd for what the user named
    const isFile = errorCode(cause.cause) === 'ENOTDIR'
    const ofFile = `cannot open the folder ${printable(dir)}: it is a file, or below one (ENOTDIR); name a folder`
    throw new SluiceError('ERR_USAGE', isFile ? ofFile : cause.message, { path: dir, cause })
  })
}

/**
 * Reports one part, as a line or an event.
 * @param done what was or would be done with it
 */
export function tell(leftover: Leftover, done: string, reporter: Context['reporter']): void {
  const { path, bytes, state, error } = leftover
  if (state === 'foreign') return reporter.warn(error!)
  const what = state === 'kept' ? 'kept' : done
  reporter.result({ event: 'leftover', path, bytes, state }, `${what} ${printable(path)} (${size(bytes)})`)
}

/** Whether it is a part that goes. */
export function isPart({ state }: Leftover): boolean {
  return state === 'part' || state === 'published'
}

function leftoverSummary(found: readonly Leftover[], what: string): string {
  const removable = found.filter(isPart)
  return `${counted(removable.length, 'part')}, ${size(removable.reduce((all, { bytes }) => all + bytes, 0))} ${what}`
}
