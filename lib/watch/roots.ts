import { asSluiceError, printable, SluiceError } from '../errors.js'
import type { FileSystem } from '../files/disk/fs.js'
import {
  type Argument,
  argumentsOf,
  type NamedPath,
  namedOf,
  type PathNaming,
} from '../stages/manifest/arguments.js'

/** Where on this disk something that is watched begins, and as what it is offered. */
interface Root {
  named: NamedPath
  /** Where that leads. */
  path: string
  /** The name that it is offered under, or the path. */
  name: string
  isFolder: boolean
}

/** Where what is watched begins: each may go, and come back. */
export class Roots {
  readonly #fs: FileSystem
  readonly #roots: readonly Root[]
  #gone: ReadonlySet<Root> = new Set()

  private constructor(fs: FileSystem, roots: readonly Root[]) {
    this.#fs = fs
    this.#roots = roots
  }

  /** @throws SluiceError as `manifestOf` does for its arguments */
  static async find(paths: readonly string[], naming: PathNaming & { fs: FileSystem }): Promise<Roots> {
    const { fs } = naming
    const found = await argumentsOf(namedOf(paths, naming), fs)
    const resolved = found.map(async ({ path, name, whole, as }: Argument): Promise<Root> => {
      const real = await fs.realpath(path)
      const named = { given: whole, whole, ...(as && { as }) }
      return { named, path: real, name, isFolder: (await fs.lstat(real)).isDirectory() }
    })
    const roots = await Promise.all(resolved).catch((error: unknown) => {
      throw asSluiceError(error, 'ERR_NO_SUCH_FILE', 'what is to be watched is not there')
    })
    return new Roots(fs, roots)
  }

  get folders(): string[] {
    return this.#roots.filter(({ isFolder }) => isFolder).map(({ path }) => path)
  }

  get files(): string[] {
    return this.#roots.filter(({ isFolder }) => !isFolder).map(({ path }) => path)
  }

  /**
   * The paths under which a file of this disk is offered: more than one where a folder is named beside one above it.
   */
  offered(path: string): string[] {
    return this.#roots.flatMap((root) => {
      if (path === root.path) return [root.name]
      const above = root.path.endsWith('/') ? root.path : `${root.path}/`
      return path.startsWith(above) ? [`${root.name}/${path.slice(above.length)}`] : []
    })
  }

  /**
   * Those that are there now.
   * @param warn told of each that went, once
   */
  async present(warn: (warning: SluiceError) => void): Promise<NamedPath[]> {
    const isThere = ({ named }: Root) =>
      this.#fs.realpath(named.whole).then(
        () => true,
        () => false,
      )
    const are = await Promise.all(this.#roots.map(isThere))
    const gone = new Set(this.#roots.filter((_, at) => !are[at]))
    for (const root of gone) if (!this.#gone.has(root)) warn(wentAway(root))
    this.#gone = gone
    return this.#roots.filter((root) => !gone.has(root)).map(({ named }) => named)
  }
}

function wentAway({ named: { given } }: Root): SluiceError {
  const message = `${printable(given)} is not there any more; what was sent of it stays at the receiver, and if it comes back, it is sent again`
  return new SluiceError('ERR_NO_SUCH_FILE', message, { path: given })
}
