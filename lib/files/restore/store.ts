import { isSluiceError, printable, SluiceError } from '../../errors.js'
import { fileDigest } from '../disk/digest-file.js'
import { systemCode } from '../disk/disk-error.js'
import { copyFile, moveWritten, orRemove } from '../disk/move-file.js'
import { nameOf } from '../disk/names.js'
import { lstatIfThere, unlinkIfThere } from '../disk/stats.js'
import { digestOfFileAt, inFolder, type StagingArea, stage } from '../intent/staging.js'
import type { PassOver } from '../own/foreign.js'
import { newRecoveryKey, parseRecoveryName, recoveryName } from '../own/names.js'
import { makeInOwnFolder, ownFolders, ownNames, removeOwnFolder } from '../own/own-folder.js'
import { isGone, type ProcessSystem } from '../own/owner.js'
import {
  encodeSealed,
  hasShape,
  isDigest,
  isNumber,
  isUserPath,
  maybe,
  oneOf,
  type RecordShape,
} from '../own/record.js'
import { readSealed } from '../own/sealed-file.js'
import { ownerOfTemporary } from '../own/temporary-name.js'
import type { OpenFolder, Tree } from '../tree/tree.js'

/** What is going to be done with a file. */
export type RecoveryKind = 'write' | 'create' | 'delete'

/** The content of the file of a point. */
export interface PointRecord {
  kind: RecoveryKind
  /** Below the folder, with `/`. */
  path: string
  /** Milliseconds since 1970. */
  time: number
  /** SHA-256 of the file before the change, hexadecimal; missing if there was none. */
  old?: string
  /** The kept content is a second name of the file, not a copy: it may have been written to since. */
  linked?: boolean
  /** SHA-256 of the file after the change; null if there was none. Missing until `after` is called. */
  after?: string | null
}

/** A commit: all points with a lower number no longer count. */
interface CommitRecord {
  kind: 'commit'
  time: number
}

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

const POINT_TITLE = 'sluice-point 1'

const POINT_SHAPE: RecordShape = {
  kind: oneOf('write', 'create', 'delete'),
  path: isUserPath,
  time: isNumber,
  old: maybe(isDigest),
  linked: maybe(oneOf(true, false)),
  after: (value) => value === null || maybe(isDigest)(value),
}

function isPointRecord(value: unknown): value is PointRecord | CommitRecord {
  return hasShape(value, POINT_SHAPE) || hasShape(value, { kind: oneOf('commit'), time: isNumber })
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
  readonly #guard: () => Promise<void>

  /** @param guard called before each change of a point; throws once others may work there */
  constructor(area: StagingArea, guard: () => Promise<void>) {
    this.#area = area
    this.#guard = guard
    this.#tree = area.tree
    this.#power = area.durability === 'power'
  }

  /** All points, the oldest first, but for those of other users. Removes what a crash left beside them. */
  async find(system: ProcessSystem, passOver?: PassOver): Promise<Point[]> {
    const { fs } = this.#tree
    const found: Point[] = []
    for await (const folder of ownFolders(this.#tree, { tidy: true, passOver })) {
      const names = await ownNames(this.#tree, folder, { passOver })
      for (const name of names) {
        const parsed = parseRecoveryName(name)
        if (parsed?.what === 'point') {
          const record = await readSealed(fs, folder.at(name), POINT_TITLE)
          const stored = isPointRecord(record) ? record : undefined
          found.push(new Point(folder.path, parsed.key, parsed.number, stored, true))
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
        // else a power cut could leave a point without its content
        if (this.#power) await folder.sync()
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
      await this.#guard()
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
    const { path, written } = await stage(this.#area, folder.path, [encodeSealed(POINT_TITLE, record)], {
      mode: 0o600,
    })
    const temporary = folder.at(nameOf(path))
    const move = async () => {
      await this.#guard()
      await moveWritten(this.#tree.fs, temporary, folder.at(name), written)
    }
    await orRemove(this.#tree.fs, temporary, move, written)
    if (this.#power) await folder.sync()
  }
}

/** What the system says where a folder above a path is missing. */
const NO_FOLDER = new Set<string | undefined>(['ENOENT', 'ENOTDIR'])

/**
 * Keeps the file at `path` under `where`, and returns what it was; nothing if there is no file. A file that is about
 * to be deleted gets a second name, because nobody writes to it any more; any other is copied.
 */
export async function keepContent(
  { tree, durability }: StagingArea,
  kind: RecoveryKind,
  path: string,
  where: string,
): Promise<Pick<PointRecord, 'old' | 'linked'>> {
  const { fs } = tree
  const power = durability === 'power'
  const keep = async (from: string) => {
    const there = await lstatIfThere(fs, from)
    if (kind === 'create' && there) {
      const message = `${printable(path)} is there already, and cannot be created; make a point for 'write'`
      throw new SluiceError('ERR_CONFLICT', message, { path })
    }
    if (!there && kind === 'delete') throw nothingToDelete(tree.root, path)
    if (!there) return {}
    if (kind === 'delete') {
      const old = await digestOfFileAt(tree, path, { sync: power })
      const linked = await fs.link(from, where).then(
        () => true,
        () => false,
      )
      if (linked) return { old, linked }
    }
    await copyFile(fs, from, where, power)
    // the digest of the copy: it must still be the same when it is put back
    return { old: await fileDigest(fs, where) }
  }
  return inFolder(tree, path, keep).catch((error: unknown) => {
    throw kind === 'delete' && isSluiceError(error) && NO_FOLDER.has(systemCode(error))
      ? nothingToDelete(tree.root, path)
      : error
  })
}

function nothingToDelete(root: string, path: string): SluiceError {
  const message =
    `${printable(path)} cannot be deleted: there is no such file in ${printable(root)}; ` +
    'correct the path, or make no point for it'
  return new SluiceError('ERR_NO_SUCH_FILE', message, { path })
}
