import { printable, SluiceError } from '../../errors.js'
import type { FileStats } from '../disk/fs.js'
import { parentOf } from '../disk/names.js'
import { lstatIfThere } from '../disk/stats.js'
import type { IntentAction } from '../intent/intent.js'
import { digestOfFileAt, inFolder, type StagedFile, stageLink } from '../intent/staging.js'
import type { TransactionContext } from './context.js'
import type { PathKind, PlannedAction, TransactionPlan } from './plan.js'

/** What {@link prepare} needs. */
export interface Prepare {
  context: TransactionContext
  plan: TransactionPlan
  /** New content by its number. */
  staged: ReadonlyMap<number, StagedFile>
  /** What was at a path when an operation first named it. */
  known: (path: string) => PathKind | undefined
}

/** The intent, and the stats of each path at this moment. */
export interface Prepared {
  actions: IntentAction[]
  stats: Map<string, FileStats>
}

/**
 * Makes ready all that the commit and an undo need: each moved file gets a second name beside its new path, and each
 * file that will be replaced or removed gets one beside itself, by a link or a copy. Fails with `ERR_TRANSACTION` if
 * something else is at a path than when it was named.
 */
export async function prepare({ context, plan, staged, known }: Prepare): Promise<Prepared> {
  const stats = new Map<string, FileStats>()
  const saved = new Map<string, { old: string; backup: string }>()
  const moved = new Set(
    plan.actions.flatMap(({ content }) => (content?.from === 'old' ? [content.path] : [])),
  )
  await context.limiter.each(plan.actions, async ({ path }) => {
    const there = await lookAgain(context, path, known(path))
    if (!there) return
    stats.set(path, there)
    const backup = await stageLink(context, path, parentOf(path), there)
    // the content of a moved file must be durable under its new name
    const sync = moved.has(path) && context.durability === 'power'
    saved.set(path, { old: await digestOfFileAt(context.tree, backup, sync), backup })
  })
  const actions: IntentAction[] = plan.actions.map(({ path }) => ({ path, ...saved.get(path) }))
  await context.limiter.each(plan.actions.keys(), async (i) => {
    const { content, path } = plan.actions[i] as PlannedAction
    if (!content) return
    if (content.from === 'new') {
      const { path: temporary, digest } = staged.get(content.staged)!
      actions[i] = { ...actions[i]!, temporary, digest }
    } else {
      const there = stats.get(content.path)!
      const temporary = await stageLink(context, content.path, homeOf(path, known), there)
      actions[i] = { ...actions[i]!, temporary, digest: saved.get(content.path)!.old }
    }
  })
  return { actions, stats }
}

/**
 * The nearest existing folder above `path`: new content is staged there, so that no folder is made before the commit.
 */
export function homeOf(path: string, known: (path: string) => PathKind | undefined): string {
  let home = parentOf(path)
  while (known(home) !== 'folder') home = parentOf(home)
  return home
}

async function lookAgain(
  { tree }: TransactionContext,
  path: string,
  before: PathKind | undefined,
): Promise<FileStats | undefined> {
  // what is below a missing folder is missing, too; makeDirectory notices if that changes
  const there = await inFolder(tree, path, (where) => lstatIfThere(tree.fs, where)).catch(
    (error: unknown) => {
      if (before === 'missing') return undefined
      throw error
    },
  )
  if (before === 'file' ? there?.isFile() : !there) return there
  const message = `${printable(path)} was changed by somebody else since the transaction named it`
  throw new SluiceError('ERR_TRANSACTION', message, { path })
}
