import { printable, SluiceError } from '../../errors.js'
import { badOption } from '../../options.js'
import { withAccessList } from '../disk/access-list.js'
import type { FileStats } from '../disk/fs.js'
import { checkBelow, parentOf } from '../disk/names.js'
import { checkIsStill, lstatIfThere } from '../disk/stats.js'
import { adoption } from '../intent/adoptions.js'
import type { Adopted, FolderRights } from '../intent/intent.js'
import { inFolder, type StagedContent, stage, stageCopy } from '../intent/staging.js'
import { checkNotReserved, isOwnName } from '../own/reserved.js'
import { Aliases } from './aliases.js'
import type { TransactionContext } from './context.js'
import { fewAtOnce } from './folder.js'
import { checkKind, type Listed, leftAsTheyAre, listTree, type Rights, rightsOf } from './list-tree.js'
import type { newContentOf, TransactionProgress } from './options.js'
import { Outside } from './outside.js'
import { checkDifferent, foldersAbove, type PlannedTree, Planner } from './plan.js'
import { type Prepared, prepare } from './prepare.js'

/** Checks each operation against the disk, stages new content, and feeds the planner. */
export class Draft {
  readonly #context: TransactionContext
  readonly #report: (progress: TransactionProgress) => void
  readonly #planner = new Planner()
  readonly #staged = new Map<number, Promise<StagedContent>>()
  readonly #aliases: Aliases
  readonly #limiter = fewAtOnce()
  #turn: Promise<unknown> = Promise.resolve()
  /** What folders are to have that are made as copies of others, by their paths. */
  readonly #rights = new Map<string, FolderRights | undefined>()
  /** What was taken in, and is removed in the end. */
  readonly #moved: Outside[] = []
  /** What gets its name behind all else. */
  readonly adopted: Adopted[] = []
  #number = 0
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
    const number = this.#number++
    const planned = this.#inTurn([path], async () => {
      const pieces = await content()
      this.#planner.write(path, number)
      return async () =>
        stage(this.#context, this.#home(path), pieces, { ...(await this.#keeping(path)), mode })
    })
    await this.#stage(number, planned)
  }

  /** @param check throws if the content is wrong; for a file only */
  async copy(from: string, to: string, check?: (content: Uint8Array) => Promise<unknown>): Promise<void> {
    checkDifferent(from, to)
    await this.#stageAll([from, to], async (begun) => {
      if (!this.#planner.isFolder(from)) return void begun.push(...(await this.#copyFile(from, to, check)))
      if (check) throw badOption('schema', 'left out for a folder', from)
      const { folders, files, listed, renamed } = await this.#treeFor('copied', from, to)
      for (const one of folders) await this.#makeFolder(renamed(one), this.#rightsOf(one, listed, false))
      for (const one of files) {
        await this.#learn(renamed(one))
        begun.push(...(await this.#copyFile(one, renamed(one))))
      }
    })
  }

  async move(from: string, to: string): Promise<void> {
    checkDifferent(from, to)
    await this.#inTurn([from, to], async () => {
      if (!this.#planner.isFolder(from)) return this.#planner.move(from, to)
      const { folders, files, listed, renamed } = await this.#treeFor('moved', from, to)
      for (const one of folders) await this.#makeFolder(renamed(one), this.#rightsOf(one, listed, true))
      for (const one of files) {
        await this.#learn(renamed(one))
        this.#planner.move(one, renamed(one))
      }
      for (const one of folders) this.#planner.removeFolder(one)
    })
  }

  /** @param recursive a folder, too, with all that is in it */
  async delete(path: string, recursive: boolean): Promise<void> {
    await this.#inTurn([path], async () => {
      if (!recursive || !this.#planner.isFolder(path)) return this.#planner.delete(path)
      const { folders, files } = await this.#treeOf(path)
      for (const one of files) this.#planner.delete(one)
      for (const one of folders) this.#planner.removeFolder(one)
    })
  }

  /**
   * Takes in a file or folder from outside.
   * @param source absolute
   * @param move it is removed once everything is committed: see {@link removeSources}
   */
  async bring(source: string, to: string, move: boolean): Promise<void> {
    await this.#stageAll([to], async (begun) => {
      const outside = await Outside.find(this.#context.tree, source)
      for (const [path, stats] of outside.listed) {
        const at = to + path.slice(outside.name.length)
        await this.#learn(at)
        if (stats.isDirectory()) await this.#makeFolder(at, rightsOf(stats, move))
        else begun.push(this.#begin(at, () => this.#stageFrom(outside, path, at, move)))
      }
      this.#context.warnings.push(...leftAsTheyAre(outside.leftOut))
      if (move) this.#moved.push(outside)
    })
  }

  /** See {@link adoption}. No other operation may name the path, or what is in it. */
  async adopt(from: string, to: string): Promise<void> {
    checkNotReserved(to, isOwnName)
    this.#context.pending.check(to)
    this.adopted.push(await adoption(this.#context, from, to))
  }

  /** Removes what was moved in. What cannot be removed is a warning: it is there twice. */
  async removeSources(): Promise<void> {
    const { durability, warnings } = this.#context
    for (const outside of this.#moved) {
      const warning = await outside.remove(durability === 'power')
      if (warning) warnings.push(warning)
    }
  }

  /** {@link prepare} of all that was planned. No operation may be running any more. */
  prepare(): Promise<Prepared> {
    const home = (path: string) => this.#home(path)
    return prepare(this.#context, {
      planner: this.#planner,
      staged: this.#staged,
      rights: this.#rights,
      home,
    })
  }

  /** {@link #inTurn} for what stages any number of files; waits for all that it begun. */
  async #stageAll(paths: string[], plan: (begun: Promise<StagedContent>[]) => Promise<void>): Promise<void> {
    const begun: Promise<StagedContent>[] = []
    try {
      await this.#inTurn(paths, () => plan(begun))
    } finally {
      await Promise.allSettled(begun)
    }
    await Promise.all(begun)
  }

  /** What is in a folder by now. */
  async #treeOf(path: string): Promise<PlannedTree & { listed: Listed }> {
    const { tree, taken, warnings } = this.#context
    const isThere = this.#planner.known(path) === 'folder'
    const { listed, leftOut } = isThere ? await listTree(tree, path) : { listed: new Map(), leftOut: [] }
    warnings.push(...leftAsTheyAre(leftOut.filter((one) => !taken.has(one))))
    for (const [one, stats] of listed) await this.#know(one, stats)
    return { ...this.#planner.tree(path), listed }
  }

  /** {@link #treeOf} a folder that is copied or moved, and the new path of each of its paths. */
  async #treeFor(what: string, from: string, to: string) {
    if (to.startsWith(`${from}/`)) {
      const message = `${printable(from)} cannot be ${what} into itself, to ${printable(to)}`
      throw new SluiceError('ERR_TRANSACTION', message, { path: from })
    }
    return { ...(await this.#treeOf(from)), renamed: (path: string) => to + path.slice(from.length) }
  }

  /** What the copy of a folder is to have; undefined for one that is made only since something gets into it. */
  #rightsOf(path: string, listed: Listed, move: boolean): Rights | undefined {
    if (this.#planner.isMade(path)) return this.#rights.get(path)
    const stats = listed.get(path)
    return stats && rightsOf(stats, move)
  }

  async #makeFolder(path: string, rights: Rights | undefined): Promise<void> {
    await this.#learn(path)
    this.#planner.makeFolder(path)
    this.#rights.set(path, rights && { ...rights, path })
  }

  /** Plans a copy, and begins it. In a list, so that it is not waited for. */
  async #copyFile(
    from: string,
    to: string,
    check?: (content: Uint8Array) => Promise<unknown>,
  ): Promise<[Promise<StagedContent>]> {
    const source = this.#planner.source(from)
    const staged = source.from === 'new' ? await this.#staged.get(source.staged)! : undefined
    const path = source.from === 'old' ? source.path : staged!.path
    const copy = async () => {
      const own = await this.#keeping(to)
      const attributes = (source: FileStats) => {
        if (staged) checkIsStill(source, staged.written)
        return own.there ? own : { ...own, there: source, isCopy: true }
      }
      return stageCopy(this.#context, path, this.#home(to), attributes, check)
    }
    return [this.#begin(to, copy)]
  }

  async #stageFrom(outside: Outside, path: string, to: string, move: boolean): Promise<StagedContent> {
    const own = await this.#keeping(to)
    const attributes = (read: FileStats) => {
      outside.remember(path, read)
      if (move) return { shown: to, there: read, mtimeMs: read.mtimeMs }
      return own.there ? own : { ...own, there: read, isCopy: true }
    }
    return outside.within((tree) =>
      stageCopy(this.#context, path, this.#home(to), attributes, undefined, tree),
    )
  }

  /** Plans new content, and begins to stage it. To be called in a turn. */
  #begin(path: string, act: () => Promise<StagedContent>): Promise<StagedContent> {
    const number = this.#number++
    this.#planner.write(path, number)
    return this.#stage(number, Promise.resolve(act))
  }

  /** Plans in the order of the calls, while contents are staged concurrently. */
  #inTurn<T>(paths: string[], plan: () => Promise<T>): Promise<T> {
    const { root, fs } = this.#context.tree
    for (const path of paths) {
      checkBelow(path, root, fs.platform, 'begin a transaction there, or take them in by copyIn or moveIn')
      checkNotReserved(path, isOwnName)
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
  #stage(number: number, planned: Promise<() => Promise<StagedContent>>): Promise<StagedContent> {
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
    // whoever waits for it learns of it; the commit does in any case
    staged.catch(() => {})
    this.#staged.set(number, staged)
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
      await this.#know(one, there)
    }
  }

  async #know(path: string, there: FileStats | undefined): Promise<void> {
    if (this.#planner.known(path) !== undefined) return
    checkKind(path, there)
    if (there?.isFile()) await this.#aliases.check(path, there)
    this.#planner.learn(path, there ? (there.isFile() ? 'file' : 'folder') : 'missing')
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
