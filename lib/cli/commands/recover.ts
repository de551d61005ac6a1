import { basename, dirname, join, relative, sep } from 'node:path'
import { counted, printable, SluiceError } from '../../errors.js'
import { type Orphans, removeOrphans } from '../../files/intent/remove-orphans.js'
import type { Leftover } from '../../files/journal/leftovers.js'
import { removeEmptyFolders } from '../../files/own/own-folder.js'
import { recoverReplaced } from '../../files/publish/replace-folder.js'
import { isEnded, type RecoveredTransaction, recoverTransactions } from '../../files/transaction/recover.js'
import type { Tree } from '../../files/tree/tree.js'
import { size } from '../../terminal/text.js'
import type { Context } from '../ui/context.js'
import { amounts } from '../ui/words/tally.js'
import { collectAll, countedParts, isPartLeftover, openFolder, tell, tellOfWatching } from './leftovers.js'

/** What was found, by kind. */
interface FoundLeftovers {
  transactions: RecoveredTransaction[]
  /** Folders that a file was about to replace. */
  replaced: number
  parts: Leftover[]
  orphans: Orphans
}

/**
 * `sluice recover`: finishes or removes what dead processes left in a folder, with `--yes`; else shows what would be
 * done. With `--force` also what processes elsewhere left, without watching whether they live. Transactions come first,
 * because they need some of the temporary files.
 */
export async function recoverCommand(
  dir: string,
  flags: { yes?: boolean; force?: boolean },
  context: Context,
): Promise<void> {
  const dryRun = flags.yes !== true
  const { reporter, signal } = context
  const { force } = flags
  const tree = await openFolder(dir)
  const tellNoMore = tellOfWatching(reporter)
  let found: FoundLeftovers
  try {
    const { transactions } = await recoverTransactions(dir, {
      dryRun,
      force,
      orphans: false,
      lock: { signal },
    })
    for (const one of transactions) {
      if (one.state === 'foreign') reporter.warn(one.error!)
      else tellTransaction(one, dryRun, reporter)
    }
    // what belongs to another user was told of already
    const parts = (await collectAll(tree, { dryRun, force, wait: true, signal })).filter(
      ({ state }) => state !== 'foreign',
    )
    for (const part of parts) tell(part, removing(dryRun), reporter)
    const all = { recursive: true, olderThan: 0, now: () => Infinity }
    const orphans = await removeOrphans(dir, { dryRun, force, signal, ...all })
    for (const file of orphans.files) {
      const path = relative(dir, file)
      reporter.result({ event: 'orphan', path }, `${removing(dryRun)} ${printable(path)}`)
    }
    // our folders of other users were told of already
    const told = new Set(transactions.map(({ intent }) => intent))
    for (const warning of orphans.foreign) if (!told.has(relative(dir, warning.path!))) reporter.warn(warning)
    let replaced = 0
    // the deepest first: once the folder around it is moved back, it has another path
    for (const aside of orphans.replaced.toReversed())
      replaced += await endReplacement(tree, relative(dir, aside), dryRun, context)
    if (!dryRun) await removeEmptyFolders(tree)
    found = { transactions, replaced, parts, orphans }
  } finally {
    tellNoMore()
    await tree.close()
  }
  reporter.note(recoverySummary(dir, found, dryRun))
  const failures = failuresOf(found, dryRun)
  if (dryRun) for (const failure of failures) reporter.warn(failure)
  if (dryRun || failures.length === 0) return
  if (failures.length === 1) throw failures[0]
  for (const failure of failures) reporter.warn(failure)
  const outcomes = failures.map((error) => ({ path: error.path ?? '', status: 'failed' as const, error }))
  throw new SluiceError('ERR_FILES_FAILED', `${failures.length} things could not be ended`, { outcomes })
}

const removing = (dryRun: boolean) => (dryRun ? 'would remove' : 'removed')

/** The words for the state of a transaction: before and after the recovery. */
const SAID: Record<RecoveredTransaction['state'], [before: string, after: string]> = {
  completed: ['would complete', 'completed'],
  discarded: ['would discard', 'discarded'],
  undone: ['would undo', 'undid'],
  running: ['running', 'running'],
  conflict: ['in conflict', 'in conflict'],
  damaged: ['damaged', 'damaged'],
  failed: ['failed', 'failed'],
  foreign: ['passed over', 'passed over'],
}

