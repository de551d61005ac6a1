import { join } from 'node:path'
import { type FileSystem, OPEN } from '../disk/fs.js'
import { checkName } from '../disk/names.js'
import { syncOpenFolder } from '../disk/sync.js'
import type { OpenFolder } from './open-folder.js'

/**
 * The folder at `path`, which may lead through links, since the user gave it. It is held open until it is closed, so
 * that everything happens in one and the same folder (on Linux; elsewhere by its path).
 */
export class Folder implements OpenFolder {
  readonly path: string
  readonly fd: number
  readonly #fs: FileSystem
  #closing: Promise<void> | undefined

  private constructor(fs: FileSystem, path: string, fd: number) {
    this.#fs = fs
    this.path = path
    this.fd = fd
  }

  /**
   * Opens the folder at `path`. Throws system errors (ENOENT, ENOTDIR, EACCES, …).
   * @param flags with {@link OPEN}`.folder` not through a link
   */
  static async open(fs: FileSystem, path: string, flags: number = OPEN.anyFolder): Promise<Folder> {
    return new Folder(fs, path, await fs.open(path, flags))
  }

  /** Opens a folder in this one, not through a link. Throws system errors. */
  async enter(name: string): Promise<Folder> {
    return new Folder(this.#fs, join(this.path, name), await this.#fs.open(this.at(name), OPEN.folder))
  }

  at(name: string): string {
    checkName(name, this.#fs.platform, name)
    return this.#fs.at(this.fd, name) ?? join(this.path, name)
  }

  list(): Promise<Buffer[]> {
    return this.#fs.readdir(this.#fs.at(this.fd, '.') ?? this.path)
  }

  sync(): Promise<void> {
    return syncOpenFolder(this.#fs, this.fd)
  }

  release(): void {
    this.close()
  }

  /**
   * Resolves when it is closed. Never fails: nothing is written through the handle of a folder, so that nothing is
   * lost.
   */
  close(): Promise<void> {
    this.#closing ??= this.#fs.close(this.fd).catch(() => {})
    return this.#closing
  }
}
