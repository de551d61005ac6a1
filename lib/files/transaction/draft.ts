import { printable, SluiceError } from '../../errors.js'
import { plainMode, withAccessList } from '../disk/access-list.js'
import type { FileStats } from '../disk/fs.js'
import { checkBelow, nameOf, parentOf } from '../disk/names.js'
import { lstatIfThere } from '../disk/stats.js'
import type { Intent, IntentAction } from '../intent/intent.js'
import { digestOfFileAt, inFolder, type StagedFile, stage, stageCopy, stageLink } from '../intent/staging.js'
import { isInOwnFolder } from '../own/own-folder.js'
import { ownerOfTemporary } from '../own/temporary-name.js'
import { Aliases } from './aliases.js'
import type { TransactionContext } from './context.js'
import { fewAtOnce, removeAll } from './folder.js'
import type { newContentOf, TransactionProgress } from './options.js'
import { foldersAbove, type PlannedAction, Planner } from './plan.js'

/** Checks each operation against the disk, stages new content, and feeds the planner. */
export class Draft {
  readonly #context: TransactionContext
  readonly #report: (progress: TransactionProgress) => void
  readonly #planner = new Planner()
  readonly #staged = new Map<number, Promise<StagedFile>>()
  readonly #aliases: Aliases
  readonly #limiter = fewAtOnce()
  #turn: Promise<unknown> = Promise.resolve()
  #files = 0
  #bytes = 0

  constructor(context: TransactionContext, report: (progress: TransactionProgress) => void) {
    this.#context = context
    this.#report = report
    this.#aliases = new Aliases(context.tree)
  }