function tellTransaction(one: RecoveredTransaction, dryRun: boolean, reporter: Context['reporter']): void {
  const { error, warnings = [], ...event } = one
  const { id, state, paths, conflicts, intent } = one
  const what =
    id === '' ? printable(intent) : `transaction ${printable(id)} (${counted(paths.length, 'file')})`
  const which = conflicts ? `: ${conflicts.map((path) => printable(path)).join(', ')}` : ''
  const why = error ? `: ${error.message}` : ''
  const goes = (one.removed ?? []).map((path) => `\n${removing(dryRun)} ${printable(path)}`).join('')
  reporter.result(
    { event: 'transaction', ...event, ...(error && { code: error.code }) },
    `${SAID[state][dryRun ? 0 : 1]} ${what}${which}${why}${goes}`,
  )
  for (const warning of warnings) reporter.warn(warning)
}

/** Ends what a crash interrupted while a file replaced the folder that is `aside`; gives for how many names. */
async function endReplacement(
  tree: Tree,
  aside: string,
  dryRun: boolean,
  { reporter, signal }: Context,
): Promise<number> {
  const path = aside.includes(sep) ? dirname(aside) : ''
  const ended = await tree.within(path.split(sep).join('/'), (folder) =>
    recoverReplaced(tree.fs, folder, { dryRun, asides: [basename(aside)], signal }),
  )
  for (const state of ['restored', 'removed'] as const)
    for (const name of ended[state]) {
      const what = state === 'restored' ? `${dryRun ? 'would put' : 'put'} back` : removing(dryRun)
      const which = state === 'removed' ? ': the folder that it has replaced' : ''
      const at = join(path, name)
      reporter.result({ event: 'replaced', path: at, state }, `${what} ${printable(at)}${which}`)
    }
  for (const kept of ended.kept) {
    const at = join(path, kept)
    const message = `${printable(at)} was to be replaced, and something else has its name by now: move one of them`
    reporter.warn(new SluiceError('ERR_CONFLICT', message, { path: at }))
  }
  return ended.restored.length + ended.removed.length + ended.kept.length
}

function recoverySummary(
  dir: string,
  { transactions, replaced, parts, orphans }: FoundLeftovers,
  dryRun: boolean,
): string {
  const ended = transactions.filter(isEnded).length
  const removed = parts.filter(isPartLeftover)
  const mine = transactions.filter(({ state }) => state !== 'foreign')
  if (mine.length + replaced + parts.length + orphans.count + orphans.errors.length === 0)
    return 'no transaction, no part and no temporary file is left'
  const bytes = removed.reduce((all, part) => all + part.bytes, orphans.bytes)
  const before = amounts([ended, 'transaction'], [replaced, 'replaced folder'])
  const kinds = [before, countedParts(removed), amounts([orphans.count, 'temporary file'])]
  const what = `${kinds.filter((kind) => kind !== undefined).join(', ') || 'nothing'} (${size(bytes)})`
  return dryRun
    ? `${what} would be ended or removed by sluice recover ${printable(dir)} --yes`
    : `${what} ended or removed`
}

/**
 * What could not be finished although its process is dead, and what to do about it; in a dry run what is not said yet.
 */
function failuresOf({ transactions, parts, orphans }: FoundLeftovers, dryRun: boolean): SluiceError[] {
  const failures = dryRun ? [] : transactions.flatMap((one) => failureOfTransaction(one) ?? [])
  return [...failures, ...parts.flatMap(({ error }) => error ?? []), ...orphans.errors]
}

function failureOfTransaction(one: RecoveredTransaction): SluiceError | undefined {
  const { id, state, intent, conflicts = [], error } = one
  if (state === 'foreign') return undefined
  if (error) return error
  if (state === 'conflict') {
    const paths = conflicts.map((path) => printable(path)).join(', ')
    const message = `transaction ${printable(id)} cannot be ended: somebody else changed ${paths}; move that away, and run this again`
    return new SluiceError('ERR_TRANSACTION', message, { path: conflicts[0] })
  }
  if (state !== 'damaged') return undefined
  const message = `${printable(intent)} is the intent of a transaction and cannot be read; look at the files, then remove it`
  return new SluiceError('ERR_TRANSACTION', message, { path: intent })
}
