import { SluiceError } from '../../errors.js'
import { readWholeFile } from '../content/read-whole.js'
import { errorCode } from '../disk/disk-error.js'
import { moveOver } from '../disk/move-file.js'
import { nameOf } from '../disk/names.js'
import { type StagingArea, stage } from '../intent/staging.js'
import { newRecoveryKey, parseRecoveryName, recoveryName } from '../own/names.js'
import { findOwnFolder, makeOwnFolder, OWN_FOLDERS, removeOwnFolder } from '../own/own-folder.js'
import { isGone, type ProcessSystem } from '../own/owner.js'
import { ownerOfTemporary } from '../own/temporary-name.js'
import type { Directory } from '../tree/directory.js'
import type { Tree } from '../tree/tree.js'
import { type CommitRecord, decodePoint, encodePoint, type PointRecord } from './record.js'

/** A point on the disk. */
export interface Stored {
  /** Which of our folders it is in. */
  folder: string
  key: string
  number: number
  /** undefined if it cannot be read. */
  record: PointRecord | CommitRecord | undefined
}

const MOST_POINT_TRIES = 16

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
  async find(system: ProcessSystem): Promise<Stored[]> {
    const found: Stored[] = []
    for (const name of OWN_FOLDERS) {
      const folder = await findOwnFolder(this.#tree, name)
      if (!folder) continue
      try {
        found.push(...(await this.#findIn(folder, system)))
      } finally {
        await removeOwnFolder(this.#tree, folder)
      }
    }
    return found.sort((a, b) => a.number - b.number)
  }

  async #findIn(folder: Directory, system: ProcessSystem): Promise<Stored[]> {
    const found: Stored[] = []
    const names = (await folder.list()).map(String)
    for (const name of names) {
      const parsed = parseRecoveryName(name)
      if (parsed?.what === 'point') {
        const { key, number } = parsed
        found.push({ folder: folder.path, key, number, record: await this.#read(folder, name) })
      }
      // kept content without a point: a crash before the point was written, or after it was removed
      const orphan = parsed?.what === 'kept' && !names.includes(recoveryName(parsed.key, 'point'))
      const owner = ownerOfTemporary(name)
      if (orphan || (owner && isGone(owner, system))) await this.#unlink(folder, name)
    }
    return found
  }

  /**
   * Makes a new point. When it resolves, the point and the kept content are durable; when it rejects, nothing of it
   * is left, if possible.
   * @param keep keeps the content at `where`, if there is any, and returns the record
   */
  async add(number: number, keep: (where: string) => Promise<PointRecord | CommitRecord>): Promise<Stored> {
    const key = newRecoveryKey(number)
    const point = recoveryName(key, 'point')
    const kept = recoveryName(key, 'kept')
    for (const name of OWN_FOLDERS) {
      for (let tries = 1; ; tries++) {
        const folder = await makeOwnFolder(this.#tree, name)
        if (!folder) break
        try {
          const record = await keep(folder.at(kept))
          await this.#write(folder, point, record)
          await this.#syncRoot()
          folder.release()
          return { folder: name, key, number, record }
        } catch (error) {
          for (const one of [point, kept]) await this.#tree.fs.unlink(folder.at(one)).catch(() => {})
          await removeOwnFolder(this.#tree, folder)
          // another process was done with our folder, and removed it meanwhile
          const code = errorCode(error instanceof SluiceError ? error.cause : error)
          if (code !== 'ENOENT' || tries === MOST_POINT_TRIES) throw error
        }
      }
    }
    const message = `every name for our folder is taken (${OWN_FOLDERS.join(', ')}); move one away`
    throw new SluiceError('ERR_WRITE', message, { path: OWN_FOLDERS[0] })
  }

  /** Replaces the record of a point. */
  async update(stored: Stored, record: PointRecord): Promise<void> {
    await this.#within(stored, (folder) => this.#write(folder, recoveryName(stored.key, 'point'), record))
    stored.record = record
  }

  /** Removes a point durably, and then what it kept. */
  async remove({ folder: name, key }: Stored): Promise<void> {
    const folder = await this.#tree.directory(name)
    try {
      await this.#unlink(folder, recoveryName(key, 'point'))
      // in the other order a power cut could bring back a point without its content
      if (this.#power) await folder.sync()
      await this.#unlink(folder, recoveryName(key, 'kept'))
    } finally {
      await removeOwnFolder(this.#tree, folder)
    }
  }

  /** The path of the content that a point kept, below the root of the tree. */
  keptPath({ folder, key }: Stored): string {
    return `${folder}/${recoveryName(key, 'kept')}`
  }

  /** Replaces the file whole: it is written under a temporary name first. */
  async #write(folder: Directory, name: string, record: PointRecord | CommitRecord): Promise<void> {
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

  async #read(folder: Directory, name: string): Promise<PointRecord | CommitRecord | undefined> {
    return decodePoint(await readWholeFile(this.#tree.fs, folder.at(name), name))
  }

  async #unlink(folder: Directory, name: string): Promise<void> {
    try {
      await this.#tree.fs.unlink(folder.at(name))
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }

  /** Our folder may be new. */
  async #syncRoot(): Promise<void> {
    if (this.#power) await this.#tree.sync('')
  }

  async #within({ folder: name }: Stored, act: (folder: Directory) => Promise<void>): Promise<void> {
    const folder = await this.#tree.directory(name)
    try {
      await act(folder)
    } finally {
      folder.release()
    }
  }
}
