import { printable, SluiceError } from '../../errors.js'
import type { FileStats } from '../disk/fs.js'
import { checkBelow, nameOf } from '../disk/names.js'
import { lstatIfThere } from '../disk/stats.js'
import { inFolder, type StagedFile, stage, stageCopy } from '../intent/staging.js'
import { OWN_FOLDERS } from '../own/own-folder.js'
import { ownerOfTemporary } from '../own/temporary-name.js'
import { Aliases } from './aliases.js'
import type { TransactionContext } from './context.js'
import { removeAll } from './folder.js'
import type { TransactionProgress } from './options.js'
import { foldersAbove, type PathKind, Planner, type TransactionPlan } from './plan.js'
import { homeOf, type Prepared, prepare } from './prepare.js'

/** New content as pieces of bytes. */
export type ByteContent = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** Checks each operation against the disk, stages new content, and feeds the planner. */
export class Draft {
  readonly #context: TransactionContext
  readonly #report: (progress: TransactionProgress) => void
  readonly #planner = new Planner()
  readonly #staged = new Map<number, Promise<StagedFile>>()
  readonly #aliases: Aliases
  #turn: Promise<unknown> = Promise.resolve()
  #files = 0
  #bytes = 0

  constructor(context: TransactionContext, report: (progress: TransactionProgress) => void) {
    this.#context = context
    this.#report = report
    this.#aliases = new Aliases(context.tree)
  }

  /** What a path that was named was before the transaction. */
  readonly known = (path: string): PathKind | undefined => this.#planner.known(path)

  /** Bytes of new content so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** @param content called in the turn of this operation; if it throws, nothing is planned */
  async write(path: string, content: () => Promise<ByteContent>, mode?: number): Promise<void> {
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
  async copy(from: string, to: string, check?: (content: Uint8Array) => Promise<void>): Promise<void> {
    checkDifferent(from, to)
    const number = this.#staged.size
    await this.#stage(
      this.#inTurn([from, to], async () => {
        const source = this.#planner.source(from)
        this.#planner.write(to, number)
        const path = source.from === 'old' ? source.path : (await this.#staged.get(source.staged)!).path
        return async () => {
          const own = await this.#keeping(to)
          const attributes = ({ mode }: FileStats) => (own.there ? own : { mode: mode & 0o777 })
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

  /** The final plan, and everything made ready for the commit. No operation may be running any more. */
  async prepare(): Promise<{ plan: TransactionPlan; prepared: Prepared }> {
    const plan = this.#planner.plan()
    const counts = new Set(plan.actions.map(({ content }) => (content?.from === 'new' ? content.staged : -1)))
    const staged = new Map<number, StagedFile>()
    const superseded: string[] = []
    for (const [number, promise] of this.#staged) {
      const one = await promise
      if (counts.has(number)) staged.set(number, one)
      else superseded.push(one.path)
    }
    await removeAll(this.#context, superseded)
    return { plan, prepared: await prepare({ context: this.#context, plan, staged, known: this.known }) }
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
        const one = await this.#context.limiter.run(act)
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
      if (this.known(one) !== undefined) continue
      const there = await inFolder(tree, one, (where) => lstatIfThere(tree.fs, where))
      if (there?.isSymbolicLink())
        throw new SluiceError(
          'ERR_UNSAFE_LINK',
          `${printable(one)} is a symbolic link; name what it leads to`,
          {
            path: one,
          },
        )
      if (there && !there.isFile() && !there.isDirectory())
        throw new SluiceError('ERR_TRANSACTION', `${printable(one)} is neither a file nor a folder`, {
          path: one,
        })
      if (there?.isFile()) await this.#aliases.check(one, there)
      this.#planner.learn(one, there ? (there.isFile() ? 'file' : 'folder') : 'missing')
    }
  }

  /** The stats of the file at `path`, whose mode and owner the new one gets. */
  async #keeping(path: string): Promise<{ shown: string; there?: FileStats }> {
    const { tree } = this.#context
    if (this.known(path) !== 'file') return { shown: path }
    return { shown: path, there: await inFolder(tree, path, (where) => tree.fs.lstat(where)) }
  }

  #home(path: string): string {
    return homeOf(path, this.known)
  }
}

function checkNotOurs(path: string): void {
  const [top] = path.split('/')
  const isOurs =
    ownerOfTemporary(nameOf(path)) !== undefined || (OWN_FOLDERS as readonly string[]).includes(top!)
  if (isOurs)
    throw new SluiceError('ERR_USAGE', `${printable(path)} is a name that Sluice itself uses`, { path })
}

function checkDifferent(from: string, to: string): void {
  // a path that is no string is refused by the check of each path
  if (from === to && typeof from === 'string')
    throw new SluiceError('ERR_USAGE', `from and to are the same path, ${printable(from)}`, { path: from })
}
