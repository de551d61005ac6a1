import { isDeepStrictEqual } from 'node:util'
import { printable, SluiceError } from '../../errors.js'
import { withAccessList } from '../disk/access-list.js'
import { checkReplaceable } from '../disk/attributes.js'
import type { FileStats } from '../disk/fs.js'
import { parentOf } from '../disk/names.js'
import { lstatIfThere } from '../disk/stats.js'
import type { FolderRights, Intent, IntentAction } from '../intent/intent.js'
import { digestOfFileAt, inFolder, type StagedContent, stageLink } from '../intent/staging.js'
import type { TransactionContext } from './context.js'
import { fewAtOnce, removeAll, unlessMissing } from './folder.js'
import { namesIn, rightsOf } from './list-tree.js'
import type { PlannedAction, Planner } from './plan.js'

/** What was planned, and what is there of it. */
interface PlannedFiles {
  planner: Planner
  /** New content by its number. */
  staged: ReadonlyMap<number, Promise<StagedContent>>
  /** What folders are to have; only that of those counts that are made in the end. */
  rights: ReadonlyMap<string, FolderRights | undefined>
  /** The nearest existing folder above a path. */
  home: (path: string) => string
}

/** All that the intent says of changes, and the stats of each path at this moment. */
export type Prepared = Required<Pick<Intent, 'folders' | 'rights' | 'emptied' | 'actions'>> & {
  stats: Map<string, FileStats>
}

/**
 * Makes ready all that the commit and an undo need: each moved file gets a second name beside its new path, and each
 * file that will be replaced or removed gets one beside itself, by a link or a copy. Fails with `ERR_TRANSACTION` if
 * something else is at a path than when it was named, or something new is in a folder that goes.
 */
export async function prepare(context: TransactionContext, given: PlannedFiles): Promise<Prepared> {
  const { planner, home } = given
  const limiter = fewAtOnce()
  const { actions: planned, folders, emptied } = planner.plan()
  await limiter.each(emptied, (path) => checkAllKnown(context, planner, path))
  const rightsIn = (path: string) => (planner.isMade(path) ? given.rights.get(path) : undefined)
  await limiter.each(given.rights.keys(), (path) => checkRights(context, planner, path, rightsIn(path)))
  // one that is only above new files may be there by now, as it may have been before
  const own = folders.filter((path) => rightsIn(path) !== undefined)
  await limiter.each(own, async (path) => void (await lookAgain(context, planner, path)))
  const rights = own.flatMap((path) => rightsIn(path) ?? [])
  const staged = await stagedFor(context, given.staged, planned)
  const stats = new Map<string, FileStats>()
  const saved = new Map<string, { old: string; backup: string }>()
  const moved = new Set(planned.flatMap(({ content }) => (content?.from === 'old' ? [content.path] : [])))
  await limiter.each(planned, async ({ path, content }) => {
    const there = await lookAgain(context, planner, path)
    if (!there) return
    // what was moved away is not lost
    if (content && !moved.has(path)) checkReplaceable(path, there, context.replaceReadOnly)
    stats.set(path, there)
    const { path: backup } = await stageLink(context, path, parentOf(path), there)
    // the content of a moved file must be durable under its new name
    const sync = moved.has(path) && context.durability === 'power'
    saved.set(path, { old: await digestOfFileAt(context.tree, backup, { sync }), backup })
  })
  const actions: IntentAction[] = planned.map(({ path }) => ({ path, ...saved.get(path) }))
  await limiter.each(planned.entries(), async ([i, { content, path }]) => {
    if (!content) return
    if (content.from === 'new') {
      const { path: temporary, digest } = staged.get(content.staged)!
      actions[i] = { ...actions[i]!, temporary, digest }
    } else {
      const there = stats.get(content.path)!
      const { path: temporary } = await stageLink(context, content.path, home(path), there)
      actions[i] = { ...actions[i]!, temporary, digest: saved.get(content.path)!.old }
    }
  })
  return { folders, rights, emptied, actions, stats }
}

/** The new content that counts, by its number. Removes what later operations have replaced. */
async function stagedFor(
  { tree, taken }: TransactionContext,
  all: PlannedFiles['staged'],
  planned: readonly PlannedAction[],
): Promise<Map<number, StagedContent>> {
  const counts = new Set(planned.map(({ content }) => (content?.from === 'new' ? content.staged : -1)))
  const staged = new Map<number, StagedContent>()
  const superseded: string[] = []
  for (const [number, promise] of all) {
    const one = await promise
    if (counts.has(number)) staged.set(number, one)
    else superseded.push(one.path)
  }
  await removeAll(tree, superseded, taken)
  return staged
}

async function lookAgain(
  { tree }: TransactionContext,
  planner: Planner,
  path: string,
): Promise<FileStats | undefined> {
  const before = planner.known(path)
  const there = await inFolder(tree, path, (where) => lstatIfThere(tree.fs, where)).catch(
    (error: unknown) => {
      // what is below a missing folder is missing, too
      if (before === 'missing') return undefined
      throw error
    },
  )
  if (before === 'file' ? there?.isFile() : !there) return there
  throw changed(path)
}

/** A folder that stands keeps its rights until the end: the one that takes its place must have the same. */
async function checkRights(
  { tree }: TransactionContext,
  planner: Planner,
  path: string,
  rights: FolderRights | undefined,
): Promise<void> {
  if (!rights || planner.known(path) !== 'folder') return
  const look = async (where: string) => withAccessList(tree.fs, where, await tree.fs.lstat(where))
  const there = await inFolder(tree, path, look).catch(unlessMissing)
  if (!there?.isDirectory()) throw changed(path)
  if (isDeepStrictEqual({ ...rightsOf(there, rights.owner !== undefined), path }, rights)) return
  const message = `${printable(path)} has another owner, mode or access list than the folder that takes its place; delete it in a transaction of its own before`
  throw new SluiceError('ERR_TRANSACTION', message, { path })
}

/** Whether a folder that goes has nothing in it but what the transaction knows. */
async function checkAllKnown({ tree }: TransactionContext, planner: Planner, folder: string): Promise<void> {
  const names = await namesIn(tree, folder).catch(unlessMissing)
  for (const path of names?.map((name) => `${folder}/${name}`) ?? [])
    if ((planner.known(path) ?? 'missing') === 'missing') throw changed(path)
}

function changed(path: string): SluiceError {
  const message = `${printable(path)} was changed by somebody else since the transaction named it`
  return new SluiceError('ERR_TRANSACTION', message, { path })
}