  /** Bytes of new content so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** @param content called in the turn of this operation; if it throws, nothing is planned */
  async write(path: string, content: () => ReturnType<typeof newContentOf>, mode?: number): Promise<void> {
    const number = this.#staged.size
    await this.#stage(
      this.#inTurn([path], async () => {
        const pieces = await content()
        this.#planner.write(path, number)
        return async () =>
          stage(this.#context, this.#home(path), pieces, { ...(await this.#keeping(path)), mode })
      }),
    )
  }

  /** @param check throws if the content is wrong */
  async copy(from: string, to: string, check?: (content: Uint8Array) => Promise<unknown>): Promise<void> {
    checkDifferent(from, to)
    const number = this.#staged.size
    await this.#stage(
      this.#inTurn([from, to], async () => {
        const source = this.#planner.source(from)
        this.#planner.write(to, number)
        const path = source.from === 'old' ? source.path : (await this.#staged.get(source.staged)!).path
        return async () => {
          const own = await this.#keeping(to)
          const attributes = (source: FileStats) => (own.there ? own : { mode: plainMode(source) })
          return stageCopy(this.#context, path, this.#home(to), attributes, check)
        }
      }),
    )
  }

  async move(from: string, to: string): Promise<void> {
    checkDifferent(from, to)
    await this.#inTurn([from, to], async () => this.#planner.move(from, to))
  }

  async delete(path: string): Promise<void> {
    await this.#inTurn([path], async () => this.#planner.delete(path))
  }

  /**
   * Makes ready all that the commit and an undo need: each moved file gets a second name beside its new path, and each
   * file that will be replaced or removed gets one beside itself, by a link or a copy. Fails with `ERR_TRANSACTION` if
   * something else is at a path than when it was named. No operation may be running any more.
   * @returns with the stats of each path at this moment
   */
  async prepare(): Promise<Pick<Intent, 'folders' | 'actions'> & { stats: Map<string, FileStats> }> {
    const { actions: planned, folders } = this.#planner.plan()
    const staged = await this.#stagedFor(planned)
    const stats = new Map<string, FileStats>()
    const saved = new Map<string, { old: string; backup: string }>()
    const moved = new Set(planned.flatMap(({ content }) => (content?.from === 'old' ? [content.path] : [])))
    await this.#limiter.each(planned, async ({ path }) => {
      const there = await this.#lookAgain(path)
      if (!there) return
      stats.set(path, there)
      const backup = await stageLink(this.#context, path, parentOf(path), there)
      // the content of a moved file must be durable under its new name
      const sync = moved.has(path) && this.#context.durability === 'power'
      saved.set(path, { old: await digestOfFileAt(this.#context.tree, backup, sync), backup })
    })
    const actions: IntentAction[] = planned.map(({ path }) => ({ path, ...saved.get(path) }))
    await this.#limiter.each(planned.entries(), async ([i, { content, path }]) => {
      if (!content) return
      if (content.from === 'new') {
        const { path: temporary, digest } = staged.get(content.staged)!
        actions[i] = { ...actions[i]!, temporary, digest }
      } else {
        const there = stats.get(content.path)!
        const temporary = await stageLink(this.#context, content.path, this.#home(path), there)
        actions[i] = { ...actions[i]!, temporary, digest: saved.get(content.path)!.old }
      }
    })
    return { folders, actions, stats }
  }

  /** The new content that counts, by its number. Removes what later operations have replaced. */
  async #stagedFor(planned: readonly PlannedAction[]): Promise<Map<number, StagedFile>> {
    const counts = new Set(planned.map(({ content }) => (content?.from === 'new' ? content.staged : -1)))
    const staged = new Map<number, StagedFile>()
    const superseded: string[] = []
    for (const [number, promise] of this.#staged) {
      const one = await promise
      if (counts.has(number)) staged.set(number, one)
      else superseded.push(one.path)
    }
    await removeAll(this.#context.tree, superseded)
    return staged
  }

  async #lookAgain(path: string): Promise<FileStats | undefined> {
    const { tree } = this.#context
    const before = this.#planner.known(path)
    const there = await inFolder(tree, path, (where) => lstatIfThere(tree.fs, where)).catch(
      (error: unknown) => {
        // what is below a missing folder is missing, too; makeFolder notices if that changes
        if (before === 'missing') return undefined
        throw error
      },
    )
    if (before === 'file' ? there?.isFile() : !there) return there
    const message = `${printable(path)} was changed by somebody else since the transaction named it`
    throw new SluiceError('ERR_TRANSACTION', message, { path })
  }

  /** Plans in the order of the calls, while contents are staged concurrently. */
  #inTurn<T>(paths: string[], plan: () => Promise<T>): Promise<T> {
    const { root, fs } = this.#context.tree
    for (const path of paths) {
      checkBelow(path, root, fs.platform, 'begin a transaction there')
      checkNotOurs(path)
      this.#context.pending.check(path)
    }
    const planned = this.#turn.then(async () => {
      for (const path of paths) await this.#learn(path)
      return plan()
    })
    this.#turn = planned.catch(() => {})
    return planned
  }

  /** @param planned returns a function that stages the content */
  #stage(planned: Promise<() => Promise<StagedFile>>): Promise<StagedFile> {
    // async: if the callback throws, the operation fails, but only after its running look at the disk
    const told = (async () => this.#tell(this.#staged.size + 1))()
    told.catch(() => {})
    const staged = planned
      .finally(() => told)
      .then(async (act) => {
        const one = await this.#limiter.run(act)
        this.#files++
        this.#bytes += one.bytes
        this.#tell(this.#staged.size)
        return one
      })
    this.#staged.set(this.#staged.size, staged)
    return staged
  }

  #tell(totalFiles: number): void {
    this.#report({ phase: 'staging', files: this.#files, totalFiles, bytes: this.#bytes })
  }

  /** Looks at the path and the folders above it, if that was not done before. */
  async #learn(path: string): Promise<void> {
    const { tree } = this.#context
    for (const one of [...foldersAbove(path), path]) {
      if (this.#planner.known(one) !== undefined) continue
      const there = await inFolder(tree, one, (where) => lstatIfThere(tree.fs, where))
      if (there?.isSymbolicLink()) {
        const message = `${printable(one)} is a symbolic link; name what it leads to`
        throw new SluiceError('ERR_UNSAFE_LINK', message, { path: one })
      }
      if (there && !there.isFile() && !there.isDirectory()) {
        const message = `${printable(one)} is neither a file nor a folder`
        throw new SluiceError('ERR_TRANSACTION', message, { path: one })
      }
      if (there?.isFile()) await this.#aliases.check(one, there)
      this.#planner.learn(one, there ? (there.isFile() ? 'file' : 'folder') : 'missing')
    }
  }

  /** The stats of the file at `path`, whose mode and owner the new one gets. */
  async #keeping(path: string): Promise<{ shown: string; there?: FileStats }> {
    const { tree } = this.#context
    if (this.#planner.known(path) !== 'file') return { shown: path }
    const look = async (where: string) => withAccessList(tree.fs, where, await tree.fs.lstat(where))
    return { shown: path, there: await inFolder(tree, path, look) }
  }

  /** The nearest existing folder above: content is staged there, so that no folder is made before the commit. */
  #home(path: string): string {
    let home = parentOf(path)
    while (this.#planner.known(home) !== 'folder') home = parentOf(home)
    return home
  }
}

function checkNotOurs(path: string): void {
  if (ownerOfTemporary(nameOf(path)) === undefined && !isInOwnFolder(path)) return
  throw new SluiceError('ERR_USAGE', `${printable(path)} is a name that Sluice itself uses`, { path })
}

function checkDifferent(from: string, to: string): void {
  // a path that is no string is refused by the check of each path
  if (from === to && typeof from === 'string')
    throw new SluiceError('ERR_USAGE', `from and to are the same path, ${printable(from)}`, { path: from })
}
