import { systemClock } from '../../clock.js'
import { counted, printable, SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import { below, inside } from '../../files/disk/names.js'
import { commandFileSystem } from '../../files/disk/node-fs.js'
import { partPathOf } from '../../files/journal/collect-part.js'
import { type CollectOptions, collectLeftovers, type Leftover } from '../../files/journal/leftovers.js'
import {
  type LeftFile,
  type UnfinishedTransfer,
  unfinishedTransfers,
} from '../../files/journal/unfinished.js'
import { Tree } from '../../files/tree/tree.js'
import { collectStaged, stagedFolders } from '../../stores/together/staged-folders.js'
import { localTime, size } from '../../terminal/text.js'
import { showHistory } from '../receiving/history.js'
import type { Context } from '../ui/context.js'
import type { CliEvent } from '../ui/events.js'
import { amounts } from '../ui/words/tally.js'

/**
 * `sluice status`: shows how far the transfers into a folder are that run, or were interrupted: a row for each file of
 * which something is there, or with `--json` an event for each file; then the last of those that `receive --history`
 * has recorded. Changes nothing.
 */
export async function statusCommand(dir: string, { reporter, signal }: Context): Promise<void> {
  let warnings = 0
  const warn = (warning: SluiceError) => {
    warnings++
    reporter.warn(warning)
  }
  const tree = await openFolder(dir)
  // the folder itself, and those in it in which a transfer waits to be published together
  const places = ['']
  const tellNoMore = tellOfWatching(reporter)
  const options = { fs: commandFileSystem, wait: true, signal, warn }
  const transfers: PlacedTransfer[] = []
  let staged: Leftover[]
  try {
    for await (const { path } of stagedFolders(tree)) places.push(path)
    for (const place of places)
      for (const transfer of await unfinishedTransfers(place === '' ? dir : inside(dir, place), options))
        transfers.push({ ...transfer, place })
    staged = await collectStaged(tree, { dryRun: true, signal })
  } finally {
    tellNoMore()
    await tree.close()
  }
  const left: LeftFile[] = []
  let shown = 0
  for (const transfer of transfers)
    for (const file of transfer.files) {
      // people want no row for what never began
      if (file.state === 'pending') reporter.event(eventOf(transfer, file))
      else {
        reporter.result(eventOf(transfer, file), rowOf(transfer, file))
        shown++
        if (transfer.owner === 'gone') left.push(file)
      }
    }
  for (const one of staged) tell(one, 'staged', reporter, false)
  const bytes = left.reduce((sum, file) => sum + bytesIn(file), 0)
  const next = `the same commands again go on with what is there, sluice clean ${printable(dir)} --yes removes it`
  if (left.length > 0) reporter.note(`${counted(left.length, 'unfinished file')}, ${size(bytes)}: ${next}`)
  else if (staged.length > 0) reporter.note(`${counted(staged.length, 'staged transfer')}: ${next}`)
  else if (shown + warnings === 0) reporter.note('nothing is left of interrupted transfers')
  await showHistory(dir, reporter)
}

function bytesIn({ ranges }: LeftFile): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0)
}

/** A transfer, and the folder that it arrives in, below the one that was named. */
interface PlacedTransfer extends UnfinishedTransfer {
  place: string
}

/** Where the part stands. */
function partIn(place: string, file: LeftFile): string {
  return below(place, partPathOf(file))
}

function eventOf({ id, owner, changed, place }: PlacedTransfer, file: LeftFile): CliEvent {
  const { target: path, size, mtime, state, ranges } = file
  const part = partIn(place, file)
  return { event: 'unfinished', id, owner, changed, path, size, mtime, part, state, ranges }
}

/** A row of a table for people, with columns that stay below each other. */
function rowOf({ owner, changed, place }: PlacedTransfer, file: LeftFile): string {
  const there = bytesIn(file)
  const { state, size: whole } = file
  const ofOwner = { alive: 'running', gone: 'interrupted', unknown: 'perhaps running' }
  const percent = whole === null ? '' : `${whole === 0 ? 100 : Math.floor((there / whole) * 100)}%`
  const amount = whole === null ? size(there) : `${size(there)} of ${size(whole)}`
  return [
    (state === 'in_progress' ? ofOwner[owner] : state).padEnd(11),
    localTime(new Date(changed)),
    percent.padStart(4),
    amount.padEnd(18),
    // where it stands: what is listed there is called so
    printable(partIn(place, file)),
  ].join('  ')
}

/** `sluice clean`: removes it with `--yes`; else shows what would be removed. */
export async function cleanCommand(
  dir: string,
  flags: { yes?: boolean; force?: boolean },
  context: Context,
): Promise<void> {
  const { reporter } = context
  const elsewhere = `temporary files, and what else dead processes left, are for sluice recover ${printable(dir)}`
  if (!flags.yes) {
    const found = await collectIn(dir, { dryRun: true, force: flags.force }, context)
    for (const { error } of found) if (error) reporter.warn(error)
    const summary = leftoverSummary(found, `would be removed by sluice clean ${printable(dir)} --yes`)
    return reporter.note(found.length === 0 ? `there is nothing to clean; ${elsewhere}` : summary)
  }
  const found = await collectIn(dir, { dryRun: false, force: flags.force }, context)
  const summary = leftoverSummary(found, 'removed')
  reporter.note(found.length === 0 ? `there was nothing to clean; ${elsewhere}` : summary)
  const [kept, ...others] = found.filter(({ error }) => error)
  for (const { error } of others) reporter.warn(error!)
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
    'still looking: processes on another machine or in another container are watched for some seconds; ' +
    '--force of clean and recover takes them for dead'
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
 * @param isFull whether each path is shown that goes with it, or only how many they are
 */
export function tell(leftover: Leftover, done: string, reporter: Context['reporter'], isFull = true): void {
  const { path, bytes, state, removed, error } = leftover
  if (state === 'foreign') return reporter.warn(error!)
  const what = state === 'kept' ? 'kept' : done
  const number = removed && !isFull ? `${counted(removed.length, 'file')}, ` : ''
  const others = isFull ? (removed ?? []).map((one) => `\n${what} ${printable(one)}`).join('') : ''
  reporter.result(
    { event: 'leftover', path, bytes, state, ...(removed && { removed }) },
    `${what} ${printable(path)} (${number}${size(bytes)})${others}`,
  )
}

/** Whether it is a part that goes, or a staged transfer. */
export function isPartLeftover({ state }: Leftover): boolean {
  return state === 'part' || state === 'published'
}

/** How many of them are parts, and staged transfers; undefined if there are none. */
export function countedParts(parts: readonly Leftover[]): string | undefined {
  const staged = parts.filter(({ removed }) => removed).length
  return amounts([parts.length - staged, 'part'], [staged, 'staged transfer'])
}

function leftoverSummary(found: readonly Leftover[], what: string): string {
  const removable = found.filter(isPartLeftover)
  const bytes = removable.reduce((all, part) => all + part.bytes, 0)
  return `${countedParts(removable) ?? 'no part'}, ${size(bytes)} ${what}`
}
