import { readWholeFile } from '../content/read-file.js'
import { moveOver } from '../disk/move-file.js'
import { nameOf } from '../disk/names.js'
import { unlinkIfThere } from '../disk/stats.js'
import { type StagingArea, stage } from '../intent/staging.js'
import { newRecoveryKey, parseRecoveryName, recoveryName } from '../own/names.js'
import { makeInOwnFolder, ownFolders, removeOwnFolder } from '../own/own-folder.js'
import { isGone, type ProcessSystem } from '../own/owner.js'
import { ownerOfTemporary } from '../own/temporary-name.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { type CommitRecord, decodePoint, encodePoint, type PointRecord, type RecoveryKind } from './record.js'

/** A point to which one file can be restored. */
export interface RecoveryPoint {
  readonly kind: RecoveryKind
  /** The path of the file below the folder, with `/`. */
  readonly path: string
  /** When the point was made, in milliseconds since 1970. */
  readonly time: number
  /** Whether {@link RecoveryManager.after} was called. */
  readonly done: boolean
  /** Whether it was made by an earlier manager, which was closed or whose process died. */
  readonly earlier: boolean
}

/** A point on the disk. One that cannot be read has the path of its own file. */
export class Point implements RecoveryPoint {
  constructor(
    /** Which of our folders it is in. */
    readonly folder: string,
    readonly key: string,
    readonly number: number,
    /** undefined if it cannot be read. */
    public stored: PointRecord | CommitRecord | undefined,
    readonly earlier: boolean,
  ) {}

  get record(): PointRecord | undefined {
    return this.stored?.kind === 'commit' ? undefined : this.stored
  }

  get kind(): RecoveryKind {
    return this.record?.kind ?? 'write'
  }

  get path(): string {
    return this.record?.path ?? `${this.folder}/${this.key}.point`
  }

  get time(): number {
    return this.record?.time ?? 0
  }

  get done(): boolean {
    return this.record?.after !== undefined
  }
}

/** Recovery points on the disk: for each point a file in our folder, and beside it the content that was kept. */
export class RecoveryStore {
  readonly #area: StagingArea
  readonly #tree: Tree
  readonly #power: boolean

  constructor(area: StagingArea) {
    this.#area = area
    this.#tree = area.tree
    this.#power = area.durability === 'power'
  }

  /** All points, the oldest first. Removes what a crash left beside them. */
  async find(system: ProcessSystem): Promise<Point[]> {
    const { fs } = this.#tree
    const found: Point[] = []
    for await (const folder of ownFolders(this.#tree, true)) {
      const names = (await folder.list()).map(String)
      for (const name of names) {
        const parsed = parseRecoveryName(name)
        if (parsed?.what === 'point') {
          const record = decodePoint(await readWholeFile(fs, folder.at(name), name))
          found.push(new Point(folder.path, parsed.key, parsed.number, record, true))
        }
        // kept content without a point: a crash before the point was written, or after it was removed
        const orphan = parsed?.what === 'kept' && !names.includes(recoveryName(parsed.key, 'point'))
        const owner = ownerOfTemporary(name)
        if (orphan || (owner && isGone(owner, system))) await unlinkIfThere(fs, folder.at(name))
      }
    }
    return found.sort((a, b) => a.number - b.number)
  }

  /**
   * Makes a new point. When it resolves, the point and the kept content are durable; when it rejects, nothing of it
   * is left, if possible.
   * @param keep keeps the content at `where`, if there is any, and returns the record
   */
  async add(number: number, keep: (where: string) => Promise<PointRecord | CommitRecord>): Promise<Point> {
    const key = newRecoveryKey(number)
    const point = recoveryName(key, 'point')
    const kept = recoveryName(key, 'kept')
    return makeInOwnFolder(this.#tree, async (folder) => {
      try {
        const record = await keep(folder.at(kept))
        await this.#write(folder, point, record)
        // our folder may be new
        if (this.#power) await this.#tree.sync('')
        folder.release()
        return new Point(folder.path, key, number, record, false)
      } catch (error) {
        for (const one of [point, kept]) await this.#tree.fs.unlink(folder.at(one)).catch(() => {})
        throw error
      }
    })
  }

  /** Replaces the record of a point. */
  async update(point: Point, record: PointRecord): Promise<void> {
    const name = recoveryName(point.key, 'point')
    await this.#tree.within(point.folder, (folder) => this.#write(folder, name, record))
    point.stored = record
  }

  /** Removes a point durably, and then what it kept. */
  async remove({ folder: name, key }: Point): Promise<void> {
    const { fs } = this.#tree
    const folder = await this.#tree.folder(name)
    try {
      await unlinkIfThere(fs, folder.at(recoveryName(key, 'point')))
      // in the other order a power cut could bring back a point without its content
      if (this.#power) await folder.sync()
      await unlinkIfThere(fs, folder.at(recoveryName(key, 'kept')))
    } finally {
      await removeOwnFolder(this.#tree, folder)
    }
  }

  /** The path of the content that a point kept, below the root of the tree. */
  keptPath({ folder, key }: Point): string {
    return `${folder}/${recoveryName(key, 'kept')}`
  }

  /** Replaces the file whole: it is written under a temporary name first. */
  async #write(folder: OpenFolder, name: string, record: PointRecord | CommitRecord): Promise<void> {
    const { path } = await stage(this.#area, folder.path, [encodePoint(record)], { mode: 0o600 })
    const temporary = folder.at(nameOf(path))
    try {
      await moveOver(this.#tree.fs, temporary, folder.at(name))
    } catch (error) {
      await this.#tree.fs.unlink(temporary).catch(() => {})
      throw error
    }
    if (this.#power) await folder.sync()
  }
}
